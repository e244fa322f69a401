"""Where an exception has ended the loops around a call, though the marks of the stream still name them.

Lightning calls `on_exception` after the exception has left all loops (trainer/call.py `_call_and_handle_interrupt`).
The place in the loop that the recording gives such a call is where the exception came from; what stands around the call
is the trainer's function alone.
"""

import numpy as np
import numpy.typing as npt

from tracer.run.events import Int64Array
from tracer.run.trace import Trace

Int32Array = npt.NDArray[np.int32]
_HOOK = "on_exception"


class Unwound:
    """The calls of one trace that came after an exception, found as the trace grows."""

    def __init__(self) -> None:
        # Of each trainer call that failed: its number, and the first row behind the loops.
        self._from: list[tuple[int, int]] = []

    def advance(self, trace: Trace, start: int, stop: int) -> None:
        """Looks through the rows from `start` to `stop`; to be called for all rows, in order."""
        numbers = [action.id for action in trace.actions if action.hook == _HOOK]
        if not numbers:
            return
        found = np.isin(trace.action[start:stop], numbers) & (trace.parent[start:stop] < 0)
        for row in (np.flatnonzero(found) + start).tolist():
            context = int(trace.context[row])
            call = int(trace.contexts.call[context]) if context >= 0 else -1
            if call >= 0 and (not self._from or self._from[-1][0] < call):
                self._from.append((call, row))

    def contexts(self, trace: Trace, rows: Int64Array | Int32Array | slice) -> Int32Array:
        """The context that says which loops are around each row: the recorded one; after an exception the first one of
        the trainer's call, from before its loops."""
        context = trace.context[rows]
        if not self._from:
            return context
        numbers = np.arange(*rows.indices(len(trace))) if isinstance(rows, slice) else rows
        call = np.where(context >= 0, trace.contexts.call[context], -1)
        context = context.copy()
        for failed, first in self._from:
            context[(call == failed) & (numbers >= first)] = np.searchsorted(trace.contexts.call, failed)
        return context


def whole(trace: Trace) -> Unwound:
    """The same for a trace that does not grow."""
    found = Unwound()
    found.advance(trace, 0, len(trace))
    return found
