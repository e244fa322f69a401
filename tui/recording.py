"""What is recorded of a run so far, and the run at any of its moments: what live screens, replays and rewinding share.

The events are taken in once. A moment is then a view: the first rows of the columns, in which the few spans that were
open at that moment are open again. Going to any moment, forwards or backwards, copies nothing that grows with the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

import numpy as np

from tracer.analyze.history import History, Position
from tracer.analyze.loops import Loops
from tracer.analyze.stats import LiveStats
from tracer.run.build import Delta, TraceBuilder
from tracer.run.columns import Columns
from tracer.run.events import Action, Int64Array
from tracer.run.trace import OPEN, Contexts, Trace

_PORTION = 1 << 17
"""Records taken in at a time: as many as the processor's caches hold."""
_CHANGING = {"duration_ns": np.int64, "self_ns": np.int64, "status": np.int8}
"""Columns whose entries differ between a moment in a span and one after it."""

_UNCHANGING = ("action", "parent", "depth", "start_ns", "context")


@dataclass(frozen=True)
class Past:
    """A run as it was at a moment.

    Attributes:
        position: How many spans had begun and ended.
        trace: The spans that had begun. Its columns are views of ones that the next moment changes, but only in the
            rows of spans that are open in one of the two.
        loops: The tree of loops at the moment.
        stats: The self times at the moment; good until the next moment is asked for.
    """

    position: Position
    trace: Trace
    loops: Loops
    stats: LiveStats


class Recording:
    """The spans of one rank, as far as they have been taken in. Used by one thread at a time."""

    def __init__(self, started_at: datetime, rank: int = 0) -> None:
        self.whole = TraceBuilder(rank, started_at).trace()
        """All spans; replaced, and never changed, when there are more."""
        self._builder = TraceBuilder(rank, started_at)
        self._history = History()
        self._shown: Columns | None = None
        self._reserved = 0
        self._reopened = np.empty(0, np.int64)  # rows that are open in `_shown` and perhaps not in `whole`

    @property
    def loops(self) -> Loops:
        """The tree of all that was taken in."""
        return self._history.tree

    @property
    def stats(self) -> LiveStats:
        """The self times of all that was taken in."""
        return self._history.stats

    @property
    def position(self) -> Position:
        """The end of what was taken in."""
        return Position(len(self.whole), self._history.closed)

    def reserve(self, spans: int) -> None:
        """Makes room for so many spans at once, so that growing to them copies nothing."""
        self._reserved = spans
        self._builder.reserve(spans)
        self._history.reserve(spans)

    def feed(self, events: Int64Array, actions: Sequence[Action], gap: str | None = None) -> None:
        """Takes in the next events.

        Args:
            events: Records that directly follow those fed before.
            actions: All actions known so far.
            gap: What is known to be missing, in words.
        """
        for first in range(0, max(1, len(events)), _PORTION):
            delta = self._builder.feed(events[first : first + _PORTION], actions)
            self.whole = self._builder.trace(gap)
            self._history.advance(self.whole, delta)
            if self._shown is not None:
                self._extend_shown(self._shown, delta)

    def between(self, first: Position, last: Position) -> Delta:
        """What changed from one position to a later one."""
        return Delta(first.rows, last.rows, self._history.ended(first.closed, last.closed))

    def at(self, time_ns: int) -> Past:
        """The run at `time_ns`, or at the end of what was taken in if that is earlier."""
        position = self._history.position(self.whole, time_ns)
        loops, stats = self._history.at(self.whole, position)
        return Past(position, self._trace_at(position, time_ns), loops, stats)

    def _trace_at(self, position: Position, time_ns: int) -> Trace:
        whole, shown = self.whole, self._shown
        if shown is None:
            shown = self._shown = Columns(_CHANGING)
            shown.reserve(self._reserved)
            self._extend_shown(shown, Delta(0, len(whole), np.empty(0, np.int64)))
        for name in _CHANGING:
            shown[name][self._reopened] = getattr(whole, name)[self._reopened]
        open_rows = self._open_at(position.rows, time_ns)
        self._reopened = np.array(open_rows, np.int64)
        shown["duration_ns"][open_rows] = shown["self_ns"][open_rows] = -1
        shown["status"][open_rows] = OPEN
        known = int(np.searchsorted(whole.contexts.start_ns, time_ns, side="right"))
        contexts = {field.name: getattr(whole.contexts, field.name)[:known] for field in fields(Contexts)}
        return replace(
            whole,
            contexts=Contexts(**contexts),
            open_rows=tuple(open_rows),
            now_ns=self._last_event_ns(position),
            **{name: getattr(whole, name)[: position.rows] for name in _UNCHANGING},
            **{name: column[: position.rows] for name, column in shown.views().items()},  # type: ignore[arg-type]
        )

    def _extend_shown(self, shown: Columns, delta: Delta) -> None:
        """Adds new rows, and in those of before what became of them: an end, or (of the last to end) its error."""
        latest = self._history.ended(max(0, self._history.closed - len(delta.closed) - 1), self._history.closed)
        earlier = latest[latest < delta.first_row]
        first = shown.extend(delta.rows - len(shown))
        for rows in (np.setdiff1d(earlier, self._reopened), slice(first, None)):
            for name in _CHANGING:
                shown[name][rows] = getattr(self.whole, name)[rows]

    def _open_at(self, rows: int, time_ns: int) -> list[int]:
        """Rows of the open spans, outermost first: of the last that began and those around it, what had not ended."""
        whole, row, found = self.whole, rows - 1, []
        while row >= 0:
            if whole.duration_ns[row] < 0 or whole.end_ns(row) > time_ns:
                found.append(row)
            row = int(whole.parent[row])
        return found[::-1]

    def _last_event_ns(self, position: Position) -> int:
        """Time of the last enter or leave."""
        began = int(self.whole.start_ns[position.rows - 1]) if position.rows else 0
        if not position.closed:
            return began
        return max(began, self.whole.end_ns(int(self._history.ended(position.closed - 1, position.closed)[0])))
