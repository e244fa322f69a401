"""The table of a sweep: what of several trainings under several variants goes into which cell."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import MS, make_run
from tracer.analyze.sweep_measure import Measured, measure
from tracer.analyze.sweep_table import Ratio, Trained, batch_ratio, sweep_table, together
from tracer.run import open_run
from tracer.run.metrics import Metrics


def measured(
    path: Path, callbacks: tuple[str, ...] = ("A",), hook_ns: int = MS, batches: int = 30, sanity: int = 1
) -> Measured:
    run = open_run(make_run(path, batches=batches, callbacks=callbacks, hook_ns=hook_ns, sanity=sanity))
    return measure(run.trace(), run.info, run.metrics())


def test_every_variant_stands_beside_the_first(tmp_path: Path) -> None:
    base = Trained("base", {turn: measured(tmp_path / f"base{turn}") for turn in (0, 1)})
    same = Trained("same", dict(base.by_turn))
    other = Trained("other", {1: measured(tmp_path / "other", callbacks=("A", "B"), hook_ns=2 * MS)})
    bare = Trained("no sanity check", {0: measured(tmp_path / "bare", sanity=0)})
    longer = Trained("longer", {0: measured(tmp_path / "longer", batches=47)})
    variants = [base, same, other, Trained("none came to its end", {}), bare, longer]
    rows = {row.label: row for row in sweep_table(variants)}

    assert list(rows) == ["base", "same", "other", "no sanity check", "longer"]
    assert (rows["base"].runs, rows["base"].ratio, rows["base"].verdict) == (2, None, None)
    assert rows["base"].per_s == pytest.approx(1e9 / (rows["base"].batch_ns or 0), rel=0.05)
    for row in (rows["base"], rows["same"], rows["longer"]):
        assert not (row.gone or row.new or row.moved or row.fewer or row.more)
    assert rows["same"].verdict == rows["longer"].verdict == "within noise"
    assert rows["same"].ratio is not None and rows["same"].ratio.value == 1.0
    assert rows["no sanity check"].gone == ("on_sanity_check_start", "on_sanity_check_end")

    changed = rows["other"]
    assert (changed.runs, changed.verdict) == (1, "slower")
    assert {"on_train_batch_start", "setup"} <= set(changed.new) and not changed.gone and not changed.fewer
    assert (changed.calls or 0) > (rows["base"].calls or math.inf)
    assert changed.ratio is not None and changed.ratio.value > 2


def test_hooks_change_in_five_ways(tmp_path: Path) -> None:
    one = measured(tmp_path / "run")
    batch = next(path for path in one.turns if path.endswith("epoch > batch"))
    hooks = sorted({hook for hook, path in one.calls if path == batch}, key=str)[:5]
    gone, moved, fewer, more, new = hooks
    calls = {place: count for place, count in one.calls.items() if place[0] != new}
    changed = {place: count for place, count in one.calls.items() if place not in ((gone, batch), (moved, batch))}
    changed |= {(moved, ""): 3, (fewer, batch): 1, (more, batch): 10**6}
    table = sweep_table([Trained("a", {0: replace(one, calls=calls)}), Trained("b", {0: replace(one, calls=changed)})])
    ways = (table[1].gone, table[1].moved, table[1].fewer, table[1].more, table[1].new)
    for hook, labels in zip(hooks, ways, strict=True):
        assert [label for label in labels if label in (hook.name, one.labels[hook])]
        assert len(labels) == 1


def test_the_calls_of_a_batch_are_those_of_training(tmp_path: Path) -> None:
    row = sweep_table([Trained("base", {0: measured(tmp_path / "run", batches=5)})])[0]
    trace = open_run(tmp_path / "run").trace()
    stage, batch = trace.column("stage"), trace.column("batch")
    assert row.calls == int(((stage == 1) & (batch >= 0)).sum()) / 10


def test_the_metrics_at_the_end_are_the_last_that_were_logged(tmp_path: Path) -> None:
    run, nan, logged = open_run(make_run(tmp_path / "run")), math.nan, -math.nan
    columns: dict[str, list[float]] = {"loss": [3.0, 1.0, nan], "broken": [1.0, logged, nan], "never": [nan, nan, nan]}
    first, second = (
        measure(run.trace(), run.info, Metrics({name: np.array(values[:rows]) for name, values in columns.items()}))
        for rows in (3, 1)
    )
    metrics = sweep_table([Trained("both", {0: first, 1: second})])[0].metrics
    assert list(metrics) == ["loss", "broken"]
    assert metrics["loss"] == 2.0 and math.isnan(metrics["broken"])


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(10, 400), st.floats(0.2, 5))
def test_a_ratio_lies_within_its_bounds_and_turns_with_the_sides(seed: int, batches: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    a, b = (random.lognormal(math.log(1e7 * scale), 0.1, batches).astype(np.int64) for scale in (1.0, factor))
    there, back = batch_ratio(a, b), batch_ratio(b, a)
    assert there is not None and back is not None and there.low is not None and there.high is not None
    assert there.low <= there.value <= there.high
    assert back.value == pytest.approx(1 / there.value)
    assert batch_ratio(a[:0], b) is None
    few = batch_ratio(a[:5], b)
    assert few is not None and few.low is None


def test_what_differs_by_noise_alone_is_called_noise_and_a_slowdown_is_not() -> None:
    random = np.random.default_rng(7)
    verdicts = []
    for factor in (1.0, 1.0, 1.3, 1.3):
        turns = [(random.lognormal(16, 0.2, 300), random.lognormal(16, 0.2, 300) * factor) for _ in range(3)]
        ratio = together([batch_ratio(a.astype(np.int64), b.astype(np.int64)) for a, b in turns])
        assert ratio is not None and ratio.low is not None and ratio.high is not None
        verdicts.append(ratio.low <= 1 <= ratio.high)
    assert verdicts == [True, True, False, False]


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6))
def test_several_ratios_become_one_between_its_bounds(values: list[float]) -> None:
    one = together([Ratio(value, value * 0.9, value * 1.1) for value in values])
    assert one is not None and one.low is not None and one.high is not None
    assert min(values) * 0.999 <= one.value <= max(values) * 1.001
    assert one.low <= one.value * 1.001 and one.value <= one.high * 1.001


def test_of_few_turns_the_widest_interval_counts_and_of_more_their_own_spread() -> None:
    two = together([Ratio(2.0, 1.0, 3.0), Ratio(2.0, 1.5, 4.0)])
    assert two is not None
    assert (round(two.value, 9), two.low, two.high) == (2.0, 1.0, 4.0)
    unsure = together([Ratio(2.0, 1.0, 3.0), Ratio(2.0), None])
    assert unsure is not None and (unsure.low, unsure.high) == (None, None)
    steady = together([Ratio(2.0, 1.0, 4.0)] * 3)
    assert steady is not None and steady.low == pytest.approx(2.0) and steady.high == pytest.approx(2.0)
    assert together([None]) is None
