"""When each row of metrics.csv came to be, so that the curves of a replay can follow its clock.

Lightning writes no times into metrics.csv. What it does say is the step, counted so that a row with step s is written
once the global step has passed s. The rule, by the kind of the row's values:

- validation: at the end of the validation that ran then (each validation has one row per set of names),
- test: at the end of that call of test,
- a training value of a whole epoch (its name ends in `_epoch`): at the end of its epoch,
- anything else: when the trace's global step has passed the row's step.

A row that the rule finds no place for is there at the end of the run: late rather than never.
"""

from typing import Final

import numpy as np

from tracer.run.events import Int64Array
from tracer.run.layout import STAGES
from tracer.run.metrics import Metrics
from tracer.run.trace import Contexts, Trace
from tui.names import metric_kind

_STAGE_OF: Final = {"validation": STAGES.index("validate"), "test": STAGES.index("test")}
_NEVER_NS: Final = 1 << 62
_GROWN: Final = 1.5
"""While a recording is still being read, the rows are placed anew each time that it has grown by this factor."""


class RowTimes:
    """The rows of a metrics file at any moment of the run. Placing all of them waits until somebody asks."""

    def __init__(self) -> None:
        self._metrics = Metrics()
        self._times_ns = np.empty(0, np.int64)
        self._placed_ns = -1
        self._complete = False
        self._shown: tuple[int, Metrics] | None = None

    def until(self, now_ns: int, metrics: Metrics, trace: Trace, complete: bool = True) -> Metrics:
        """The rows that were there at `now_ns`; the same object while no row was added.

        Args:
            now_ns: the moment, in ns since the run's start.
            metrics: all rows that there are.
            trace: all spans that are known.
            complete: whether that is the whole recording.
        """
        grown = now_ns > self._placed_ns and trace.now_ns > self._placed_ns * (1 if complete else _GROWN)
        if grown or metrics is not self._metrics or complete is not self._complete:
            self._metrics, self._complete = metrics, complete
            self._placed_ns, self._shown = trace.now_ns, None
            self._times_ns = row_times(metrics, trace, complete)
        visible = self._times_ns <= now_ns
        count = int(visible.sum())
        if self._shown is None or self._shown[0] != count:
            columns = {name: values[visible] for name, values in metrics.columns.items()}
            self._shown = (count, Metrics(columns))
        return self._shown[1]


def row_times(metrics: Metrics, trace: Trace, complete: bool = True) -> Int64Array:
    """Time of each row of `metrics` in ns since the run's start.

    Args:
        metrics: the rows.
        trace: the spans.
        complete: whether that is the whole recording; if not, rows without a place are never there.
    """
    contexts = trace.contexts
    end_ns = trace.now_ns if complete else _NEVER_NS
    times = np.full(len(metrics), end_ns, np.int64)
    steps = metrics.columns.get("step", np.full(len(metrics), np.nan))
    kinds = row_kinds(metrics)
    plain = np.flatnonzero((kinds == "train step") & ~np.isnan(steps))
    times[plain] = _when_passed(contexts, steps[plain], end_ns)
    for kind, stage in _STAGE_OF.items():
        _place_evaluations(times, np.flatnonzero(kinds == kind), steps, metrics, _visits(contexts, stage, end_ns))
    epochs = metrics.columns.get("epoch", np.full(len(metrics), np.nan))
    ends = _epoch_ends(trace)
    for row in np.flatnonzero((kinds == "train epoch") & ~np.isnan(epochs)).tolist():
        times[row] = ends.get(int(epochs[row]), end_ns)
    return times


def row_kinds(metrics: Metrics) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
    """Kind of each row (see `tui.names.metric_kind`) by the values that it has; the latest to appear wins."""
    kinds = np.full(len(metrics), "train step", dtype="U12")
    for kind in ("train epoch", "validation", "test"):
        for name in metrics.names:
            if metric_kind(name) == kind:
                kinds[~np.isnan(metrics.columns[name])] = kind
    return kinds


def _when_passed(contexts: Contexts, steps: "np.ndarray[tuple[int], np.dtype[np.float64]]", end_ns: int) -> Int64Array:
    """Start of the first context whose global step is greater than each of `steps`."""
    reached = np.maximum.accumulate(contexts.global_step) if len(contexts) else contexts.global_step
    index = np.searchsorted(reached, steps, side="right")
    return np.append(contexts.start_ns, end_ns)[index]


def _visits(contexts: Contexts, stage: int, end_ns: int) -> "tuple[Int64Array, Int64Array]":
    """End and global step of every stretch of contexts in `stage`."""
    inside = np.concatenate(([False], contexts.stage == stage, [False]))
    first = np.flatnonzero(inside[1:] & ~inside[:-1])
    after = np.flatnonzero(inside[:-1] & ~inside[1:])
    return np.append(contexts.start_ns, end_ns)[after], contexts.global_step[first]


def _place_evaluations(
    times: Int64Array,
    rows: Int64Array,
    steps: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    metrics: Metrics,
    visits: "tuple[Int64Array, Int64Array]",
) -> None:
    """Gives each row the first visit that passed its step and has no such row yet; both are in time order."""
    ends_ns, reached = visits
    visit, taken = 0, set[str]()
    for row in rows.tolist():
        names = {name for name in metrics.names if not np.isnan(metrics.columns[name][row])}
        if names & taken:
            visit, taken = visit + 1, set()
        while visit < len(ends_ns) - 1 and reached[visit] <= steps[row] and not taken:
            visit += 1
        if visit < len(ends_ns):
            times[row] = ends_ns[visit]
        taken |= names


def _epoch_ends(trace: Trace) -> dict[int, int]:
    """End of the last `on_train_epoch_end` of each epoch: when Lightning has logged the epoch's values."""
    wanted = np.asarray([action.id for action in trace.actions if action.hook == "on_train_epoch_end"], np.int64)
    rows = np.flatnonzero(np.isin(trace.action, wanted))
    rows = rows[(trace.duration_ns[rows] >= 0) & (trace.context[rows] >= 0)]
    epochs = trace.contexts.epoch[trace.context[rows]]
    ends = trace.start_ns[rows] + trace.duration_ns[rows]
    return dict(zip(epochs.tolist(), ends.tolist(), strict=True))
