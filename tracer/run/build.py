"""From the event stream to spans: the one place where enters and leaves are matched.

A live tail, a replay under a clock and the opening of a finished run all feed the same builder, in portions of any
size; the result does not depend on how the stream was cut. A well-nested portion is matched with array operations. One
that is not (a span left without its leave, a leave without its span: Lightning leaks both, see `_walk`) is walked event
by event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tracer.run.columns import Columns
from tracer.run.events import Action, Int64Array, event_codes, event_values, unknown_action
from tracer.run.layout import FUNCTIONS, MAX_ACTIONS, STAGES, Mark
from tracer.run.trace import CONTEXT_FIELDS, ERROR, OK, OPEN, Contexts, Trace

_DEEP = 256
"""Nesting beyond this is no real training loop; matching by levels would then cost more than walking."""

_SPAN_TYPES = {
    "action": np.int16,
    "parent": np.int32,
    "depth": np.int32,
    "start_ns": np.int64,
    "duration_ns": np.int64,
    "self_ns": np.int64,
    "status": np.int8,
    "context": np.int32,
    "children_ns": np.int64,
}
_CONTEXT_TYPES = {
    "call": np.int32,
    "function": np.int8,
    "stage": np.int8,
    "epoch": np.int32,
    "batch": np.int64,
    "global_step": np.int64,
    "dataloader": np.int32,
    "planned": np.int64,
    "first_row": np.int64,
    "start_ns": np.int64,
}
_LIMITS = {"function": len(FUNCTIONS), "stage": len(STAGES)}
_MARK_FIELDS = {
    Mark.STAGE: "stage",
    Mark.EPOCH: "epoch",
    Mark.BATCH: "batch",
    Mark.STEP: "global_step",
    Mark.LOADER: "dataloader",
    Mark.PLANNED: "planned",
}


@dataclass(frozen=True)
class Delta:
    """What a portion of events changed.

    Attributes:
        first_row: Row of the first new span.
        rows: Number of spans now; the new ones are `first_row` to `rows` - 1.
        closed: Rows of the spans that this portion closed, in order of their end.
    """

    first_row: int
    rows: int
    closed: Int64Array


@dataclass(frozen=True)
class _Matched:
    """Enters of a portion (those open before it first) with what belongs to each."""

    depth: Int64Array
    parent: Int64Array
    """Index of the enclosing enter among the enters, -1 at the top."""
    leave: Int64Array
    """Index of the leave among the timed events of the portion, -1 while open."""
    broken: Int64Array
    """Indices of enters that were never left themselves: they ended when one around them was left."""


class TraceBuilder:
    """Turns the event stream of one rank into spans, portion by portion."""

    def __init__(self, rank: int, started_at: datetime) -> None:
        self._rank = rank
        self._started_at = started_at
        self._spans = Columns(_SPAN_TYPES)
        self._contexts = Columns(_CONTEXT_TYPES)
        self._here = dict.fromkeys(CONTEXT_FIELDS, -1)
        self._moved = False
        self._open: list[int] = []
        self._last_left = -1
        self._now_ns = 0
        self._highest_action = -1
        self._actions: tuple[Action, ...] = ()

    def feed(self, events: Int64Array, actions: Sequence[Action]) -> Delta:
        """Takes the next events of the stream.

        Args:
            events: Records that directly follow those fed before.
            actions: All actions known so far.

        Returns:
            The rows that are new and those that were closed.
        """
        self._actions = tuple(actions)
        first_row = len(self._spans)
        closed = np.empty(0, np.int64)
        if len(events):
            codes = event_codes(events)
            timed = np.flatnonzero(codes < MAX_ACTIONS)
            left = np.full(len(events), -1, np.int64)  # the row that each event leaves
            self._take_marks(codes, events, timed)
            if len(timed):
                closed, left[timed] = self._take_spans(codes[timed], event_values(events[timed]))
            self._take_errors(codes, left)
        return Delta(first_row, len(self._spans), closed)

    def trace(self, gap: str | None = None) -> Trace:
        """The spans so far. Its columns are views: taking one costs nothing that grows with the trace."""
        spans = self._spans.views()
        del spans["children_ns"]
        return Trace(
            rank=self._rank,
            actions=self._known_actions(),
            started_at=self._started_at,
            contexts=Contexts(**self._contexts.views()),  # type: ignore[arg-type]  # narrower integers
            open_rows=tuple(self._open),
            now_ns=self._now_ns,
            gap=gap,
            **spans,  # type: ignore[arg-type]
        )

    def _known_actions(self) -> tuple[Action, ...]:
        known = len(self._actions)
        return self._actions + tuple(unknown_action(i) for i in range(known, self._highest_action + 1))

    def _take_marks(self, codes: Int64Array, events: Int64Array, timed: Int64Array) -> None:
        """Follows the marks; adds a context for every event that comes after a change of where the loop stands."""
        marks = np.flatnonzero((codes >= MAX_ACTIONS) & (codes != Mark.ERROR))
        rows = len(self._spans) + np.concatenate(([0], np.cumsum(codes[timed] >= 0)))
        times = event_values(events[timed])
        position = 0  # of the timed event at which a pending change takes effect
        for code, value, following in zip(
            codes[marks].tolist(),
            event_values(events[marks]).tolist(),
            np.searchsorted(timed, marks).tolist(),
            strict=True,
        ):
            if self._moved and following != position:
                self._add_context(int(rows[position]), int(times[position]))
            position = following
            self._apply(code, value - 1)
        if self._moved and position < len(timed):
            self._add_context(int(rows[position]), int(times[position]))

    def _apply(self, code: int, value: int) -> None:
        if code == Mark.CALL:
            call = self._here["call"] + 1
            self._here = dict.fromkeys(CONTEXT_FIELDS, -1) | {
                "call": call,
                "function": _fitting("function", value),
            }
        else:
            field = _MARK_FIELDS[Mark(code)]
            self._here[field] = _fitting(field, value)
        self._moved = True

    def _add_context(self, first_row: int, start_ns: int) -> None:
        self._contexts.append(self._here | {"first_row": first_row, "start_ns": start_ns})
        self._moved = False

    def _take_spans(self, codes: Int64Array, times: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Adds the spans that were entered, closes those that were left.

        Returns:
            The rows that were closed, in order of their end; and for each event the row that it left, or -1.
        """
        spans = self._spans
        carried = np.asarray(self._open, np.int64)
        matched = _match(np.concatenate((spans["action"][carried], codes)), len(carried))
        entered = np.flatnonzero(codes >= 0)
        first = spans.extend(len(entered))
        fresh = slice(first, first + len(entered))
        rows = np.concatenate((carried, np.arange(fresh.start, fresh.stop)))
        parent = matched.parent[len(carried) :]
        spans["action"][fresh] = codes[entered]
        spans["depth"][fresh] = matched.depth[len(carried) :]
        spans["parent"][fresh] = np.where(parent >= 0, rows[parent], -1)
        spans["start_ns"][fresh] = times[entered]
        spans["status"][fresh] = OPEN
        spans["duration_ns"][fresh] = spans["self_ns"][fresh] = -1
        spans["context"][fresh] = np.searchsorted(self._contexts["first_row"], rows[len(carried) :], "right") - 1
        self._now_ns = max(self._now_ns, int(times.max()))
        self._highest_action = max(self._highest_action, int(codes.max()))
        return self._close(rows, matched, times)

    def _close(self, rows: Int64Array, matched: _Matched, times: Int64Array) -> tuple[Int64Array, Int64Array]:
        spans = self._spans
        left = np.flatnonzero(matched.leave >= 0)
        # Among spans that one leave closes, the inner ones (entered later) end first and the left one last.
        left = left[np.lexsort((-left, matched.leave[left]))]
        closed, leaves = rows[left], matched.leave[left]
        durations = np.maximum(times[leaves] - spans["start_ns"][closed], 0)
        spans["duration_ns"][closed] = durations
        spans["status"][closed] = OK
        spans["status"][rows[matched.broken]] = ERROR
        parents = spans["parent"][closed]
        inner = parents >= 0
        np.add.at(spans["children_ns"], parents[inner], durations[inner])
        spans["self_ns"][closed] = np.maximum(durations - spans["children_ns"][closed], 0)
        self._open = rows[matched.leave < 0].tolist()
        row_left = np.full(len(times), -1, np.int64)
        row_left[leaves] = closed  # of several, the last wins: the one that was left itself
        return closed, row_left

    def _take_errors(self, codes: Int64Array, left: Int64Array) -> None:
        """An error mark says that the span left by the event right before it ended with an exception."""
        before = np.concatenate(([self._last_left], left))[:-1]
        failed = before[codes == Mark.ERROR]
        self._spans["status"][failed[failed >= 0]] = ERROR
        self._last_left = int(left[-1])


