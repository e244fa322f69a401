"""The metrics of two runs at equal steps: what a change of settings did to loss and accuracy."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tracer.run.metrics import FloatArray, Metrics


@dataclass(frozen=True)
class MetricChange:
    """A metric at the last step at which both runs logged it.

    Attributes:
        name: Of the metric. Text from the recordings: untrusted.
        step: Global step.
        a, b: Its values there; they may be infinite or nan.
        steps: At how many steps both logged it.
        different: At how many of those its values differ.
    """

    name: str
    step: int
    a: float
    b: float
    steps: int
    different: int


def metric_changes(a: Metrics, b: Metrics) -> tuple[MetricChange, ...]:
    """All metrics that both runs logged at a common step, in the order of a's file."""
    return tuple(_changes(a, b))


def not_common(a: Metrics, b: Metrics) -> tuple[str, ...]:
    """Metrics that both runs have, but at no common step."""
    known = {change.name for change in _changes(a, b)}
    return tuple(name for name in a.names if name in b.names and name not in known and len(a.series(name).rows))


def _changes(a: Metrics, b: Metrics) -> Iterator[MetricChange]:
    for name in a.names:
        if name not in b.names:
            continue
        (steps_a, values_a), (steps_b, values_b) = (_by_step(side, name) for side in (a, b))
        common, at_a, at_b = np.intersect1d(steps_a, steps_b, assume_unique=True, return_indices=True)
        if not len(common):
            continue
        left, right = values_a[at_a], values_b[at_b]
        different = ~((left == right) | (np.isnan(left) & np.isnan(right)))
        yield MetricChange(name, int(common[-1]), float(left[-1]), float(right[-1]), len(common), int(different.sum()))


def _by_step(metrics: Metrics, name: str) -> tuple[FloatArray, FloatArray]:
    """The steps at which a metric was logged, in order, and the last value at each."""
    series = metrics.series(name)
    known = np.isfinite(series.steps)
    steps, values = series.steps[known][::-1], series.values[known][::-1]
    different, last = np.unique(steps, return_index=True)
    return different, values[last]
