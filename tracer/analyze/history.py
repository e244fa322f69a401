"""The loops and the statistics of a trace at any of its moments, forwards or backwards, at the same cost.

While the trace is taken in, the totals are copied every so many spans; a moment is then reached from the copy before it
by counting on. In between, playing on from the moment asked for last costs what is new alone.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tracer.analyze.loops import LoopsAt, LoopTree
from tracer.analyze.stats import LiveStats
from tracer.analyze.totals import LoopTotals
from tracer.run.build import Delta
from tracer.run.columns import Columns
from tracer.run.trace import Trace

_APART: Final = 200_000
"""Spans between two copies: counting on over half of them takes some ten milliseconds."""


@dataclass(frozen=True)
class Position:
    """A moment of a trace: how many spans had begun by then, and how many had ended."""

    rows: int = 0
    closed: int = 0


@dataclass
class _State:
    """The totals at a position."""

    at: Position
    totals: LoopTotals
    stats: LiveStats

    def copy(self) -> "_State":
        return _State(self.at, self.totals.copy(), self.stats.copy())


class History:
    """The loops and statistics of one trace.

    Attributes:
        tree, stats: All that was taken in.
    """

    def __init__(self) -> None:
        self.tree = LoopTree()
        self.stats = LiveStats()
        self._ended = Columns({"row": np.int32})
        self._copies = [_State(Position(), LoopTotals(), LiveStats())]
        self._moving = self._copies[0].copy()

    @property
    def closed(self) -> int:
        """How many spans have ended."""
        return len(self._ended)

    def reserve(self, spans: int) -> None:
        """Makes room for so many spans at once."""
        self.tree.places.reserve(spans)
        self._ended.reserve(spans)

    def advance(self, trace: Trace, delta: Delta) -> None:
        """Takes in a portion.

        Args:
            trace: The trace after the portion.
            delta: What it changed, as `TraceBuilder.feed` returned it.
        """
        self.tree.advance(trace, delta)
        self.stats.advance(trace, delta)
        first = self._ended.extend(len(delta.closed))
        self._ended["row"][first:] = delta.closed
        if delta.rows - self._copies[-1].at.rows >= _APART:
            here = Position(delta.rows, len(self._ended))
            self._copies.append(_State(here, self.tree.totals, self.stats).copy())

    def position(self, trace: Trace, time_ns: int) -> Position:
        """Where `time_ns` lies in the trace that was taken in; what happened at that very time has happened."""
        rows = int(np.searchsorted(trace.start_ns, time_ns, side="right"))
        return Position(rows, bisect_right(self.ended(0, len(self._ended)), time_ns, key=trace.end_ns))

    def ended(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """Rows of the spans that ended, in the order of their ends: those from number `first` to `last`."""
        return self._ended["row"][first:last]

    def at(self, trace: Trace, position: Position) -> tuple[LoopsAt, LiveStats]:
        """The loops and the statistics at a position. The statistics are good until the next call.

        Args:
            trace: All that was taken in.
            position: From `position`.
        """
        state = self._from(position)
        totals, places = state.totals, self.tree.places
        totals.reserve(len(places.nodes))
        totals.count_started(places, trace, state.at.rows, position.rows)
        closed = self.ended(state.at.closed, position.closed)
        totals.count_closed(places, trace, closed)
        state.stats.advance(trace, Delta(state.at.rows, position.rows, closed))
        state.at = position
        self._moving = state
        return LoopsAt(places, totals, position.rows), state.stats

    def _from(self, position: Position) -> _State:
        """The latest state that is not after `position`: where it was last, or a copy."""
        index = bisect_right(self._copies, position.rows, key=lambda copy: copy.at.rows) - 1
        while self._copies[index].at.closed > position.closed:
            index -= 1
        copy, moving = self._copies[index], self._moving
        behind = moving.at.rows <= position.rows and moving.at.closed <= position.closed
        return moving if behind and moving.at.rows >= copy.at.rows else copy.copy()
