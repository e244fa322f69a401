"""The statistics of one action, as it is looked at: exact counts, quantiles, spread, trend, at a bounded memory.

They are worked out for the actions that somebody asks about, from the columns of the trace, and then kept up to date
with what is new: following a run costs nothing for the hundreds of actions that nobody looks at.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tracer.analyze.histogram import DurationHistogram, Int64Array, Trend, TrendBuckets
from tracer.analyze.pauses import Pauses
from tracer.run.trace import ERROR, Trace

SPREAD_COLUMNS: Final = 24
_BLOCK_ROWS: Final = 1 << 20


@dataclass(frozen=True)
class ActionFigures:
    """What the calls of one action took, pauses at the gate not counted. All times in ns.

    Attributes:
        calls: How often it was called.
        open: How many of them have not returned.
        errors: How many ended with an exception.
        total_ns, self_ns: Of the calls that returned; self time is without what they called.
        mean_ns, p50_ns, p95_ns, max_ns, min_ns: Over the calls that returned; None if none did. The quantiles are
            right to within `histogram.RELATIVE_ERROR`.
        spread: Calls by duration, in bins of equal ratio from the shortest to the longest.
        trend: Mean duration over the run.
    """

    calls: int = 0
    open: int = 0
    errors: int = 0
    total_ns: int = 0
    self_ns: int = 0
    mean_ns: float | None = None
    p50_ns: float | None = None
    p95_ns: float | None = None
    max_ns: int | None = None
    min_ns: int | None = None
    spread: tuple[int, ...] = ()
    trend: Trend = field(default_factory=Trend)


class ActionStats:
    """Follows one action of one trace."""

    def __init__(self, action: int) -> None:
        """
        Args:
            action: Its number.
        """
        self._action = action
        self._rows = self._calls = self._errors = self._self_ns = 0
        self._open = np.empty(0, np.int64)
        self._latest = np.empty(0, np.int64)
        self._durations = DurationHistogram()
        self._trend = TrendBuckets()

    def advance(self, trace: Trace, pauses: Pauses) -> None:
        """Takes in what was added since the last call; `pauses` must know all of the trace."""
        while self._rows < len(trace):
            start, stop = self._rows, min(self._rows + _BLOCK_ROWS, len(trace))
            self._rows = stop
            own = start + np.flatnonzero(trace.action[start:stop] == self._action)
            self._calls += len(own)
            self._open = np.concatenate((self._open, own))
        over = trace.duration_ns[self._open] >= 0
        self._close(trace, self._open[over], pauses)
        self._open = self._open[~over]

    def _close(self, trace: Trace, rows: Int64Array, pauses: Pauses) -> None:
        start_ns, duration_ns = trace.start_ns[rows], trace.duration_ns[rows]
        self._self_ns += int(trace.self_ns[rows].sum())
        work_ns = pauses.work_ns(start_ns, duration_ns)
        self._durations.add(work_ns)
        self._trend.add(start_ns, work_ns)
        self._count_errors(trace, np.concatenate((self._latest, rows)))

    def _count_errors(self, trace: Trace, rows: Int64Array) -> None:
        """Counts those that failed. Of the span that was left last this is known only with the record that follows."""
        failed = trace.status[rows] == ERROR
        self._errors += int(failed.sum())
        self._latest = rows[~failed & (trace.start_ns[rows] + trace.duration_ns[rows] >= trace.now_ns)]

    def figures(self) -> ActionFigures:
        """What is known now."""
        durations = self._durations
        some = durations.count > 0
        return ActionFigures(
            calls=self._calls,
            open=len(self._open),
            errors=self._errors,
            total_ns=durations.total_ns,
            self_ns=self._self_ns,
            mean_ns=durations.total_ns / durations.count if some else None,
            p50_ns=durations.quantile_ns(0.5),
            p95_ns=durations.quantile_ns(0.95),
            max_ns=durations.max_ns if some else None,
            min_ns=durations.min_ns if some else None,
            spread=durations.spread(SPREAD_COLUMNS),
            trend=self._trend.trend(),
        )
