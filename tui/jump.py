"""From one row of the log to another: the next call of a hook, or the place that a user types.

Both look at columns a stretch at a time, from where the user is, so that what is near is found at once and what is at
the other end of ten million rows within a tenth of a second.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tracer.errors import NotFoundError, UsageError
from tracer.run.trace import Trace
from tui.log import LogView
from tui.matches import AllRows
from tui.seek import AtBatch, AtHook, AtTime, Target, actions_named, context_at, no_hook


def next_call(view: LogView, position: int, actions: Sequence[int], forward: bool) -> int | None:
    """Position of the nearest row after or before a position that is a call of one of some actions; None without one.

    Args:
        view: the log; rows that its filter hides are passed over.
        position: where to begin; that row is none of those looked at.
        actions: numbers of the actions.
        forward: which way.
    """
    if view.trace is None or not actions:
        return None
    for first, rows in view.rows.stretches(position, forward):
        called = view.trace.action[rows]
        hits = np.flatnonzero(np.logical_or.reduce([called == action for action in actions]))
        if len(hits):
            return first + int(hits[0 if forward else -1])
    return None


def position_of(view: LogView, target: Target, position: int) -> int:
    """Position of the row that a target means: the first that starts there, or the next one that the filter shows.

    Args:
        view: the log.
        target: what `parse_target` returned.
        position: where the user is: a batch without an epoch is one of the epoch there, a hook is its next call.

    Raises:
        NotFoundError: there is no such place so far; the message says what there is.
        UsageError: there is, but the filter hides it.
    """
    trace = view.trace
    if trace is None or not len(view):
        raise NotFoundError("the log is empty")
    match target:
        case AtTime(time_ns):
            if time_ns > trace.now_ns:
                raise NotFoundError(f"the log ends at {trace.now_ns / 1e9:.1f} s")
            row = int(np.searchsorted(trace.start_ns, time_ns))
        case AtBatch(epoch, batch):
            here_ns = int(trace.start_ns[view.rows.row(min(position, len(view) - 1))])
            row = int(trace.contexts.first_row[context_at(trace.contexts, epoch, batch, here_ns)])
        case AtHook(name):
            return _call_of(view, trace, name, position)
    return min(view.rows.position(row), len(view) - 1)


def _call_of(view: LogView, trace: Trace, name: str, position: int) -> int:
    """The next call of a hook, or, after the last, the first."""
    actions = actions_named(trace, name)
    for start in (position, -1):
        found = next_call(view, start, actions, forward=True)
        if found is not None:
            return found
    called = next_call(replace(view, rows=AllRows(len(trace))), -1, actions, forward=True) is not None
    if called:
        raise UsageError(f"the filter hides every call of {name}")
    raise NotFoundError(no_hook(trace, name))
