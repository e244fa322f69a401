"""The curves of metrics.csv, reduced to what a plot of so many columns can show.

A plot maps every point in Python: 100,000 points a frame would stop the screen. The least and the greatest value of
each column look the same and are at most twice as many as there are columns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracer.run.metrics import Metrics
from tui.names import KINDS, metric_base, metric_kind

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One metric, ready to be drawn: its kind (a key of `tui.palette.CURVES`), its name in the legend, its points."""

    kind: str
    label: str
    x: FloatArray
    y: FloatArray


def curves(metrics: Metrics, base: str, columns: int, log: bool = False) -> tuple[Curve, ...]:
    """The curves of one quantity.

    Args:
        metrics: the rows so far.
        base: the quantity, as `tui.names.metric_base` names it.
        columns: cells that the plot is wide.
        log: whether `y` is to be the decimal logarithm; what has none is left out.

    Returns:
        Curves in the order of `tui.names.KINDS`; those without a finite value are left out.
    """
    names = [name for name in metrics.names if metric_base(name) == base and not _is_eval_step(name)]
    kinds = [metric_kind(name) for name in names]
    found = []
    for name, kind in sorted(zip(names, kinds, strict=True), key=lambda pair: KINDS.index(pair[1])):
        series = metrics.series(name)
        x, y = series.steps, series.values
        if log:
            x, y = x[y > 0], np.log10(y[y > 0])
        finite = np.isfinite(x) & np.isfinite(y)
        if finite.any():
            label = kind if kinds.count(kind) == 1 else name
            found.append(Curve(kind, label, *reduce_to_columns(x[finite], y[finite], columns)))
    return tuple(found)


def _is_eval_step(name: str) -> bool:
    """Whether a metric was logged per step of an evaluation: its steps count that loop's batches, another axis."""
    return name.endswith("_step") and metric_kind(name) in ("validation", "test")


def reduce_to_columns(x: FloatArray, y: FloatArray, columns: int) -> tuple[FloatArray, FloatArray]:
    """Of the points that fall into one of `columns` columns, the least and the greatest, in their order.

    Args:
        x: of finite points, in any order.
        y: of the same points.
        columns: at least 1.
    """
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    if len(x) <= 2 * columns:
        return x, y
    span = x[-1] - x[0]
    column = np.minimum((x - x[0]) / span * columns if span > 0 else np.zeros(len(x)), columns - 1).astype(np.int64)
    by_value = np.lexsort((y, column))
    first = np.flatnonzero(np.append(True, np.diff(column[by_value]) != 0))
    last = np.append(first[1:], len(x)) - 1
    keep = np.unique(np.concatenate((by_value[first], by_value[last])))
    return x[keep], y[keep]
