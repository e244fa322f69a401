"""Laws that hold from the recorder to the reader, whatever a program does and wherever its stream is cut."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import enter, leave, mark, records
from tests.run.test_build import check_tree, streams
from tracer.analyze.stats import HookStat, hook_stats
from tracer.record.describe import Owner
from tracer.record.spans import SpanTable
from tracer.record.writer import EventWriter
from tracer.run.build import TraceBuilder
from tracer.run.events import Action, EventTail, Int64Array
from tracer.run.layout import Mark, events_file
from tracer.run.trace import STATUS, Trace

STARTED_AT = datetime(2026, 1, 2, tzinfo=UTC)


def _trace(events: Int64Array, actions: tuple[Action, ...] = ()) -> Trace:
    builder = TraceBuilder(0, STARTED_AT)
    builder.feed(events, actions)
    return builder.trace()


def _unexpected(error: Exception) -> None:
    raise AssertionError(error)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1 << 51)), min_size=1, max_size=40), st.data())
def test_what_was_written_is_read_back_up_to_where_it_is_cut(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    now_ns, written = 0, [mark(Mark.CALL, 0)]
    for number, gap in pairs:
        now_ns = min(now_ns + gap, (1 << 52) - 2)
        written += (enter(number, now_ns), leave(number, now_ns))
    with TemporaryDirectory() as directory:
        buffer: list[int] = []
        writer = EventWriter(buffer, perf_counter_ns(), _unexpected)
        writer.start(Path(directory), 0)
        for first in range(0, len(written), 7):
            buffer += written[first : first + 7]
            writer.flush()
        writer.close()
        stream = Path(directory) / events_file(0, 0)
        whole = stream.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        stream.write_bytes(whole[:cut])
        tail = EventTail(Path(directory))
        read = tail.read()
    assert read.tolist() == written[: cut // 8]
    assert tail.gap is None
    check_tree(_trace(read))


class _Listener:
    """The least that a table of spans needs; keeps the actions."""

    def __init__(self) -> None:
        self.trainer: Any = None
        self.base_ns = perf_counter_ns()
        self.actions: list[Action] = []

    def before(self, hook: str) -> None:
        """Nothing has to run."""

    def after(self, hook: str) -> None:
        """Nothing has to run."""

    def fault(self, error: Exception) -> None:
        raise error

    def new_action(self, number: int, owner: Owner, hook: str) -> None:
        self.actions.append(Action(number, owner.kind, owner.name, owner.instance, hook))


class _Boom(Exception):
    """What a hook of a made-up program raises."""


_PROGRAMS = st.recursive(
    st.tuples(st.sampled_from("abcd"), st.just(()), st.booleans()),
    lambda inside: st.tuples(st.sampled_from("abcd"), st.lists(inside, max_size=4).map(tuple), st.booleans()),
    max_leaves=25,
)
"""A hook's name, the hooks that it calls, and whether it raises in the end; who calls it catches that, or does not."""


def _run(program: Any, table: SpanTable, depth: int, caught: Iterator[bool]) -> list[tuple[str, int, str]]:
    """Runs a program through the recorder's spans; returns what it did: names, depths and how they ended, by start."""
    name, inside, raises = program
    done: list[Any] = [(name, depth, "error")]
    try:
        with table[f"hook_{name}"]:
            for call in inside:
                try:
                    done += _run(call, table, depth + 1, caught)
                except _Boom as error:
                    done += error.args[0]
                    if not next(caught):
                        raise _Boom([]) from None
            if raises:
                raise _Boom([])
    except _Boom:
        raise _Boom(done) from None
    return [(name, depth, "ok"), *done[1:]]


@settings(max_examples=60)
@given(_PROGRAMS, st.lists(st.booleans(), min_size=60, max_size=60))
def test_a_program_is_recorded_as_it_ran_whoever_raises_and_whoever_catches(program: Any, caught: list[bool]) -> None:
    events: list[int] = [mark(Mark.CALL, 0)]
    listener = _Listener()
    try:
        done = _run(program, SpanTable(listener, events.append), 0, iter(caught))
    except _Boom as error:
        done = error.args[0]
    trace = _trace(records(events), tuple(listener.actions))
    check_tree(trace)
    spans = [trace.span(row) for row in range(len(trace))]
    assert [(span.action.hook.removeprefix("hook_"), span.depth, span.status) for span in spans] == done
    assert trace.open_rows == ()
    assert set(trace.status.tolist()) <= {STATUS.index("ok"), STATUS.index("error")}


def _shifted(events: Int64Array, by_ns: int) -> Int64Array:
    codes = events >> 52
    return np.where(codes < Mark.CALL, events + by_ns, events)


@settings(max_examples=60)
@given(streams(nested=True), streams(nested=True))
def test_statistics_of_two_streams_in_a_row_are_those_of_both_added_up(one: Int64Array, other: Int64Array) -> None:
    closed = [np.concatenate((part, _closing(part))) for part in (one, other)]
    after_ns = _trace(closed[0]).now_ns
    between = records([mark(Mark.CALL, 0)])  # an error mark at the beginning of a stream speaks of nothing before it
    whole = _trace(np.concatenate((closed[0], between, _shifted(closed[1], after_ns))))
    found = {stat.label: stat for stat in hook_stats(whole)}
    parts = [{stat.label: stat for stat in hook_stats(_trace(part))} for part in closed]
    assert found.keys() == parts[0].keys() | parts[1].keys()
    for label, stat in found.items():
        both = [part[label] for part in parts if label in part]
        _check_merged(stat, both)


def _check_merged(stat: HookStat, parts: list[HookStat]) -> None:
    for name in ("count", "open", "errors", "total_ns", "self_ns"):
        assert getattr(stat, name) == sum(getattr(part, name) for part in parts), name
    assert stat.max_ns == max(part.max_ns or 0 for part in parts)
    assert stat.mean_ns == pytest.approx(stat.total_ns / stat.count)


def _closing(events: Int64Array) -> Int64Array:
    """What leaves all that is open at the end of a stream."""
    trace = _trace(events)
    return records([leave(int(trace.action[row]), trace.now_ns) for row in reversed(trace.open_rows)])
