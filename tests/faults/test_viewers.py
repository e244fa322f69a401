"""Whoever looks at a training, and whatever they write on its control page: it computes the same, and nobody waits."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, seed_everything

from tests.record.models import Plain, trainer, weights
from tracer import HookTracer, open_run
from tracer.run.control import ControlViewer
from tracer.run.layout import CONTROL_FILE, PAUSE_HOOK
from tracer.run.page import PAGE_BYTES, REQUESTS, RING
from tui.live import LiveFeed

_VIEWERS = 100


def _train(root: Path, callbacks: list[Callback]) -> list[torch.Tensor]:
    seed_everything(1, verbose=False)
    run = trainer(root, callbacks, limit_train_batches=12, logger=False, enable_checkpointing=False)
    run.fit(model := Plain())
    assert run.global_step == 12
    return weights(model)


def _same(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


class _Crowd(Callback):
    """Attaches a hundred viewers, lets each look in every fourth batch, and takes none of them off."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self.feeds: list[LiveFeed] = []
        self._viewers: list[ControlViewer] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx % 4:
            return
        if not self.feeds:
            self.feeds = [LiveFeed(self._run_dir) for _ in range(_VIEWERS)]
            self._viewers = [ControlViewer(self._run_dir) for _ in range(_VIEWERS)]
        for viewer in self._viewers:
            assert viewer.status().listening
            viewer.beat()
        self.feeds[0].poll()


def test_a_hundred_viewers_at_once_hold_nobody_up(tmp_path: Path) -> None:
    crowd = _Crowd(tmp_path / "run")
    assert _same(_train(tmp_path, [crowd, HookTracer(tmp_path / "run")]), _train(tmp_path, []))
    trace = open_run(tmp_path / "run").trace()
    assert PAUSE_HOOK not in {action.hook for action in trace.actions}
    moments = [feed.poll() for feed in crowd.feeds]
    assert {moment.state for moment in moments} == {"finished"}
    assert {len(moment.trace or ()) for moment in moments} == {len(trace)}


class _Scribbler(Callback):
    """Writes anything on the control page in every batch, half a word at a time."""

    def __init__(self, run_dir: Path, seed: int) -> None:
        self._path = run_dir / CONTROL_FILE
        self._random = Random(seed)

    def on_train_batch_start(self, *args: Any) -> None:
        random = self._random
        with self._path.open("r+b", buffering=0) as file:
            file.seek(random.choice((8, 12, 8 * REQUESTS, 8 * (REQUESTS + RING), random.randrange(8, PAGE_BYTES))))
            file.write(random.randbytes(min(random.choice((4, 7, 64, 2048)), PAGE_BYTES - file.tell())))


@pytest.mark.parametrize("seed", range(4))
def test_garbage_on_the_page_changes_no_training(seed: int, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    assert _same(_train(tmp_path, [_Scribbler(run_dir, seed), HookTracer(run_dir)]), _train(tmp_path, []))
    run = open_run(run_dir)
    assert (run.state, run.info.dropped) == ("finished", None)
    assert len(run.trace()) > 100
