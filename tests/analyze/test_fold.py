"""The fold loses nothing: what it is expanded to is what was folded, for every run."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.folding import assert_folds, assert_lossless
from tests.analyze.streams import script_actions, streams, taken_in
from tests.builders import records, script
from tracer.analyze.fold import fold
from tracer.analyze.fold_align import merged
from tracer.analyze.fold_shapes import GROUP, repeats
from tracer.analyze.fold_tokens import Tokens, tokens
from tracer.run.events import Int64Array
from tracer.run.trace import Trace


def played(**options: int) -> Trace:
    """The trace of a played fit."""
    play = script(**options)  # type: ignore[arg-type]  # the numbers among its options
    return taken_in(records(play.events), script_actions(play))[0]


@given(streams())
def test_no_trace_loses_anything(events: Int64Array) -> None:
    assert_folds(taken_in(events)[0])


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-4, 1)), max_size=80))
def test_no_structure_loses_anything(steps: list[tuple[int, int]]) -> None:
    depth, depths = -1, []
    for _, step in steps:
        depth = max(0, min(depth + 1, depth + step))
        depths.append(depth)
    code = np.array([code for code, _ in steps], np.int32)
    assert_lossless(Tokens(code, np.array(depths, np.int32), np.zeros(len(code), np.int32)))


@given(st.integers(0, 400))
def test_a_run_that_ends_anywhere_folds(until: int) -> None:
    play = script()
    trace, _ = taken_in(records(play.events[:until]), script_actions(play))
    assert_lossless(tokens(trace))


@given(st.lists(st.lists(st.integers(0, 4), max_size=9), min_size=1, max_size=5))
def test_merged_sequence_holds_each(sequences: list[list[int]]) -> None:
    whole, places = merged(sequences)
    for sequence, found in zip(sequences, places, strict=True):
        assert [whole[place] for place in found] == sequence
        assert found == sorted(set(found))


def test_repeats_are_found_from_left_to_right() -> None:
    assert list(repeats([1, 2, 3, 2, 3, 2, 3, 4, 5, 4, 5])) == [(1, 2, 3), (7, 2, 2)]


def test_a_deep_nest_folds() -> None:
    depth = np.arange(3000, dtype=np.int32)
    assert_lossless(Tokens(np.zeros(3000, np.int32), depth, depth))


def test_the_loop_is_written_once() -> None:
    one, many = (fold(tokens(played(epochs=epochs, batches=batches))) for epochs, batches in ((2, 4), (5, 40)))
    assert [part.code for part in one.walk()] == [part.code for part in many.walk()]
    assert [part.turns for part in many.walk() if part.loop == "batch"] == [1, 200, 10]
    assert all(part.present is None for part in many.walk())


def test_a_group_is_no_level() -> None:
    whole = assert_lossless(Tokens(*(np.array(values, np.int32) for values in ([1, 2, 1, 2], [0] * 4, [0] * 4))))
    assert [part.code for part in whole.walk()] == [GROUP, GROUP, 1, 2]
