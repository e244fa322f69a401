"""Which rows of a growing trace the log shows: all of them, or those that meet a filter, found piece by piece.

What was found is kept in pieces of fixed size that are never written to again: a frame can hold them while the next
poll goes on, a change costs one piece, and a filter can fill in from where the user looks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from tracer.run.events import Int64Array
from tracer.run.trace import Int32Array, Trace
from tui.filter import LogFilter, Matcher

_BITS: Final = 17
PIECE: Final = 1 << _BITS
"""Rows of a piece: small enough to be replaced at every poll, large enough that there are few."""

_NONE: Final = np.empty(0, np.int32)


class Rows(Protocol):
    """Rows of a trace in ascending order. A position counts among them, a row among all of the trace."""

    def __len__(self) -> int: ...

    def row(self, position: int) -> int:
        """The row at a position."""
        ...

    def position(self, row: int) -> int:
        """The position of a row, or of the next one that is among them; their number if there is none."""
        ...

    def stretches(self, position: int, forward: bool) -> Iterator[tuple[int, slice | Int32Array]]:
        """All rows after a position, or all before it, a stretch at a time, the nearest first.

        Yields:
            The position of the stretch's first row, and its rows in ascending order, as an index into a column.
        """
        ...


@dataclass(frozen=True)
class AllRows:
    """Every row of a trace of `count` rows."""

    count: int = 0

    def __len__(self) -> int:
        return self.count

    def row(self, position: int) -> int:
        """Itself."""
        return position

    def position(self, row: int) -> int:
        """Itself, within the trace."""
        return min(max(0, row), self.count)

    def stretches(self, position: int, forward: bool) -> Iterator[tuple[int, slice]]:
        """Slices, which cost no copy."""
        if forward:
            for first in range(position + 1, self.count, PIECE):
                yield first, slice(first, min(first + PIECE, self.count))
        else:
            for last in range(min(position, self.count), 0, -PIECE):
                yield max(0, last - PIECE), slice(max(0, last - PIECE), last)


@dataclass(frozen=True, eq=False)
class Matches:
    """The rows found so far, by piece of the trace.

    Attributes:
        pieces: of each piece, the rows found in it.
        starts: position of the first of each piece, and last the number of all.
        looked_at: how many rows of the trace have been looked at.
        of: how many there are.
    """

    pieces: tuple[Int32Array, ...] = ()
    starts: Int64Array = field(default_factory=lambda: np.zeros(1, np.int64))
    looked_at: int = 0
    of: int = 0

    def __len__(self) -> int:
        return int(self.starts[-1])

    def row(self, position: int) -> int:
        """The row at a position."""
        piece = int(np.searchsorted(self.starts, position, side="right")) - 1
        return int(self.pieces[piece][position - int(self.starts[piece])])

    def position(self, row: int) -> int:
        """The position of a row, or of the next one that was found."""
        piece = max(0, row) >> _BITS
        if piece >= len(self.pieces):
            return len(self)
        return int(self.starts[piece]) + int(np.searchsorted(self.pieces[piece], row))

    def stretches(self, position: int, forward: bool) -> Iterator[tuple[int, Int32Array]]:
        """What was found, by piece."""
        here = int(np.searchsorted(self.starts, position, side="right")) - 1
        numbers = range(here, len(self.pieces)) if forward else range(min(here, len(self.pieces) - 1), -1, -1)
        for number in numbers:
            first, rows = int(self.starts[number]), self.pieces[number]
            if forward:
                skip = max(0, position + 1 - first)
                yield first + skip, rows[skip:]
            else:
                yield first, rows[: max(0, position - first)]


class MatchIndex:
    """Finds the rows that meet a filter in one trace that grows, or shrinks to an earlier moment of itself.

    What a row says can change after it was looked at: an open span is closed, a closed one turns out to have failed.
    Only the last row of a moment and the spans around it can change later (every span that is open encloses it, and so
    does the one that was left last), which is why no list of changes is needed.
    """

    def __init__(self, query: LogFilter) -> None:
        self._matcher = Matcher(query)
        self._changing = bool(query.of_spans)
        self._pieces: list[Int32Array] = []
        self._until: list[int] = []  # of each piece, the row up to which it was looked at
        self._rows = 0
        self._unsettled: dict[int, int] = {}  # the rows that may change, with the status that they had

    def advance(self, trace: Trace, near: int, clock: Callable[[], float], budget_s: float) -> Matches:
        """Looks at rows that are new, changed, or left over from before, until the time is up.

        Args:
            trace: the spans so far: more than before, or, when a replay went back, fewer.
            near: row at which to begin; what is farther away comes later.
            clock: seconds on a steady scale.
            budget_s: how long to look. At least one piece is done each time.
        """
        if not self._matcher.look_at(trace):
            self._pieces, self._until = [], []
        if self._changing:
            self._forget_changes(trace)
        self._resize(len(trace))
        deadline = clock() + budget_s
        for piece in self._left(near):
            last = min((piece + 1) << _BITS, self._rows)
            found = self._matcher.rows(trace, self._until[piece], last)
            self._pieces[piece] = np.concatenate((self._pieces[piece], found)) if len(self._pieces[piece]) else found
            self._until[piece] = last
            if clock() >= deadline:
                break
        starts = np.cumsum([0, *(len(piece) for piece in self._pieces)], dtype=np.int64)
        looked_at = sum(until - (piece << _BITS) for piece, until in enumerate(self._until))
        return Matches(tuple(self._pieces), starts, looked_at, self._rows)

    def _left(self, near: int) -> list[int]:
        """The pieces that are not wholly looked at, the nearest first."""
        left = [piece for piece, until in enumerate(self._until) if until < min((piece + 1) << _BITS, self._rows)]
        return sorted(left, key=lambda piece: abs(piece - (near >> _BITS)))

    def _resize(self, rows: int) -> None:
        pieces = -(-rows // PIECE)
        del self._pieces[pieces:], self._until[pieces:]
        for piece in range(len(self._pieces), pieces):
            self._pieces.append(_NONE)
            self._until.append(piece << _BITS)
        if rows < self._rows and pieces:
            self._forget_from(rows)
        self._rows = rows

    def _forget_changes(self, trace: Trace) -> None:
        around = _around(trace, len(trace) - 1)
        if len(trace) < self._rows:
            changed = list(around)
        else:
            changed = [row for row, status in self._unsettled.items() if trace.status[row] != status]
        for row in changed:
            self._forget_from(row)
        self._unsettled = around

    def _forget_from(self, row: int) -> None:
        """Leaves a row and what follows in its piece to be looked at again."""
        piece = row >> _BITS
        if piece < len(self._until) and row < self._until[piece]:
            self._until[piece] = row
            self._pieces[piece] = self._pieces[piece][: int(np.searchsorted(self._pieces[piece], row))]


def _around(trace: Trace, row: int) -> dict[int, int]:
    """A row and those that enclose it, each with its status; empty for -1."""
    found = {}
    while row >= 0:
        found[row] = int(trace.status[row])
        row = int(trace.parent[row])
    return found
