"""Who keeps the others waiting, in which hook, and by how much.

At every event that all ranks have (a call entered, a call left) a rank is late by what has passed since the first rank
was there. Between two such events a rank's lateness grows by what it took longer than the others there, and shrinks
while it is waited for. What it grows by is booked to the innermost call that is open between the two: its self time.
So a hook that waits for a late rank is not taken for a slow one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analyze.ranks_clock import Offset, on_one_clock
from tracer.analyze.ranks_match import Matched
from tracer.run.events import Action, Int64Array
from tracer.run.layout import STAGES
from tracer.run.trace import Trace, stage_name


@dataclass(frozen=True)
class Late:
    """What one hook of one rank adds to the rank's lateness.

    Attributes:
        label, owner_kind: The hook's. Untrusted text.
        stage: In which stage of the run; None outside of all.
        rank: The rank that falls behind most there.
        calls: How often all ranks have called it.
        behind_ns: By how much the rank fell behind in all these calls, beyond the median of the others.
        share: Of the time from the first to the last event that all ranks have.
        first_half, second_half: Mean of what it fell behind by in a call, in ns, early and late in the run.
    """

    label: str
    owner_kind: str
    stage: str | None
    rank: int
    calls: int
    behind_ns: int
    share: float
    first_half: float
    second_half: float

    @property
    def mean_ns(self) -> float:
        """By how much it fell behind in a call."""
        return self.behind_ns / self.calls


def lateness(matched: Matched, offsets: Sequence[Offset]) -> tuple[Late, ...]:
    """Where ranks fall behind, the largest loss first. Hooks in which nobody does are left out."""
    matched = matched.closed()
    if len(matched) < 2 or len(matched.traces) < 2:
        return ()
    first, rows = matched.traces[0], matched.rows[0]
    grown, whole_ns = lateness_grown(matched, offsets)
    beyond = np.stack([own - _others(grown, rank) for rank, own in enumerate(grown)])
    stages = first.column("stage")[rows]
    kinds, which = np.unique(first.action[rows] * len(STAGES) + stages + 1, return_inverse=True)
    order = np.argsort(which, kind="stable")
    found = []
    for calls in np.split(order, np.cumsum(np.bincount(which, minlength=len(kinds)))[:-1]):
        sums = beyond[:, calls].sum(axis=1)
        rank = int(np.argmax(sums))
        if sums[rank] > 0:
            action, stage = first.actions[first.action[rows[calls[0]]]], stage_name(int(stages[calls[0]]))
            found.append(_late(action, stage, matched.traces[rank].rank, beyond[rank, calls], whole_ns))
    return tuple(sorted(found, key=lambda late: -late.behind_ns))


def _late(action: Action, stage: str | None, rank: int, behind_ns: Int64Array, whole_ns: int) -> Late:
    total_ns, half = int(behind_ns.sum()), len(behind_ns) // 2
    return Late(
        action.label,
        action.owner_kind,
        stage,
        rank,
        len(behind_ns),
        total_ns,
        total_ns / whole_ns,
        float(behind_ns[: max(half, 1)].mean()),
        float(behind_ns[half:].mean()),
    )


def lateness_grown(
    matched: Matched, offsets: Sequence[Offset]
) -> "tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], int]":
    """By rank and call, by how much lateness grew in the call's self time, in ns; and how long all of it took.

    The calls must be over on all ranks.
    """
    spans = [
        on_one_clock(trace, offset, rows)
        for trace, offset, rows in zip(matched.traces, offsets, matched.rows, strict=True)
    ]
    last_inside = _last_inside(*spans[0])
    events, leaves = _events(last_inside)
    times = np.stack([np.where(leaves, end[events], start[events]) for start, end in spans])
    late = times - times.min(axis=0)
    steps = np.diff(late, axis=1)
    around = _around(matched.traces[0], matched.rows[0])
    inside = np.where(leaves, around[events], events)[:-1]
    known = inside >= 0
    grown = [np.bincount(inside[known], weights=step[known], minlength=len(matched)) for step in steps]
    return np.stack(grown).astype(np.int64), max(1, int(times.max() - times.min()))


def _others(grown: Int64Array, rank: int) -> Int64Array:
    """By call the median of what the others fell behind by; one that is being waited for does not count as fast."""
    return np.asarray(np.median(np.maximum(np.delete(grown, rank, axis=0), 0), axis=0), np.int64)


def _last_inside(start_ns: Int64Array, end_ns: Int64Array) -> Int64Array:
    """For each call the last one that begins in it, itself if none does."""
    return np.maximum(np.searchsorted(start_ns, end_ns, side="left") - 1, np.arange(len(start_ns)))


def _events(last_inside: Int64Array) -> "tuple[Int64Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]":
    """The calls in the order in which they are entered and left, and which of the two it is."""
    calls = np.arange(len(last_inside))
    place = np.concatenate((calls, last_inside))
    leaves = np.repeat((False, True), len(calls))
    inner_first = np.concatenate((calls, -calls))
    order = np.lexsort((inner_first, leaves, place))
    return np.concatenate((calls, calls))[order], leaves[order]


def _around(trace: Trace, rows: Int64Array) -> Int64Array:
    """For each of these calls the nearest one around it that is among them, by its place; -1 if there is none."""
    place = np.full(len(trace) + 1, -1, np.int64)
    place[rows] = np.arange(len(rows))
    parent = trace.parent[rows].astype(np.int64)
    while (climbing := (parent >= 0) & (place[parent] < 0)).any():
        parent[climbing] = trace.parent[parent[climbing]]
    return np.where(parent >= 0, place[parent], -1)
