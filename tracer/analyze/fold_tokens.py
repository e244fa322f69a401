"""A trace as one sequence of tokens: its spans in order, and before the first span of each turn of a loop the turn.

A token has a code (a span's action, or the kind of loop) and a depth. The two columns are the whole structure of a run:
what the fold takes in, and what its expansion gives back.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracer.analyze.fold_paths import KINDS, LoopPaths
from tracer.analyze.pauses import is_pause
from tracer.analyze.unwound import whole
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
    spans = _spans(trace)
    paths = LoopPaths(trace.contexts)
    around = np.where(spans.parent >= 0, spans.entry[spans.parent], 0)
    moved = np.flatnonzero(around != spans.entry).astype(np.int32)  # the loop has moved on since the call around began
    base = paths.shared(around[moved], spans.entry[moved])
    del around
    order, bounds = by_depth(spans.depth)
    inside = paths.length[spans.entry[moved]].astype(np.int32)
    kept = np.maximum(base, _shared_with_sibling(spans, order, moved, paths))
    levels = np.zeros(len(spans.row), np.int32)
    levels[moved] = inside - base
    del base
    _sum_down(levels, spans.parent, order, bounds)
    del order
    levels += spans.depth
    return _woven(trace, spans, levels, moved, kept, inside - kept, paths)


@dataclass(frozen=True)
class _Spans:
    """The spans that are looked at: their rows, depths, parents (by place among them) and entries in `LoopPaths`."""

    row: Int32Array
    depth: Int32Array
    parent: Int32Array
    entry: Int32Array


def _spans(trace: Trace) -> _Spans:
    rows = np.arange(len(trace), dtype=np.int32)
    entry = whole(trace).contexts(trace, slice(None)) + np.int32(1)
    pauses = [action.id for action in trace.actions if is_pause(action)]
    if not pauses:
        return _Spans(rows, trace.depth, trace.parent, entry)
    encloses = np.zeros(len(rows), np.bool_)
    encloses[trace.parent[trace.parent >= 0]] = True
    rows = rows[~(np.isin(trace.action, pauses) & ~encloses)]
    place = np.full(len(trace) + 1, -1, np.int32)  # that of -1 is -1
    place[rows] = np.arange(len(rows), dtype=np.int32)
    return _Spans(rows, trace.depth[rows], place[trace.parent[rows]], entry[rows])


def by_depth(depth: Int32Array) -> tuple[Int32Array, Int64Array]:
    """The places of a sequence in order of their depth, and where each depth begins among them (one more than there
    are depths)."""
    deepest = int(depth.max(initial=-1))
    narrow = depth.astype(np.int16) if deepest < np.iinfo(np.int16).max else depth  # sorted by radix, much faster
    order = np.argsort(narrow, kind="stable").astype(np.int32)
    return order, np.concatenate(([0], np.cumsum(np.bincount(depth, minlength=deepest + 1))))


def _shared_with_sibling(spans: _Spans, order: Int32Array, moved: Int32Array, paths: LoopPaths) -> Int32Array:
    """How many levels the paths of the spans `moved` share with that of the call before them in the same call."""
    before = np.full(len(order), -1, np.int32)
    siblings = spans.parent[order[1:]] == spans.parent[order[:-1]]
    siblings &= spans.depth[order[1:]] == spans.depth[order[:-1]]
    before[order[1:]] = np.where(siblings, order[:-1], -1)
    sibling = before[moved]
    shared = paths.shared(np.where(sibling >= 0, spans.entry[sibling], 0), spans.entry[moved])
    return np.where(sibling >= 0, shared, 0)


def _sum_down(levels: Int32Array, parent: Int32Array, order: Int32Array, bounds: Int64Array) -> None:
    """Adds to each span's `levels` those of all calls around it."""
    if not levels.any():
        return
    for first, last in zip(bounds[1:-1].tolist(), bounds[2:].tolist(), strict=True):
        rows = order[first:last]
        levels[rows] += levels[parent[rows]]


def _woven(
    trace: Trace,
    spans: _Spans,
    levels: Int32Array,
    moved: Int32Array,
    kept: Int32Array,
    opened: Int32Array,
    paths: LoopPaths,
) -> Tokens:
    """Puts turns between the spans: `opened` of them before each of `moved`, from the level `kept` on."""
    at = np.zeros(len(spans.row), np.int32)
    at[moved] = opened
    np.cumsum(at, out=at)
    at += np.arange(len(at), dtype=np.int32)
    size = len(at) + int(opened.sum())
    code, depth, row = (np.empty(size, np.int32) for _ in range(3))
    code[at], depth[at], row[at] = trace.action[spans.row], levels, spans.row
    opens = np.flatnonzero(opened)
    moved, kept, opened = moved[opens], kept[opens], opened[opens]
    turn = np.repeat(np.arange(len(moved)), opened)
    nth = np.arange(len(turn)) - np.repeat(np.cumsum(opened) - opened, opened)
    back = opened[turn] - nth  # 1 for the innermost
    place = at[moved][turn] - back
    level = kept[turn] + nth
    code[place] = -1 - paths.step[spans.entry[moved][turn], level]
    depth[place] = levels[moved][turn] - back
    row[place] = spans.row[moved][turn]
    return Tokens(code, depth, row)
