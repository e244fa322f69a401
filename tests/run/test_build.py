"""Laws of turning events into spans: however the stream is cut, and however badly it nests."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import enter, leave, mark, records, script
from tracer.run import match
from tracer.run.build import MAX_DEPTH, TraceBuilder
from tracer.run.events import Action, Int64Array
from tracer.run.layout import Mark
from tracer.run.trace import CONTEXT_FIELDS, ERROR, OPEN, Trace

STARTED_AT = datetime(2026, 1, 2, tzinfo=UTC)
COLUMNS = ("action", "parent", "depth", "start_ns", "duration_ns", "self_ns", "status", "context")


def _trace(*portions: Int64Array) -> Trace:
    builder = TraceBuilder(0, STARTED_AT)
    for portion in portions:
        builder.feed(portion, ())
    return builder.trace()


def _same(one: Trace, other: Trace) -> bool:
    columns = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)
    contexts = all(
        np.array_equal(getattr(one.contexts, name), getattr(other.contexts, name)) for name in CONTEXT_FIELDS
    )
    return columns and contexts and one.open_rows == other.open_rows and one.now_ns == other.now_ns


def check_tree(trace: Trace) -> None:
    """What holds of every trace: children lie inside their parents, self times add up, rows are in order."""
    parents = trace.parent
    inner = parents >= 0
    assert (parents < np.arange(len(trace))).all()
    assert (trace.depth[inner] == trace.depth[parents[inner]] + 1).all()
    assert (trace.depth[~inner] == 0).all()
    closed = trace.duration_ns >= 0
    assert ((trace.status == OPEN) == ~closed).all()
    ends = np.where(closed, trace.start_ns + trace.duration_ns, trace.now_ns)
    assert (trace.start_ns[inner] >= trace.start_ns[parents[inner]]).all()
    assert (ends[inner] <= ends[parents[inner]]).all()
    assert (trace.self_ns[closed] <= trace.duration_ns[closed]).all()
    assert list(trace.open_rows) == np.flatnonzero(~closed).tolist()


@st.composite
def streams(draw: st.DrawFn, *, nested: bool = False) -> Int64Array:
    """Streams of any nesting: enters, leaves (also of what is not open), marks, error marks; time never goes back."""
    moves = draw(st.lists(st.tuples(st.sampled_from("eellm!"), st.integers(0, 4), st.integers(0, 9)), max_size=60))
    events: list[int] = []
    stack: list[int] = []
    now = 0
    for move, number, gap in moves:
        now += gap
        if move == "e":
            events.append(enter(number, now))
            stack.append(number)
        elif move == "l" and nested and stack:
            events.append(leave(stack.pop(), now))
        elif move == "l" and not nested:
            events.append(leave(number, now))
        elif move == "m":
            kind = list(Mark)[number]
            events.append(mark(kind, gap % 4 or None))
        elif move == "!":
            events.append(mark(Mark.ERROR, None))
    return records(events)


@given(streams(), st.data())
def test_does_not_depend_on_how_the_stream_is_cut(events: Int64Array, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=8)))
    portions = [events[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(events)], strict=True)]
    assert _same(_trace(*portions), _trace(events))


@given(streams())
def test_is_a_tree_whatever_the_nesting(events: Int64Array) -> None:
    trace = _trace(events)
    check_tree(trace)
    assert len(trace) == int(((events >> 52) >= 0).sum() - ((events >> 52) >= Mark.CALL).sum())


@given(streams(nested=True))
def test_array_operations_agree_with_walking(events: Int64Array) -> None:
    codes = events >> 52
    codes = codes[codes < Mark.CALL]
    fast, slow = match.match(codes, 0), match._walk(codes, 0)
    for name in ("depth", "parent", "closed", "leave", "open", "broken"):
        assert getattr(fast, name).tolist() == getattr(slow, name).tolist()


@given(streams(nested=True))
def test_self_times_of_a_closed_tree_add_up_to_the_whole(events: Int64Array) -> None:
    trace = _trace(events)
    if not trace.open_rows:
        assert trace.self_ns.sum() == trace.duration_ns[trace.parent < 0].sum()


@given(streams(), st.data())
def test_deltas_say_what_changed(events: Int64Array, data: st.DataObject) -> None:
    builder = TraceBuilder(0, STARTED_AT)
    cut = data.draw(st.integers(0, len(events)))
    rows, closed = 0, []
    for portion in (events[:cut], events[cut:]):
        delta = builder.feed(portion, ())
        assert delta.first_row == rows
        rows = delta.rows
        closed += delta.closed.tolist()
    trace = builder.trace()
    assert rows == len(trace)
    assert sorted(closed) == np.flatnonzero(trace.duration_ns >= 0).tolist()
    ends = (trace.start_ns + trace.duration_ns)[closed]
    assert (np.diff(ends) >= 0).all()
    assert trace.ended().tolist() == closed


def test_leaked_span_ends_with_the_one_around_it() -> None:
    trace = _trace(records([enter(0, 0), enter(1, 10), enter(2, 20), leave(0, 50), enter(3, 60), leave(3, 70)]))
    assert trace.duration_ns.tolist() == [50, 40, 30, 10]
    assert trace.self_ns.tolist() == [10, 10, 30, 10]
    assert trace.status.tolist() == [0, ERROR, ERROR, 0]
    assert trace.depth.tolist() == [0, 1, 2, 0]


def test_leave_of_what_is_not_open_is_passed_over() -> None:
    trace = _trace(records([leave(7, 0), enter(0, 10), leave(7, 20), leave(0, 30)]))
    assert trace.duration_ns.tolist() == [20]


def test_time_does_not_go_back_where_threads_got_into_each_others_way() -> None:
    events = records([enter(0, 100), enter(1, 90), leave(1, 95), enter(2, 120), leave(2, 110), leave(0, 130)])
    trace = _trace(events)
    assert trace.start_ns.tolist() == [100, 100, 120]
    assert trace.duration_ns.tolist() == [30, 0, 0]
    assert _same(_trace(events[:1], events[1:4], events[4:]), trace)


def test_room_can_be_reserved_at_any_time() -> None:
    builder = TraceBuilder(0, STARTED_AT)
    events = records(script().events)
    builder.feed(events[:50], ())
    before = builder.trace()
    builder.reserve(5_000)
    builder.feed(events[50:], ())
    assert _same(builder.trace(), _trace(events))
    assert _same(before, _trace(events[:50]))


def test_error_mark_in_the_next_portion() -> None:
    trace = _trace(records([enter(0, 0), leave(0, 5)]), records([mark(Mark.ERROR, None), enter(1, 9)]))
    assert trace.status.tolist() == [ERROR, OPEN]


def test_nesting_deeper_than_any_loop() -> None:
    depth = 5000
    events = records([*(enter(1, index) for index in range(depth)), *(leave(1, depth + i) for i in range(depth))])
    trace = _trace(events)
    check_tree(trace)
    assert trace.depth.max() == depth - 1


def test_what_nests_deeper_than_any_program_is_left_out() -> None:
    events = records([enter(index % 7, index) for index in range(MAX_DEPTH + 50)])
    whole = _trace(events)
    assert len(whole) == MAX_DEPTH
    assert "more than 10,000 calls inside one another" in str(whole.gap)
    assert _same(_trace(events[:4000], events[4000 : MAX_DEPTH + 20], events[MAX_DEPTH + 20 :]), whole)


def test_context_holds_from_the_next_event_on() -> None:
    events = [
        mark(Mark.CALL, 0),
        mark(Mark.STAGE, 1),
        enter(0, 10),
        mark(Mark.EPOCH, 3),
        mark(Mark.BATCH, 0),
        enter(1, 20),
        mark(Mark.STEP, 1),
        leave(1, 30),
        enter(1, 40),
        leave(1, 50),
        leave(0, 60),
    ]
    trace = _trace(records(events))
    first, second, third = (trace.span(row) for row in range(3))
    assert (first.stage, first.epoch, first.batch, first.global_step) == ("train", None, None, None)
    assert (second.stage, second.epoch, second.batch, second.global_step) == ("train", 3, 0, None)
    assert third.global_step == 1
    assert trace.contexts.first_row.tolist() == [0, 1, 2]
    assert trace.contexts.start_ns.tolist() == [10, 20, 30]


def test_values_that_mean_nothing_read_as_none() -> None:
    trace = _trace(records([mark(Mark.STAGE, 99), mark(Mark.EPOCH, 1 << 40), enter(0, 1)]))
    assert trace.span(0).stage is None
    assert trace.span(0).epoch is None


def test_unknown_actions_have_a_name() -> None:
    builder = TraceBuilder(0, STARTED_AT)
    builder.feed(records([enter(0, 0), enter(5, 1)]), [Action(0, "module", "M", 0, "setup")])
    labels = [builder.trace().actions[number].label for number in builder.trace().action]
    assert labels == ["M.setup", "action-5"]


def test_columns_cannot_be_written() -> None:
    trace = _trace(records([enter(0, 0)]))
    with pytest.raises(ValueError, match="read-only"):
        trace.action[0] = 1


def test_a_whole_training() -> None:
    play: Any = script(epochs=3, batches=5, test_batches=2)
    trace = _trace(records(play.events))
    check_tree(trace)
    assert trace.column("epoch").max() == 2
    assert sorted(set(trace.contexts.function.tolist())) == [0, 2]