def _fitting(field: str, value: int) -> int:
    """`value` if the column can hold it and it means something, else -1: streams may be damaged or hostile."""
    return value if 0 <= value < _LIMITS.get(field, 1 << 31) else -1


def _match(codes: Int64Array, carried: int) -> _Matched:
    """Finds depth, parent and leave of each enter among `codes`, of which the first `carried` are open from before."""
    enters = codes >= 0
    level = np.cumsum(np.where(enters, 1, -1))
    depth = np.where(enters, level - 1, level)
    if depth.min(initial=0) < 0 or depth.max(initial=0) > _DEEP:
        return _walk(codes, carried)
    # On each level enters and leaves take turns, so sorting by level puts each enter right before its leave.
    order = np.argsort(depth.astype(np.int16), kind="stable")  # 16 bits: a radix sort
    first, second = order[:-1], order[1:]
    pair = enters[first] & ~enters[second] & (depth[first] == depth[second])
    opening, closing = first[pair], second[pair]
    if (codes[opening] != ~codes[closing]).any():
        return _walk(codes, carried)
    leave = np.full(len(codes), -1, np.int64)
    leave[opening] = closing - carried
    positions = np.flatnonzero(enters)
    return _Matched(
        depth=depth[positions],
        parent=_parents(depth[positions]),
        leave=leave[positions],
        broken=np.empty(0, np.int64),
    )


