"""From the event stream to spans: the one place where enters and leaves become rows.

A live tail, a replay under a clock and the opening of a finished run all feed the same builder, in portions of any
size; the result does not depend on how the stream was cut.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tracer.run.columns import Columns
from tracer.run.contexts import ContextTracker
from tracer.run.events import Action, Int64Array, event_codes, event_values, unknown_action
from tracer.run.layout import MAX_ACTIONS, Mark
from tracer.run.match import Integers, Matched, match
from tracer.run.trace import ERROR, OK, OPEN, Contexts, Trace

MAX_DEPTH = 10_000
"""A stream that nests deeper is damaged or hostile: no program calls ten thousand hooks inside one another."""
SPAN_TYPES = {
    "action": np.int16,
    "parent": np.int32,
    "depth": np.int32,
    "start_ns": np.int64,
    "duration_ns": np.int64,
    "self_ns": np.int64,
    "status": np.int8,
    "context": np.int32,
}


@dataclass(frozen=True)
class Delta:
    """What a portion of events changed.

    Attributes:
        first_row: Row of the first new span.
        rows: Number of spans now; the new ones are `first_row` to `rows` - 1.
        closed: Rows of the spans that this portion closed, in order of their end.
    """

    first_row: int
    rows: int
    closed: Int64Array


class TraceBuilder:
    """Turns the event stream of one rank into spans, portion by portion.

    Time never goes back: threads that record at once get into each other's way by some microseconds, and an event that
    is late counts as simultaneous with the one before. So rows are in order of their start, ends in that of the leaves.
    """

    def __init__(self, rank: int, started_at: datetime) -> None:
        self._rank = rank
        self._started_at = started_at
        self._spans = Columns(SPAN_TYPES)
        self._contexts = ContextTracker()
        self._open = np.empty(0, np.int64)
        self._inside_ns = np.empty(0, np.int64)  # time in the children of each open span
        self._last_left = -1
        self._now_ns = 0
        self._highest_action = -1
        self._actions: tuple[Action, ...] = ()
        self.gap: str | None = None
        """Why the rest of the stream is left out, in words; None as long as it is not."""

    def reserve(self, spans: int) -> None:
        """Makes room for so many spans at once, if there is, so that growing to them copies nothing."""
        with suppress(MemoryError):  # the size of a file says how many there could be, not how many there are
            self._spans.reserve(spans)

    def feed(self, events: Int64Array, actions: Sequence[Action]) -> Delta:
        """Takes the next events of the stream.

        Args:
            events: Records that directly follow those fed before.
            actions: All actions known so far.

        Returns:
            The rows that are new and those that were closed.
        """
        self._actions = tuple(actions)
        first_row = len(self._spans)
        if not len(events) or self.gap is not None:
            return Delta(first_row, first_row, np.empty(0, np.int64))
        codes = event_codes(events).astype(np.int16)
        timed = np.flatnonzero(codes < MAX_ACTIONS)
        matched = match(np.concatenate((self._spans["action"][self._open], codes[timed])), len(self._open))
        too_deep = np.flatnonzero(matched.depth[len(self._open) :] >= MAX_DEPTH)
        if len(too_deep):
            entered = timed[codes[timed] >= 0]
            delta = self.feed(events[: entered[too_deep[0]]], actions)
            self.gap = f"more than {MAX_DEPTH:,} calls inside one another: what follows there is left out"
            return delta
        times = np.maximum.accumulate(event_values(events[timed]))
        np.maximum(times, self._now_ns, out=times)
        begin = self._take_marks(codes, events, timed, times)
        closed = self._take_spans(codes[timed], times, begin, matched)
        self._take_errors(codes, timed, closed, matched.leave)
        return Delta(first_row, len(self._spans), closed)

    def trace(self, gap: str | None = None) -> Trace:
        """The spans so far. Its columns are views: taking one costs nothing that grows with the trace."""
        return Trace(
            rank=self._rank,
            actions=with_unknown(self._actions, self._highest_action),
            started_at=self._started_at,
            contexts=Contexts(**self._contexts.columns.views()),  # type: ignore[arg-type]  # narrower integers
            open_rows=tuple(self._open.tolist()),
            now_ns=self._now_ns,
            gap="; ".join(filter(None, (gap, self.gap))) or None,
            **self._spans.views(),  # type: ignore[arg-type]
        )

    def _take_marks(self, codes: Integers, events: Int64Array, timed: Int64Array, times: Int64Array) -> Int64Array:
        """Follows the marks; returns at which enters and leaves a new context begins."""
        marks = np.flatnonzero((codes >= MAX_ACTIONS) & (codes != Mark.ERROR))
        following = np.searchsorted(timed, marks)
        return self._contexts.take(codes[marks], event_values(events[marks]), following, times)

    def _take_spans(self, codes: Integers, times: Int64Array, begin: Int64Array, matched: Matched) -> Int64Array:
        """Adds the spans that were entered, closes those that were left.

        Returns:
            The rows that were closed, in order of their end.
        """
        if not len(codes):
            return np.empty(0, np.int64)
        spans, carried = self._spans, len(self._open)
        entered = np.flatnonzero(codes >= 0)
        first = spans.extend(len(entered))
        rows = np.concatenate((self._open, np.arange(first, len(spans))))
        parent = matched.parent[carried:]
        spans["action"][first:] = codes[entered]
        spans["depth"][first:] = matched.depth[carried:]
        spans["parent"][first:] = np.where(parent >= carried, parent + (first - carried), rows[parent])
        spans["parent"][first:][parent < 0] = -1
        spans["start_ns"][first:] = times[entered]
        spans["status"][first:] = OPEN
        spans["duration_ns"][first:] = spans["self_ns"][first:] = -1
        self._set_context(first, begin, entered)
        self._now_ns = int(times[-1])
        self._highest_action = max(self._highest_action, int(codes.max()))
        return self._close(rows, matched, times)

    def _set_context(self, first: int, begin: Int64Array, entered: Int64Array) -> None:
        """Says where each span from row `first` on stands: the contexts that `begin` here follow one another."""
        contexts = self._contexts.columns
        new_before = np.searchsorted(entered, begin)  # rows before each new context
        known = len(contexts) - len(begin)
        contexts["first_row"][known:] = first + new_before
        counts = np.bincount(new_before, minlength=len(entered) + 1)[: len(entered)]
        self._spans["context"][first:] = known - 1 + np.cumsum(counts, dtype=np.int32)

    def _close(self, rows: Int64Array, matched: Matched, times: Int64Array) -> Int64Array:
        """Gives the spans that ended their times; returns their rows, in order of their end."""
        spans = self._spans
        closed = rows[matched.closed]
        durations = times[matched.leave] - spans["start_ns"][closed]
        parents = matched.parent[matched.closed]
        inner = parents >= 0
        # As floats, which are exact here: a time has 52 bits.
        inside = np.bincount(parents[inner], durations[inner], minlength=len(rows)).astype(np.int64)
        inside[: len(self._inside_ns)] += self._inside_ns
        spans["duration_ns"][closed] = durations
        spans["self_ns"][closed] = durations - inside[matched.closed]
        spans["status"][closed] = OK
        spans["status"][rows[matched.broken]] = ERROR
        self._open, self._inside_ns = rows[matched.open], inside[matched.open]
        return closed

    def _take_errors(self, codes: Integers, timed: Int64Array, closed: Int64Array, leave: Integers) -> None:
        """An error mark says that the span left by the event right before it ended with an exception."""
        left_before = np.full(len(codes) + 1, -1, np.int64)
        left_before[0] = self._last_left
        left_before[timed[leave] + 1] = closed  # of several that one leave closed, the last wins: the one it names
        failed = left_before[:-1][codes == Mark.ERROR]
        self._spans["status"][failed[failed >= 0]] = ERROR
        self._last_left = int(left_before[-1])


def with_unknown(actions: tuple[Action, ...], highest: int) -> tuple[Action, ...]:
    """The actions, and one for each number up to `highest` that the list of actions (lost or torn) does not explain."""
    return actions + tuple(unknown_action(number) for number in range(len(actions), highest + 1))
