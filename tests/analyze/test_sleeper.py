"""A callback that sleeps is named first among the times, with the time that it took: two real trainings."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch import Callback

from tests.analyze.comparing import compared
from tests.record.models import Plain, trainer
from tracer import HookTracer
from tracer.analyze.compare_verdict import verdict
from tracer.analyze.resample import typical

BATCHES = 64
SLEEP_S = 0.002


class Sleeper(Callback):
    """Sleeps after every batch, and measures for how long."""

    def __init__(self, sleep_s: float = SLEEP_S) -> None:
        self.sleep_s = sleep_s
        self.slept_ns: list[int] = []

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        start = time.perf_counter_ns()
        if self.sleep_s:  # sleeping for no time yields the processor, for any time
            time.sleep(self.sleep_s)
        self.slept_ns.append(time.perf_counter_ns() - start)


def train(path: Path, callbacks: Sequence[Callback]) -> Path:
    callbacks = [*callbacks, HookTracer(dirpath=path)]
    trainer(path, callbacks, max_epochs=1, limit_train_batches=BATCHES, limit_val_batches=0).fit(Plain())
    return path


@pytest.mark.parametrize("before", [[], [Sleeper(0)]], ids=["new", "slower"])
def test_it_is_named_first_with_its_size(tmp_path: Path, before: list[Sleeper]) -> None:
    sleeper = Sleeper()
    a, b = train(tmp_path / "a", before), train(tmp_path / "b", [sleeper])

    comparison = compared(a, b)

    assert comparison.main_unit is not None
    first = comparison.main_unit.changed[0]
    assert first.key.label == "Sleeper.on_train_batch_end"
    assert first.verdict == ("slower" if before else "added")
    slept_ns = typical(np.array(sleeper.slept_ns)) - (typical(np.array(before[0].slept_ns)) if before else 0)
    assert first.change_ns == pytest.approx(slept_ns, rel=0.05)
    assert comparison.times_changed[0] is first
    assert "Sleeper.on_train_batch_end is " in verdict(comparison)
