"""Which leave belongs to which enter: the nesting of a portion of the event stream.

A well-nested portion is matched with array operations. One that is not (a span left without its leave, a leave without
its span: Lightning leaks both, see `_walk`) is walked event by event.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.signedinteger[Any]]
"""Of whatever width: the narrower, the faster."""

_DEEP = 250
"""Nesting beyond this is no real training loop; matching by levels would then cost more than walking. Fits 8 bits."""


@dataclass(frozen=True)
class Matched:
    """Enters of a portion (those open before it first) and how they ended.

    Attributes:
        depth: Of each enter, 0 at the top.
        parent: Index of the enclosing enter among the enters, -1 at the top.
        closed: Indices of the enters that ended, in order of their end; the inner ones first where one leave ends many.
        leave: For each of `closed` the index of the leave that ended it, among the events of the portion.
        open: Indices of the enters that did not end.
        broken: Indices of the enters that were never left themselves: they ended when one around them was left.
    """

    depth: Integers
    parent: Integers
    closed: Integers
    leave: Integers
    open: Integers
    broken: Integers


def match(codes: Integers, carried: int) -> Matched:
    """Finds depth, parent and end of each enter.

    Args:
        codes: Action numbers of enters and complements of leaves, in the order of the stream.
        carried: How many of them, at the beginning, are enters that are open from before the portion.
    """
    enters = codes >= 0
    steps = enters.view(np.int8)
    depth = np.cumsum(2 * steps - 1, dtype=np.int32) - steps
    if depth.min(initial=0) < 0 or depth.max(initial=0) > _DEEP:
        return _walk(codes, carried)
    # On each level enters and leaves take turns, so sorting by level puts each enter right before its leave.
    order = np.argsort(depth.astype(np.uint8), kind="stable")  # 8 bits: a radix sort in one pass
    by_level, entering, level = codes[order], enters[order], depth[order]
    pair = entering[:-1] & ~entering[1:] & (level[:-1] == level[1:])
    if ((by_level[:-1] != ~by_level[1:]) & pair).any():
        return _walk(codes, carried)
    number = np.cumsum(enters, dtype=np.int32) - 1
    ended_by = np.empty(len(codes), np.int32)
    ended_by[order[1:][pair]] = number[order[:-1][pair]]
    leaves = np.flatnonzero(~enters)
    closed = ended_by[leaves]
    return Matched(
        depth=depth[enters],
        parent=_parents(number[order[entering]], level[entering]),
        closed=closed,
        leave=leaves - carried,
        open=_others(closed, int(enters.sum())),
        broken=np.empty(0, np.int64),
    )


def _parents(by_level: Integers, level: Integers) -> Integers:
    """For each enter the index of the last one before it that is a level higher up; -1 at the top.

    Args:
        by_level: Indices of the enters, sorted by level and then by index.
        level: The level of each of these.
    """
    parent = np.full(len(by_level), -1, np.int32)
    ends = np.cumsum(np.bincount(level)).tolist()
    for start, middle, stop in zip([0, *ends], ends, ends[1:], strict=False):
        above, here = by_level[start:middle], by_level[middle:stop]
        parent[here] = above[np.searchsorted(above, here) - 1]
    return parent


def _others(indices: Integers, count: int) -> Integers:
    """The numbers below `count` that are not among `indices`."""
    left = np.ones(count, np.bool_)
    left[indices] = False
    return np.flatnonzero(left)


def _walk(codes: Integers, carried: int) -> Matched:
    """As `match`, event by event, for portions that are not well nested.

    A leave closes the innermost open span of its action and with it all that were opened inside and never left
    (manual optimization leaks `optimizer_step` when the step raises: loops/optimization/manual.py:131-137 has no
    `finally`). A leave that no open span matches is passed over (a profiler is stopped even if its start raised:
    profilers/profiler.py:57-74).
    """
    stack: list[tuple[int, int]] = []  # (action, index of the enter)
    inside: dict[int, int] = {}  # how often an action is on the stack
    depth: list[int] = []
    parent: list[int] = []
    closed: list[int] = []
    leave: list[int] = []
    broken: list[int] = []
    for position, code in enumerate(codes.tolist()):
        if code >= 0:
            parent.append(stack[-1][1] if stack else -1)
            stack.append((code, len(depth)))
            depth.append(len(stack) - 1)
            inside[code] = inside.get(code, 0) + 1
        elif inside.get(~code):
            while True:
                action, index = stack.pop()
                inside[action] -= 1
                closed.append(index)
                leave.append(position - carried)
                if action == ~code:
                    break
                broken.append(index)
    still_open = [index for _, index in stack]
    return Matched(*(np.asarray(values, np.int64) for values in (depth, parent, closed, leave, still_open, broken)))
