"""Calls after an exception: in the trainer's function, and in none of the loops that the exception has ended."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.folding import assert_folds
from tests.analyze.streams import script_actions, taken_in
from tests.builders import Script, records
from tracer.analyze.fold_lines import FoldedLine, explain_lines
from tracer.analyze.loops import LoopNode, LoopTree
from tracer.run.layout import FUNCTIONS, STAGES


def _save(play: Script) -> Iterator[None]:
    play.span("loop", "", "save_checkpoint")
    yield


def _failing(function: str, stage: str) -> Script:
    """A trainer call that fails in its third batch, and another one after it that ends well."""
    play = Script(callbacks=("ModelCheckpoint",))
    for last in (2, 4):
        play.mark(call=FUNCTIONS.index(function), stage=STAGES.index(stage))
        play.hook("setup")
        if function == "fit":
            play.mark(epoch=0)
        for batch in range(last):
            play.mark(batch=batch)
            play.span("strategy", "SingleDeviceStrategy", f"{stage}_step")
        if last == 2:
            play.hook("on_exception")
            play.span("callback", "ModelCheckpoint", "on_exception", _save(play))
        else:
            play.mark(batch=None)
            play.hook("teardown")
    return play


@pytest.mark.parametrize(("function", "stage"), [("fit", "train"), ("test", "test"), ("validate", "validate")])
def test_it_stands_in_the_function_alone(function: str, stage: str) -> None:
    play = _failing(function, stage)
    trace, tree = taken_in(records(play.events), script_actions(play))
    assert not _loops_around(explain_lines(trace, {}), "on_exception")
    assert not _loops_around(explain_lines(trace, {}), "save_checkpoint")
    labels = {node.label: node for node in tree.nodes()}
    assert tree.nodes()[0].label == function
    assert labels["TinyModel.on_exception"].parent == tree.nodes()[0].id
    assert_folds(trace)


def _loops_around(lines: Sequence[FoldedLine], hook: str) -> list[str]:
    """The counted loops around the first line of a hook."""
    at = next(index for index, line in enumerate(lines) if line.text == hook)
    depth, found = lines[at].depth, []
    for line in reversed(lines[:at]):
        if line.depth < depth:
            depth = line.depth
            found += [line.text] * line.text.startswith("for ")
    return found


def test_the_recorded_place_is_still_where_the_exception_came_from() -> None:
    play = _failing("fit", "train")
    trace, _ = taken_in(records(play.events), script_actions(play))
    spans = [trace.span(row) for row in range(len(trace))]
    assert {(span.epoch, span.batch) for span in spans if span.action.hook == "on_exception"} == {(0, 1)}


@given(st.lists(st.integers(0, 60), max_size=6))
def test_the_loops_do_not_depend_on_the_portions(cuts: list[int]) -> None:
    play = _failing("fit", "train")
    _, whole = taken_in(records(play.events), script_actions(play))
    _, cut = taken_in(records(play.events), script_actions(play), cuts)
    assert _described(cut) == _described(whole)


def _described(tree: LoopTree) -> list[tuple[LoopNode, int, int]]:
    return [(node, int(tree.count[node.id]), int(tree.total_ns[node.id])) for node in tree.nodes()]


def test_a_trace_without_exceptions_is_not_copied() -> None:
    play = Script()
    play.mark(call=0)
    play.hook("setup")
    trace, tree = taken_in(records(play.events), script_actions(play))
    assert np.shares_memory(tree.places.unwound.contexts(trace, slice(None)), trace.context)