def _parents(depth: Int64Array) -> Int64Array:
    """For each enter the index of the last one before it that is a level higher up; -1 at the top."""
    parent = np.full(len(depth), -1, np.int64)
    above = np.flatnonzero(depth == 0)
    for level in range(1, int(depth.max(initial=0)) + 1):
        here = np.flatnonzero(depth == level)
        parent[here] = above[np.searchsorted(above, here) - 1]
        above = here
    return parent


def _walk(codes: Int64Array, carried: int) -> _Matched:
    """As `_match`, event by event, for portions that are not well nested.

    A leave closes the innermost open span of its action and with it all that were opened inside and never left
    (manual optimization leaks `optimizer_step` when the step raises: loops/optimization/manual.py:131-137 has no
    `finally`). A leave that no open span matches is passed over (a profiler is stopped even if its start raised:
    profilers/profiler.py:57-74).
    """
    stack: list[tuple[int, int]] = []  # (action, index of the enter)
    inside: dict[int, int] = {}  # how often an action is on the stack
    depth: list[int] = []
    parent: list[int] = []
    leave: list[int] = []
    broken: list[int] = []
    for position, code in enumerate(codes.tolist()):
        if code >= 0:
            depth.append(len(stack))
            parent.append(stack[-1][1] if stack else -1)
            leave.append(-1)
            stack.append((code, len(leave) - 1))
            inside[code] = inside.get(code, 0) + 1
        elif inside.get(~code):
            while True:
                action, index = stack.pop()
                inside[action] -= 1
                leave[index] = position - carried
                if action == ~code:
                    break
                broken.append(index)
    arrays = (np.asarray(values, np.int64) for values in (depth, parent, leave, broken))
    return _Matched(*arrays)
