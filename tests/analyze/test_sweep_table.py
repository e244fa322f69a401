"""The table of a sweep: what of several trainings under several variants goes into which cell."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, make_run
from tracer.analyze.compare import Subject
from tracer.analyze.compare_times import Ratio
from tracer.analyze.digest import Calls
from tracer.analyze.sweep_table import Trained, sweep_table, together
from tracer.digests import subject
from tracer.run import open_run
from tracer.run.metrics import Metrics


def a_run(
    path: Path, callbacks: tuple[str, ...] = ("A",), hook_ns: int = MS, batches: int = 30, sanity: int = 1
) -> Subject:
    run = make_run(path, epochs=2, batches=batches, callbacks=callbacks, hook_ns=hook_ns, sanity=sanity)
    return subject(open_run(run))


def test_every_variant_stands_beside_the_first(tmp_path: Path) -> None:
    base = Trained("base", {turn: a_run(tmp_path / f"base{turn}") for turn in (0, 1)})
    same = Trained("same", {0: base.subjects[0], 1: base.subjects[1]})
    other = Trained("other", {1: a_run(tmp_path / "other", callbacks=("A", "B"), hook_ns=2 * MS)})
    bare = Trained("no sanity check", {0: a_run(tmp_path / "bare", sanity=0)})
    rows = {row.label: row for row in sweep_table([base, same, other, Trained("none came to its end", {}), bare])}

    assert list(rows) == ["base", "same", "other", "no sanity check"]
    assert rows["no sanity check"].gone == ("on_sanity_check_start", "on_sanity_check_end")
    assert (rows["base"].runs, rows["base"].ratio, rows["base"].verdict, rows["base"].lines) == (2, None, None, 0)
    assert rows["base"].per_s == pytest.approx(1e9 / (rows["base"].batch_ns or 0), rel=0.05)
    for row in (rows["base"], rows["same"]):
        assert not (row.gone or row.new or row.fewer or row.more or row.times)
        assert row.metrics == rows["base"].metrics
    assert rows["same"].verdict == "within noise"
    assert rows["same"].ratio is not None and rows["same"].ratio.value == 1.0

    changed = rows["other"]
    assert (changed.runs, changed.verdict) == (1, "slower")
    assert {"on_train_batch_start", "setup"} <= set(changed.new) and not changed.gone and not changed.fewer
    assert changed.lines > 0 and (changed.calls or 0) > (rows["base"].calls or math.inf)
    assert changed.ratio is not None and changed.ratio.value > 2


def test_hooks_change_in_five_ways(tmp_path: Path) -> None:
    one = a_run(tmp_path / "run", callbacks=())
    digest = one.digest
    batch = next(path for path in digest.turns if path.endswith("epoch > batch"))
    hooks = Counter(digest.actions[calls.action].hook for calls in digest.calls)
    alone = [it for it in digest.calls if it.path == batch and hooks[digest.actions[it.action].hook] == 1]
    gone, moved, fewer, more, new = alone[:5]
    changed = [it for it in digest.calls if it not in (gone, moved, fewer, more)]
    changed += [replace(moved, path=""), replace(fewer, count=1), replace(more, count=10**6)]
    rows = sweep_table(
        [
            Trained("a", {0: with_calls(one, [it for it in digest.calls if it != new])}),
            Trained("b", {0: with_calls(one, changed)}),
        ]
    )
    ways = (rows[1].gone, rows[1].moved, rows[1].fewer, rows[1].more, rows[1].new)
    assert ways == tuple((digest.actions[it.action].hook,) for it in (gone, moved, fewer, more, new))


def with_calls(one: Subject, calls: Iterable[Calls]) -> Subject:
    return replace(one, digest=replace(one.digest, calls=tuple(calls)))


def test_the_calls_of_a_batch_are_those_of_training(tmp_path: Path) -> None:
    row = sweep_table([Trained("base", {0: a_run(tmp_path / "run", batches=5)})])[0]
    trace = open_run(tmp_path / "run").trace()
    stage, batch = trace.column("stage"), trace.column("batch")
    in_batches = int(((stage == 1) & (batch >= 0)).sum())
    assert row.calls == in_batches / 10


def test_the_metrics_at_the_end_are_the_last_that_were_logged(tmp_path: Path) -> None:
    one, nan, logged = a_run(tmp_path / "run"), np.nan, -np.nan
    columns: dict[str, list[float]] = {
        "step": [0, 1, 2],
        "loss": [3.0, 1.0, nan],
        "broken": [1.0, logged, nan],
        "never": [nan, nan, nan],
    }
    first = replace(one, metrics=Metrics({name: np.array(values) for name, values in columns.items()}))
    second = replace(one, metrics=Metrics({name: np.array(values[:2]) + 1 for name, values in columns.items()}))
    metrics = sweep_table([Trained("both", {0: first, 1: second})])[0].metrics
    assert list(metrics) == ["loss", "broken"]
    assert metrics["loss"] == 1.5 and math.isnan(metrics["broken"])


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6))
def test_several_ratios_become_one_between_its_bounds(values: list[float]) -> None:
    one = together([Ratio(value, value * 0.9, value * 1.1) for value in values])
    assert min(values) * 0.999 <= one.value <= max(values) * 1.001
    assert one.low is not None and one.high is not None
    assert one.low <= one.value * 1.001 and one.value <= one.high * 1.001
    turned = together([Ratio(1 / value, 1 / value / 1.1, 1 / value / 0.9) for value in values])
    assert turned.value == pytest.approx(1 / one.value)


def test_of_few_turns_the_widest_interval_counts_and_of_more_their_own_spread() -> None:
    two = together([Ratio(2.0, 1.0, 3.0), Ratio(2.0, 1.5, 4.0)])
    assert (round(two.value, 9), two.low, two.high) == (2.0, 1.0, 4.0)
    unsure = together([Ratio(2.0, 1.0, 3.0), Ratio(2.0)])
    assert (unsure.low, unsure.high) == (None, None)
    steady = together([Ratio(2.0, 1.0, 4.0)] * 3)
    assert steady.low == pytest.approx(2.0) and steady.high == pytest.approx(2.0)
