"""Time in which the training waited at its gate because somebody paused it or slowed it down: no work of the loop.

Whoever compares durations takes this time out of them; whoever draws them cuts it out of the axis.
"""

import numpy as np
import numpy.typing as npt

from tracer.run.events import Action
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER
from tracer.run.trace import Trace

Int64Array = npt.NDArray[np.int64]


def is_pause(action: Action) -> bool:
    """Whether an action is the waiting at the gate."""
    return action.owner_kind == "loop" and action.owner == PAUSE_OWNER and action.hook == PAUSE_HOOK


class Pauses:
    """The pauses of one trace, in order, taken in as it grows.

    Attributes:
        start_ns, duration_ns: Of the pauses that are over.
    """

    def __init__(self) -> None:
        self.start_ns = np.empty(0, np.int64)
        self.duration_ns = np.empty(0, np.int64)
        self._before_ns = np.zeros(1, np.int64)  # entry i: paused in the first i pauses
        self._rows = self._known = 0
        self._actions: list[int] = []
        self._open: list[int] = []

    def __len__(self) -> int:
        return len(self.start_ns)

    def advance(self, trace: Trace) -> None:
        """Takes in what was added to the trace since the last call."""
        self._actions += [action.id for action in trace.actions[self._known :] if is_pause(action)]
        self._known = len(trace.actions)
        first, self._rows = self._rows, len(trace)
        if not self._actions:
            return
        found = first + np.flatnonzero(np.isin(trace.action[first:], self._actions))
        waiting = np.concatenate((np.asarray(self._open, np.int64), found))
        over = trace.duration_ns[waiting] >= 0
        self._open = waiting[~over].tolist()
        if over.any():
            rows = waiting[over]
            self.start_ns = np.concatenate((self.start_ns, trace.start_ns[rows]))
            self.duration_ns = np.concatenate((self.duration_ns, trace.duration_ns[rows]))
            self._before_ns = np.concatenate(([0], np.cumsum(self.duration_ns)))

    def until(self, times_ns: Int64Array) -> Int64Array:
        """How much of the time from the run's start to each of `times_ns` was paused, in ns."""
        if not len(self):
            return np.zeros(len(times_ns), np.int64)
        last = np.searchsorted(self.start_ns, times_ns, side="right")
        ends_ns = np.concatenate(([0], self.start_ns + self.duration_ns))
        return np.asarray(self._before_ns[last] - np.maximum(ends_ns[last] - times_ns, 0) * (last > 0), np.int64)

    def work_ns(self, start_ns: Int64Array, duration_ns: Int64Array) -> Int64Array:
        """Durations without the pauses inside."""
        if not len(self):
            return duration_ns
        return np.asarray(duration_ns - (self.until(start_ns + duration_ns) - self.until(start_ns)), np.int64)
