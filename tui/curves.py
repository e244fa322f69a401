"""The curves of metrics.csv, and their reduction to what a plot of so many columns can show.

A plot maps every point in Python: 100,000 points a frame would stop the screen. The least and the greatest value of
each column look the same and are at most twice as many as there are columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tracer.run.metrics import Metrics
from tui.names import KINDS, Goal, bases, counts_own_batches, goal, metric_base, metric_kind

FloatArray = npt.NDArray[np.float64]

MARKERS: Final = ("━", "●", "◆", "■", "▲", "○", "◇", "□", "△")
"""Of the curves in their order. The first is drawn as a mere line."""
COLOURS: Final = 7
WEIGHTS: Final = (0.0, 0.6, 0.9, 0.97, 0.99)
"""How much of the mean before stays at each point; the key for smoothing goes through them."""
_GREATEST: Final = 1e300
"""Beyond, the difference of two values may not be a number."""
_BLOCK: Final = 64


@dataclass(frozen=True)
class Trail:
    """One metric with all its points.

    Attributes:
        name: in the file; untrusted.
        label: in the legend; untrusted.
        marker: stands for the curve in the plot and the legend.
        colour: number of its colour: 0 to `COLOURS` - 1.
        x, y: the points that can be drawn, in order of `x`.
        hidden: how many values are nan or infinite.
        goal: which of the values is the best one; None where that is open.
    """

    name: str
    label: str
    marker: str
    colour: int
    x: FloatArray
    y: FloatArray
    hidden: int
    goal: Goal | None

    @property
    def best(self) -> tuple[float, float] | None:
        """Where the best value is, and the value; the first of several. None where nobody knows which is best."""
        if self.goal is None or not len(self.y):
            return None
        index = int(np.argmin(self.y) if self.goal == "min" else np.argmax(self.y))
        return float(self.x[index]), float(self.y[index])

    def at(self, x: float) -> float | None:
        """The value that was the latest at `x`; None before the first."""
        index = int(np.searchsorted(self.x, x, side="right")) - 1
        return float(self.y[index]) if index >= 0 else None


def default_names(names: Sequence[str]) -> tuple[str, ...]:
    """What is plotted until the user chooses: the metrics of the first quantity, losses before others."""
    known = bases(tuple(names))
    found = [name for name in names if metric_base(name) == known[0]] if known else []
    return tuple(name for name in found if not counts_own_batches(name)) or tuple(found)


def trails(metrics: Metrics, names: Sequence[str]) -> tuple[Trail, ...]:
    """The metrics called `names`, ordered by quantity and then as in `tui.names.KINDS`.

    The kinds have their own colours and markers as long as no two curves are of one kind. A metric without a single
    value that can be drawn has a trail without points.
    """
    order = bases(metrics.names)
    shown = sorted(
        (name for name in metrics.names if name in names),
        key=lambda name: (order.index(metric_base(name)), KINDS.index(metric_kind(name))),
    )
    kinds = [metric_kind(name) for name in shown]
    by_kind = len(set(kinds)) == len(kinds)
    one_quantity = len({metric_base(name) for name in shown}) == 1
    found = []
    for place, name in enumerate(shown):
        look = KINDS.index(kinds[place]) if by_kind else place
        x, y = _points(metrics, name)
        found.append(
            Trail(
                name=name,
                label=kinds[place] if by_kind and one_quantity else name,
                marker=MARKERS[look % len(MARKERS)],
                colour=look % COLOURS,
                x=x,
                y=y,
                hidden=metrics.not_finite(name),
                goal=goal(name),
            )
        )
    return tuple(found)


def _points(metrics: Metrics, name: str) -> tuple[FloatArray, FloatArray]:
    series = metrics.series(name)
    good = np.isfinite(series.steps) & (np.abs(series.values) < _GREATEST)
    x, y = series.steps[good], series.values[good]
    if (np.diff(x) < 0).any():
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    return x, y


def smoothed(values: FloatArray, weight: float) -> FloatArray:
    """The exponential moving average of `values`, without the pull of a start from zero.

    At each point `weight` of the mean before stays; dividing by what the weights add up to takes out the bias, as
    TensorBoard does. Worked out in blocks: one product of matrices instead of a loop over all values.
    """
    count = len(values)
    if weight <= 0 or not count:
        return values
    steps = np.arange(_BLOCK)
    distance = steps[:, None] - steps
    weights = np.where(distance >= 0, (1 - weight) * weight ** np.maximum(distance, 0), 0.0)
    padded = np.zeros(-(-count // _BLOCK) * _BLOCK)
    padded[:count] = values
    inside = padded.reshape(-1, _BLOCK) @ weights.T
    carried = np.zeros(len(inside))
    for block in range(1, len(inside)):
        carried[block] = inside[block - 1, -1] + weight**_BLOCK * carried[block - 1]
    means = (inside + carried[:, None] * weight ** (steps + 1)).reshape(-1)[:count]
    return np.asarray(means / -np.expm1(np.arange(1, count + 1) * np.log(weight)))


def reduce_to_columns(
    x: FloatArray, y: FloatArray, columns: int, low: float, high: float
) -> tuple[FloatArray, FloatArray]:
    """Of the points that fall into one of `columns` columns between `low` and `high`, the least and the greatest.

    Args:
        x: of finite points, in order.
        y: of the same points.
        columns: at least 1.
        low: where the part to show begins; the nearest points on both sides of it are kept, since lines lead to them.
        high: where it ends.
    """
    first = max(0, int(np.searchsorted(x, low)) - 1)
    last = min(len(x), int(np.searchsorted(x, high, side="right")) + 1)
    if last - first <= 2 * columns + 2:
        return x[first:last], y[first:last]
    edges = np.searchsorted(x[first:last], np.linspace(low, high, columns + 1)[1:-1]) + first
    bounds = np.unique(np.concatenate(([first, first + 1], edges, [last - 1, last])))
    keep = set()
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        keep |= {begin + int(y[begin:end].argmin()), begin + int(y[begin:end].argmax())}
    chosen = sorted(keep)
    return x[chosen], y[chosen]


def epoch_starts(metrics: Metrics) -> tuple[FloatArray, FloatArray]:
    """The steps at which epochs begin, as far as the rows tell, and the numbers of these epochs.

    An epoch ends with rows of its own (its validation, its means), so the next one begins a step after the last row;
    the first begins with its first row. Rows of a test say the epoch after the last.
    """
    empty = np.empty(0)
    epochs, steps = (metrics.columns.get(name, empty) for name in ("epoch", "step"))
    trained = np.zeros(len(metrics), bool)
    for name in metrics.names:
        if metric_kind(name) != "test" and not counts_own_batches(name):
            trained |= ~np.isnan(metrics.columns[name])
    if len(epochs) != len(metrics) or len(steps) != len(metrics):
        return empty, empty
    rows = np.flatnonzero(trained & np.isfinite(epochs) & np.isfinite(steps))
    if not len(rows):
        return empty, empty
    numbers, place = np.unique(epochs[rows], return_inverse=True)
    firsts, lasts = np.full(len(numbers), np.inf), np.full(len(numbers), -np.inf)
    np.minimum.at(firsts, place, steps[rows])
    np.maximum.at(lasts, place, steps[rows])
    firsts[1:] = np.minimum(firsts[1:], lasts[:-1] + 1)
    return firsts, numbers
