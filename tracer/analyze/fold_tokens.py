"""A trace as one sequence of tokens: its spans in order, and before the first span of each turn of a loop the turn.

A token has a code (a span's action, or the kind of loop) and a depth. The two columns are the whole structure of a run:
what the fold takes in, and what its expansion gives back.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracer.analyze.fold_paths import KINDS, LoopPaths
from tracer.analyze.pauses import is_pause
from tracer.run.events import Int64Array
from tracer.run.trace import Trace

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tokens:
    """The structure of a run in pre-order.

    Attributes:
        code: A span's action number; for a turn of a loop of kind k, an index into `KINDS`, it is -1 - k.
        depth: 0 at the top; turns are levels too.
        row: The span's row in the trace; for a turn that of the first span inside.
    """

    code: Int32Array
    depth: Int32Array
    row: Int32Array

    def __len__(self) -> int:
        return len(self.code)


def loop_kind(code: int) -> str | None:
    """The kind of loop that a code is a turn of; None for a span's."""
    return KINDS[-1 - code] if -len(KINDS) <= code < 0 else None


def tokens(trace: Trace) -> Tokens:
    """The structure of a trace. Pauses of the training are left out: they are none of Lightning's doing."""
    rows = _working_rows(trace)
    paths = LoopPaths(trace.contexts)
    depth, parent, entry = trace.depth[rows], _renumbered(trace, rows), trace.context[rows] + 1
    around = np.where(parent >= 0, entry[parent], 0)
    moved = np.flatnonzero(around != entry)  # the loop has moved on between the call around and this one
    base = paths.shared(around[moved].astype(np.int64), entry[moved].astype(np.int64))
    inside = paths.length[entry[moved]] - base
    kept = np.maximum(base, _shared_with_sibling(depth, parent, entry, moved, paths))
    opened = paths.length[entry[moved]] - kept
    levels = np.zeros(len(rows), np.int32)
    levels[moved] = inside
    levels = depth + _summed_down(depth, parent, levels)
    return _woven(trace, rows, levels, moved, kept, opened, entry, paths)


def _working_rows(trace: Trace) -> Int32Array:
    rows = np.arange(len(trace), dtype=np.int32)
    pauses = [action.id for action in trace.actions if is_pause(action)]
    if not pauses:
        return rows
    encloses = np.zeros(len(rows), np.bool_)
    encloses[trace.parent[trace.parent >= 0]] = True
    return rows[~(np.isin(trace.action, pauses) & ~encloses)]


def _renumbered(trace: Trace, rows: Int32Array) -> Int32Array:
    """The parents of these rows, by their place among them."""
    parent = trace.parent[rows]
    if len(rows) == len(trace):
        return parent
    place = np.full(len(trace) + 1, -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    return np.asarray(place[parent], np.int32)


def by_depth(depth: Int32Array) -> tuple[Int64Array, Int64Array]:
    """The places of a sequence in order of their depth, and where each depth begins among them (one more than there
    are depths)."""
    deepest = int(depth.max(initial=-1))
    narrow = depth.astype(np.int16) if deepest < np.iinfo(np.int16).max else depth  # sorted by radix, much faster
    order = np.argsort(narrow, kind="stable")
    return order, np.concatenate(([0], np.cumsum(np.bincount(depth, minlength=deepest + 1))))


def _shared_with_sibling(
    depth: Int32Array, parent: Int32Array, entry: Int32Array, moved: Int64Array, paths: LoopPaths
) -> Int64Array:
    """How many levels the paths of the spans `moved` share with that of the call before them in the same call."""
    order, _ = by_depth(depth)
    before = np.full(len(depth), -1, np.int32)
    before[order[1:]] = np.where(parent[order[1:]] == parent[order[:-1]], order[:-1], -1)
    before[order[1:]] = np.where(depth[order[1:]] == depth[order[:-1]], before[order[1:]], -1)
    sibling = before[moved]
    shared = paths.shared(np.where(sibling >= 0, entry[sibling], 0).astype(np.int64), entry[moved].astype(np.int64))
    return np.where(sibling >= 0, shared, 0)


def _summed_down(depth: Int32Array, parent: Int32Array, levels: Int32Array) -> Int32Array:
    """For each span the sum of `levels` over it and all calls around it."""
    if not levels.any():
        return levels
    order, bounds = by_depth(depth)
    for first, last in zip(bounds[1:-1].tolist(), bounds[2:].tolist(), strict=True):
        rows = order[first:last]
        levels[rows] += levels[parent[rows]]
    return levels


def _woven(
    trace: Trace,
    rows: Int32Array,
    levels: Int32Array,
    moved: Int64Array,
    kept: Int64Array,
    opened: Int64Array,
    entry: Int32Array,
    paths: LoopPaths,
) -> Tokens:
    """Puts turns between the spans: `opened` of them before each of `moved`, from the level `kept` on."""
    before = np.zeros(len(rows), np.int32)
    before[moved] = opened
    at = np.arange(len(rows), dtype=np.int32) + np.cumsum(before, dtype=np.int32)
    size = len(rows) + int(opened.sum())
    code, depth, row = (np.empty(size, np.int32) for _ in range(3))
    code[at], depth[at], row[at] = trace.action[rows], levels, rows
    turn = np.repeat(np.arange(len(moved)), opened)
    nth = np.arange(len(turn)) - np.repeat(np.cumsum(opened) - opened, opened)
    back = opened[turn] - nth  # 1 for the innermost
    place = at[moved][turn] - back
    level = kept[turn] + nth
    code[place] = -1 - paths.step[entry[moved][turn], level]
    depth[place] = levels[moved][turn] - back
    row[place] = rows[moved][turn]
    return Tokens(code, depth, row)
