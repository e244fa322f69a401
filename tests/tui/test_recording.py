"""Laws of going to a moment: the past is what it was, however one got there and however the stream was cut."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analyze.streams import ACTIONS, STARTED_AT, script_actions, streams, taken_in
from tests.analyze.test_loops import everything
from tests.builders import enter, leave, mark, records, script
from tests.run.test_build import streams as any_streams
from tracer.analyze import history
from tracer.analyze.stats import LiveStats
from tracer.run.build import TraceBuilder
from tracer.run.events import Action, Int64Array, event_codes, event_values
from tracer.run.layout import MAX_ACTIONS, Mark
from tracer.run.trace import CONTEXT_FIELDS, Trace
from tui import recording
from tui.recording import Past, Recording

CUTS = st.lists(st.integers(0, 130), max_size=4)
TIMES = st.lists(st.integers(-1, 200), min_size=1, max_size=8)
COLUMNS = ("action", "parent", "depth", "start_ns", "duration_ns", "self_ns", "status", "context")


@pytest.fixture(autouse=True)
def _copies_close_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise no stream of a test reaches the first copy."""
    monkeypatch.setattr(history, "_APART", 7)
    monkeypatch.setattr(recording, "_PORTION", 16)


def until(events: Int64Array, time_ns: int) -> Int64Array:
    """The events up to a time, with the marks that say how the last of them ended."""
    codes, last = event_codes(events), 0
    latest = 0
    for index, (code, value) in enumerate(zip(codes.tolist(), event_values(events).tolist(), strict=True)):
        if code < MAX_ACTIONS:
            latest = max(latest, value)
            if latest > time_ns:
                break
            last = index + 1
        elif code == Mark.ERROR and last == index:
            last = index + 1
    return events[:last]


def columns(trace: Trace) -> list[list[int]]:
    found = [getattr(trace, name).tolist() for name in COLUMNS]
    found += [getattr(trace.contexts, name).tolist() for name in CONTEXT_FIELDS]
    return [*found, list(trace.open_rows), [trace.now_ns]]


def recorded(events: Int64Array, cuts: list[int], actions: tuple[Action, ...] = ACTIONS) -> Recording:
    kept = Recording(STARTED_AT)
    for portion in np.split(events, sorted(min(cut, len(events)) for cut in cuts)):
        kept.feed(portion, actions)
    return kept


def check(past: Past, events: Int64Array, time_ns: int, actions: tuple[Action, ...] = ACTIONS) -> None:
    """The past is what was known then."""
    trace, tree = taken_in(until(events, time_ns), actions)
    assert columns(past.trace) == columns(trace)
    assert everything(past.loops) == everything(tree)
    assert past.loops.open_nodes(past.trace) == tree.open_nodes(trace)
    assert past.loops.path_of(np.arange(len(trace))).tolist() == tree.path_of(np.arange(len(trace))).tolist()
    stats = LiveStats()
    builder = TraceBuilder(0, STARTED_AT)
    delta = builder.feed(until(events, time_ns), actions)
    stats.advance(builder.trace(), delta)
    assert past.stats.top(100) == stats.top(100)


@given(streams(), CUTS, TIMES)
def test_any_seeks_give_what_a_fresh_build_gives(events: Int64Array, cuts: list[int], times: list[int]) -> None:
    kept = recorded(events, cuts)
    for time_ns in times:
        check(kept.at(time_ns), events, time_ns)


@given(any_streams(), CUTS, TIMES)
def test_so_they_do_in_streams_that_nest_badly(events: Int64Array, cuts: list[int], times: list[int]) -> None:
    kept = recorded(events, cuts, ())
    for time_ns in times:
        past, (trace, _) = kept.at(time_ns), taken_in(until(events, time_ns), ())
        assert columns(past.trace)[:-1] == columns(trace)[:-1]  # now_ns knows no leave that left nothing


@dataclass(frozen=True)
class Grow:
    """Take in so many more records."""

    count: int


MOVES = st.lists(st.one_of(st.integers(-1, 200), st.integers(0, 40).map(Grow)), max_size=12)


@given(streams(), MOVES)
def test_a_run_that_grows_meanwhile_changes_no_past(events: Int64Array, moves: list[int | Grow]) -> None:
    kept = Recording(STARTED_AT)
    fed = 0
    for move in moves:
        if isinstance(move, Grow):
            kept.feed(events[fed : fed + move.count], ACTIONS)
            fed = min(len(events), fed + move.count)
        else:
            check(kept.at(move), events[:fed], move)


@settings(max_examples=10)
@given(st.data())
def test_any_moment_of_a_training_comes_back(data: st.DataObject) -> None:
    play = script(epochs=2, batches=3, val_batches=1)
    events, actions = records(play.events), script_actions(play)
    kept = recorded(events, data.draw(CUTS), actions)
    for time_ns in data.draw(st.lists(st.integers(0, play.now_ns), min_size=1, max_size=5)):
        check(kept.at(time_ns), events, time_ns, actions)


def test_what_is_between_two_positions_is_what_a_feed_would_have_said() -> None:
    play = script(epochs=1, batches=2)
    events, actions = records(play.events), script_actions(play)
    kept = recorded(events, [], actions)
    first, last = kept.at(10_000_000).position, kept.at(30_000_000).position
    builder = TraceBuilder(0, STARTED_AT)
    builder.feed(until(events, 10_000_000), actions)
    delta = builder.feed(events[len(until(events, 10_000_000)) : len(until(events, 30_000_000))], actions)
    between = kept.between(first, last)
    assert (between.first_row, between.rows, between.closed.tolist()) == (
        delta.first_row,
        delta.rows,
        delta.closed.tolist(),
    )


def test_an_error_that_is_known_only_with_the_next_record() -> None:
    kept = Recording(STARTED_AT)
    kept.feed(records([enter(0, 0), enter(1, 1), leave(1, 5)]), ACTIONS)
    assert kept.at(5).trace.status.tolist() == [2, 0]
    kept.feed(records([mark(Mark.ERROR, None), leave(0, 9)]), ACTIONS)
    assert kept.at(5).trace.status.tolist() == [2, 1]
    assert kept.at(9).trace.status.tolist() == [0, 1]
