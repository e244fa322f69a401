"""Moments of a trace that people look for on any axis of time: checkpoints, exceptions, and when a step was logged."""

from typing import Final

import numpy as np

from tracer.run.events import Int64Array
from tracer.run.metrics import FloatArray
from tracer.run.trace import ERROR, Trace

SAVING: Final = ("save_checkpoint", "on_save_checkpoint")
"""Actions with which a checkpoint begins to be saved."""


def checkpoint_rows(trace: Trace) -> Int64Array:
    """Rows of the spans with which a checkpoint begins: one for all that are saved at the same place of the loop."""
    actions = [action.id for action in trace.actions if action.hook in SAVING]
    rows = np.flatnonzero(np.isin(trace.action, actions))
    context = trace.context[rows].astype(np.int64)
    here: Int64Array = rows[np.diff(context, prepend=-2) != 0]
    return here


def raising_rows(trace: Trace) -> Int64Array:
    """Rows of the spans in which an exception arose: it ended them, and none of those inside."""
    failed = np.flatnonzero(trace.status == ERROR)
    innermost: Int64Array = failed[~np.isin(failed, trace.parent[failed])]
    return innermost


def logged_times_ns(trace: Trace, steps: FloatArray) -> Int64Array:
    """When metrics of these steps were logged, about: at the end of the batch that made the step.

    The file with the metrics has no times. A step that the trace does not know is put at its end.
    """
    contexts = trace.contexts
    reached = np.maximum.accumulate(contexts.global_step) if len(contexts) else contexts.global_step
    place = np.searchsorted(reached, np.asarray(steps) + 1, side="left")
    return np.append(contexts.start_ns, trace.now_ns)[place].astype(np.int64)
