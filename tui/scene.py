"""What the plot of the losses shows at one moment: which part, on which scale, reduced to its columns.

Plain values and arithmetic; the widget hands them to textual-plot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from tui.curves import WEIGHTS, FloatArray, Trail, reduce_to_columns, smoothed

Range = tuple[float, float]

_ROOM: Final = 0.03
_FEW: Final = 40
"""So many points have a marker each; more are a line with a marker now and then."""
_DIFFERENT: Final = 20.0


@dataclass(frozen=True)
class View:
    """How the user wants to see the curves.

    Attributes:
        log: whether y is shown as its logarithm.
        own_scales: whether each curve goes from the bottom to the top, whatever its values.
        weight: of the smoothing, one of `tui.curves.WEIGHTS`.
        x, y: the part that is shown; None for all of it.
        cursor: the step at the cursor; None for no cursor.
    """

    log: bool = False
    own_scales: bool = False
    weight: float = 0.0
    x: Range | None = None
    y: Range | None = None
    cursor: float | None = None

    def next_smoothing(self) -> "View":
        """The view with the next weight; after the last, without smoothing."""
        return replace(self, weight=WEIGHTS[(WEIGHTS.index(self.weight) + 1) % len(WEIGHTS)])

    def with_log(self, log: bool) -> "View":
        """The view with a logarithmic or a linear axis; a chosen part of y means nothing on the other one."""
        return replace(self, log=log, y=None)

    def zoomed(self, factor: float, whole: Range) -> "View":
        """The view with x closer (a factor below one) around the cursor or the middle, or farther.

        Args:
            factor: of the length shown.
            whole: all there is; nothing beyond is shown.
        """
        low, high = self.x or whole
        middle = (low + high) / 2 if self.cursor is None else min(max(self.cursor, low), high)
        length = min(max((high - low) * factor, (whole[1] - whole[0]) * 1e-6), whole[1] - whole[0])
        start = middle - (middle - low) / (high - low) * length
        start = min(max(start, whole[0]), whole[1] - length)
        return self._within(start, start + length, whole)

    def panned(self, share: float, whole: Range) -> "View":
        """The view with the part shown moved by this share of its length."""
        low, high = self.x or whole
        by = min(max(share * (high - low), whole[0] - low), whole[1] - high)
        return self._within(low + by, high + by, whole)

    def raised(self, share: float, shown: Range) -> "View":
        """The view with y moved up by this share of what is `shown`."""
        by = share * (shown[1] - shown[0])
        return replace(self, y=(shown[0] + by, shown[1] + by))

    def with_cursor(self, step: float, whole: Range) -> "View":
        """The view with the cursor there; if need be it moves along."""
        view = replace(self, cursor=step)
        low, high = self.x or whole
        by = min(0.0, step - low) + max(0.0, step - high)
        return view._within(low + by, high + by, whole) if by and self.x else view

    def _within(self, low: float, high: float, whole: Range) -> "View":
        low, high = max(low, whole[0]), min(high, whole[1])
        everything = high - low >= (whole[1] - whole[0]) * (1 - 1e-9)
        return replace(self, x=None if everything or low >= high else (low, high))


@dataclass(frozen=True)
class Curve:
    """One curve as it is drawn.

    Attributes:
        trail: whose points these are.
        x, y: the points of its line.
        behind: the points of the raw line behind a smoothed one; None without smoothing.
        marked: the points that have the curve's marker.
        best: the place of the best value, if it is in sight.
        unfit: values that have no place on this scale: on a logarithmic one, those that are not positive.
    """

    trail: Trail
    x: FloatArray
    y: FloatArray
    behind: tuple[FloatArray, FloatArray] | None
    marked: tuple[FloatArray, FloatArray]
    best: tuple[float, float] | None
    unfit: int


@dataclass(frozen=True)
class Scene:
    """All that is drawn; `x` and `y` are the limits of the axes, `epochs` the steps that have a mark."""

    curves: tuple[Curve, ...] = ()
    x: Range = (0.0, 1.0)
    y: Range = (0.0, 1.0)
    epochs: FloatArray = field(default_factory=lambda: np.empty(0))


def whole_range(trails: Sequence[Trail]) -> Range | None:
    """The steps of all points, with a little room at both ends; None without points."""
    drawn = [trail.x for trail in trails if len(trail.x)]
    if not drawn:
        return None
    return _roomy(min(float(x[0]) for x in drawn), max(float(x[-1]) for x in drawn), whole_numbers=True)


def scales_differ(trails: Sequence[Trail]) -> bool:
    """Whether one common axis would make some curve a flat line."""
    lengths = [float(np.ptp(trail.y)) for trail in trails if len(trail.y) > 1]
    heights = [float(np.abs(trail.y).max()) for trail in trails if len(trail.y)]
    lengths = [length for length in lengths if length > 0] or heights
    return len(heights) > 1 and max(heights) > _DIFFERENT * max(min(heights), min(lengths, default=0.0))


def scene(trails: Sequence[Trail], view: View, columns: int, epochs: FloatArray) -> Scene:
    """What is drawn.

    Args:
        trails: the curves.
        view: how.
        columns: cells that the plot is wide.
        epochs: the steps at which epochs begin.
    """
    whole = whole_range(trails)
    if whole is None:
        return Scene()
    x = view.x or whole
    curves = tuple(_curve(trail, view, columns, x) for trail in trails)
    return Scene(curves, x, view.y or _heights(curves, x), _spread(epochs, x, columns))


def _curve(trail: Trail, view: View, columns: int, part: Range) -> Curve:
    fit = trail.y > 0 if view.log else np.ones(len(trail.y), bool)
    x, raw = trail.x[fit], trail.y[fit]
    means = smoothed(raw, view.weight)
    scale = _Scale(raw, view)
    line = reduce_to_columns(x, scale(means), columns, *part)
    behind = reduce_to_columns(x, scale(raw), columns, *part) if view.weight else None
    best = trail.best
    if best is not None:
        visible = part[0] <= best[0] <= part[1] and (best[1] > 0 or not view.log)
        best = (best[0], float(scale(np.array([best[1]]))[0])) if visible else None
    return Curve(trail, *line, behind, _marked(*line, trail, columns), best, int((~fit).sum()))


class _Scale:
    """From values to heights in the plot."""

    def __init__(self, values: FloatArray, view: View) -> None:
        self._log = view.log
        self._low, self._length = 0.0, 1.0
        if view.own_scales and len(values):
            heights = self(values)
            self._low, self._length = float(heights.min()), float(np.ptp(heights)) or 1.0

    def __call__(self, values: FloatArray) -> FloatArray:
        heights = np.log10(values) if self._log else values
        return np.asarray((heights - self._low) / self._length)


def _marked(x: FloatArray, y: FloatArray, trail: Trail, columns: int) -> tuple[FloatArray, FloatArray]:
    """The points that get a marker: all of a few, or some along the line, not at the same places as other curves'."""
    if len(x) <= _FEW:
        several = len(x) > 1 and trail.marker == "━"
        return (x[:0], y[:0]) if several else (x, y)
    if trail.marker == "━":
        return x[:0], y[:0]
    every = max(1, len(x) // max(2, columns // 12))
    places = slice((trail.colour * every) // 5 % every, None, every)
    return x[places], y[places]


def _heights(curves: Sequence[Curve], part: Range) -> Range:
    """The heights of what is in sight, with a little room above and below."""
    lines = [(curve.x, curve.y) for curve in curves] + [curve.behind for curve in curves if curve.behind]
    seen = [y[(x >= part[0]) & (x <= part[1])] for x, y in lines]
    if not any(len(y) for y in seen):
        seen = [y for _, y in lines]
    seen = [y for y in seen if len(y)]
    return _roomy(min(float(y.min()) for y in seen), max(float(y.max()) for y in seen)) if seen else (0.0, 1.0)


def _roomy(low: float, high: float, whole_numbers: bool = False) -> Range:
    room = (high - low) * _ROOM or (1.0 if whole_numbers else abs(high) * _ROOM or _ROOM)
    return low - room, high + room


def _spread(epochs: FloatArray, part: Range, columns: int) -> FloatArray:
    """The marks in sight; of many, so few that there is room between them."""
    seen = epochs[(epochs > part[0]) & (epochs < part[1])]
    every = 1
    for factor in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9):
        every = factor
        if len(seen) / factor <= max(1, columns // 6):
            break
    offset = int(np.searchsorted(epochs, part[0], side="right"))
    return seen[-offset % every :: every]


def step_beyond(trails: Sequence[Trail], start: float, by: float) -> float:
    """The nearest step of any curve that lies at least `by` (which may be negative) from `start`; the last of them at
    the ends."""
    target = start + by
    best = start
    for trail in trails:
        if by > 0:
            place = int(np.searchsorted(trail.x, target))
        else:
            place = int(np.searchsorted(trail.x, target, side="right")) - 1
        if 0 <= place < len(trail.x):
            step = float(trail.x[place])
            closer = abs(step - target) < abs(best - target) or best == start
            best = step if closer else best
    if best == start:
        ends = [float(trail.x[-1 if by > 0 else 0]) for trail in trails if len(trail.x)]
        best = (max if by > 0 else min)(ends, default=start)
    return best
