"""A window in time on the waterfall, and its rows: spans, callbacks in groups, batches folded as room allows.

Plain arithmetic; its cost is that of what is in the window.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from tracer.analyze.typical import BoolArray
from tracer.run.events import Int64Array
from tui.outline import Bars, Parts

_LEAST_WINDOW: Final = 1e-6


@dataclass(frozen=True)
class Window:
    """The part of a stretch that is shown, as shares of its length: it fits the next batch as well."""

    first: float = 0.0
    last: float = 1.0

    @property
    def is_whole(self) -> bool:
        """Whether everything is shown."""
        return self.first <= 0 and self.last >= 1

    def zoomed(self, factor: float, centre: float) -> "Window":
        """A window `factor` times as long, in which `centre` (a share of the length) stays where it is."""
        length = min(1.0, max(_LEAST_WINDOW, (self.last - self.first) * factor))
        place = (centre - self.first) / (self.last - self.first)
        return _window(centre - length * min(1.0, max(0.0, place)), length)

    def moved(self, by: float) -> "Window":
        """The window moved by a part of its own length, as far as there is something."""
        length = self.last - self.first
        return _window(self.first + by * length, length)

    def around(self, first: float, last: float) -> "Window":
        """A window on a part of the stretch, with a little to its left and right."""
        length = min(1.0, max(_LEAST_WINDOW, (last - first) * 1.1))
        return _window((first + last - length) / 2, length)


def _window(first: float, length: float) -> Window:
    start = min(max(0.0, first), 1.0 - length)
    return Window(start, min(1.0, start + length))


@dataclass(frozen=True)
class Rows:
    """What a window shows, in order of time: one entry a row.

    Attributes:
        first, behind: What the row stands for: one span or part, or a run of them.
        is_parts: Whether these are parts of the bars; else they are spans.
    """

    first: Int64Array
    behind: Int64Array
    is_parts: BoolArray

    def __len__(self) -> int:
        return len(self.first)

    def of(self, index: int) -> "Run":
        """What a row stands for."""
        return Run(int(self.first[index]), int(self.behind[index]), bool(self.is_parts[index]))


class Run(NamedTuple):
    """The spans, or the parts, from one to the one before another."""

    first: int
    behind: int
    is_parts: bool

    @property
    def single(self) -> bool:
        """Whether it is one alone."""
        return self.behind - self.first == 1


def rows_in(bars: Bars, window: Window, room: int, grouped: bool) -> Rows:
    """What a window touches.

    Args:
        bars: The stretch.
        window: Of it.
        room: About how many rows its batches may take.
        grouped: Whether callbacks that are asked for the same hook one after another are one row.
    """
    start_ns, stop_ns = window.first * bars.length_ns, window.last * bars.length_ns
    spans = np.flatnonzero((bars.start_ns <= stop_ns) & (bars.start_ns + bars.duration_ns >= start_ns))
    first, behind = _groups(bars, spans) if grouped else (spans, spans + 1)
    part, parts_behind = _folds(bars.parts, start_ns, stop_ns, max(4, room))
    starts = np.concatenate((bars.start_ns[first], bars.parts.start_ns[part]))
    depths = np.concatenate((bars.depth[first], bars.parts.depth[part]))
    order = np.lexsort((depths, starts)) if len(part) else np.arange(len(first))
    is_parts = np.arange(len(order)) >= len(first)
    return Rows(np.append(first, part)[order], np.append(behind, parts_behind)[order], is_parts[order])


def _groups(bars: Bars, spans: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Runs of neighbours among spans that are calls of one hook on callbacks which call nothing themselves."""
    if not len(spans):
        return spans, spans
    depth = np.append(bars.depth, -1)
    hook = np.where(depth[1:] > depth[:-1], -1, bars.callback_hook)
    one, other = spans[:-1], spans[1:]
    joined = (bars.row[other] == bars.row[one] + 1) & (hook[one] >= 0) & (hook[one] == hook[other])
    joined &= depth[one] == depth[other]
    edges = np.flatnonzero(np.append(True, ~joined))
    return spans[edges], spans[np.append(edges[1:], len(spans)) - 1] + 1


def _folds(parts: Parts, start_ns: float, stop_ns: float, room: int) -> tuple[Int64Array, Int64Array]:
    """The parts between two moments in runs of equal, round numbers that begin at multiples of it."""
    first = int(np.searchsorted(parts.start_ns + parts.duration_ns, start_ns))
    behind = int(np.searchsorted(parts.start_ns, stop_ns, side="right"))
    if behind <= first:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    size = _round_up(math.ceil((behind - first) / room))
    key = parts.visit[first:behind] * (1 << 32) + (parts.number[first:behind] - 1) // size
    edges = first + np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    return edges, np.append(edges[1:], behind)


def _round_up(number: int) -> int:
    """The least of 1, 2, 5, 10, 20, ... that is not below a number."""
    power: int = 10 ** max(0, len(str(number)) - 1)
    return power * next(factor for factor in (1, 2, 5, 10) if power * factor >= number)


def longest(bars: Bars, limit: int) -> Rows:
    """The `limit` longest spans, in order of their start. What encloses one of them is among them."""
    kept = np.sort(np.argsort(-bars.duration_ns, kind="stable")[: max(0, limit)])
    return Rows(kept, kept + 1, np.zeros(len(kept), np.bool_))
