"""Batches, epochs and validations as the contexts tell them apart; what a call of one usually takes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.streams import streams, taken_in
from tests.builders import make_run
from tracer.analyze.stretches import (
    STRETCH_SCOPES,
    Stretch,
    StretchScope,
    last_stretch,
    stretch_at,
    stretch_runs,
    stretches_before,
)
from tracer.analyze.typical import Calls, typical
from tracer.run import open_run
from tracer.run.events import Int64Array
from tracer.run.trace import Trace


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    run = make_run(tmp_path_factory.mktemp("runs") / "run", epochs=3, batches=5, val_batches=2, test_batches=3)
    return open_run(run).trace()


def all_of(trace: Trace, scope: StretchScope) -> list[Stretch]:
    last = last_stretch(trace, scope, ended=True)
    return [] if last is None else [*stretches_before(trace, last, 10_000), last]


def test_what_a_run_consists_of(trace: Trace) -> None:
    assert [one.epoch for one in all_of(trace, "epoch")] == [0, 1, 2]
    last = last_stretch(trace, "validation", ended=True)
    assert last is not None
    assert (last.stage_text, last.epoch) == ("test", -1)
    first, behind = stretch_runs(trace.contexts, "validation", 0, len(trace.contexts))
    stages = [int(trace.contexts.stage[index]) for index in first]
    assert stages == [0, 2, 2, 2, 3]
    assert (behind > first).all()
    first, _ = stretch_runs(trace.contexts, "batch", 0, len(trace.contexts))
    assert len(first) == 1 + 3 * (5 + 2) + 3


@pytest.mark.parametrize("scope", STRETCH_SCOPES)
def test_a_stretch_is_found_by_any_moment_in_it(trace: Trace, scope: StretchScope) -> None:
    for one in all_of(trace, scope):
        rows = range(*one.rows)
        for row in (rows[0], rows[len(rows) // 2]):
            assert stretch_at(trace, scope, int(trace.start_ns[row]), ended=True) == one
    end_ns = trace.now_ns + 1
    assert stretch_at(trace, "epoch", end_ns, ended=True) is None


@given(streams(), st.sampled_from(STRETCH_SCOPES), st.booleans())
def test_the_last_stretch_is_over_and_whole(events: Int64Array, scope: StretchScope, ended: bool) -> None:
    trace, _ = taken_in(events)
    found = last_stretch(trace, scope, ended)
    first, behind = stretch_runs(trace.contexts, scope, 0, len(trace.contexts))
    if found is None:
        return
    assert found.rows[1] > found.rows[0]
    assert (found.contexts[0], found.contexts[1]) in list(zip(first.tolist(), behind.tolist(), strict=True))
    assert ended or found.contexts[1] < len(trace.contexts)
    before = stretches_before(trace, found, 3)
    assert len(before) <= 3
    assert all(one.contexts[1] <= found.contexts[0] and one.rows[1] <= found.rows[0] for one in before)
    assert scope == "epoch" or all(one.stage == found.stage for one in before)


def test_the_last_batch_is_found_at_every_moment(tmp_path: Path) -> None:
    whole = open_run(make_run(tmp_path / "run", test_batches=2))
    events = 0
    reached = 0
    for events in range(20, 400, 25):
        trace = open_run(make_run(tmp_path / str(events), until=events)).trace()
        found = last_stretch(trace, "batch", ended=False)
        if found is None:
            continue
        assert found.rows[0] >= reached
        reached = found.rows[0]
        assert (trace.duration_ns[slice(*found.rows)] >= 0).all()
    assert reached > 0
    assert whole.state == "finished"


def calls(*stretches: list[tuple[int, int]]) -> Calls:
    """Calls of stretches as pairs of place and duration."""
    rows = [(number, *call) for number, stretch in enumerate(stretches) for call in stretch]
    stretch, place, duration = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return Calls(stretch, place, duration)


def test_a_call_is_compared_with_the_same_call_of_other_stretches() -> None:
    others = [[(7, 100), (7, 300 + extra), (8, 50)] for extra in (-2, -1, 0, 1, 2)]
    found = typical(calls([(7, 100), (7, 900), (9, 1)]), calls(*others), whole_ns=1000)
    assert found.of == 5
    assert found.median_ns[:2].tolist() == [100, 300]
    assert np.isnan(found.median_ns[2])
    assert found.slower.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("here_ns", "whole_ns", "spread_ns", "slower"),
    [
        (400, 1000, 1, True),
        (305, 1000, 1, False),  # less than a tenth
        (400, 100_000, 1, False),  # the stretch does not feel it
        (400, 1000, 100, False),  # it varies as much anyway
    ],
)
def test_what_is_slower_beyond_noise(here_ns: int, whole_ns: int, spread_ns: int, slower: bool) -> None:
    others = [[(1, 300 + spread_ns * step)] for step in (-2, -1, 0, 1, 2)]
    assert typical(calls([(1, here_ns)]), calls(*others), whole_ns).slower.tolist() == [slower]


def test_of_few_stretches_nobody_can_say_what_is_unusual() -> None:
    found = typical(calls([(1, 900)]), calls(*[[(1, 100)]] * 4), 1000)
    assert (found.of, found.median_ns.tolist(), found.slower.tolist()) == (4, [100], [False])
    nothing = Calls(*(np.empty(0, np.int64) for _ in range(3)))
    assert typical(calls([(1, 900)]), nothing, 1000).of == 0


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 999)), min_size=1, max_size=8), min_size=2))
def test_the_median_is_that_of_numpy(stretches: list[list[tuple[int, int]]]) -> None:
    shown, *others = stretches
    found = typical(calls(shown), calls(*others), 1)
    seen: dict[int, int] = {}
    for index, (place, _) in enumerate(shown):
        nth = seen[place] = seen.get(place, -1) + 1
        same = [own[nth] for stretch in others if len(own := [ns for at, ns in stretch if at == place]) > nth]
        assert np.isnan(found.median_ns[index]) if not same else found.median_ns[index] == np.median(same)
