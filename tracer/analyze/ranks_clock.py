"""One clock for all ranks: what to add to a rank's times so that they can be laid beside the first one's.

Ranks on one host measure by the same clock and differ by where they began: exact. Between hosts the difference is
estimated from calls that ranks can only leave together, because they wait for one another in there: the backward
pass, whose end waits until all gradients are exchanged (`torch.nn.parallel.DistributedDataParallel`). Where there was
none, as in a test, it is the call whose ends lie together best. That says less: ranks that wait for nobody drift apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tracer.analyze.ranks_match import match
from tracer.run.events import Int64Array
from tracer.run.ranks import RankInfo
from tracer.run.trace import Trace

How = Literal["same clock", "calls left together", "wall clock"]
_FEWEST = 8
_WAITS = "Strategy.backward"


@dataclass(frozen=True)
class Offset:
    """How a rank's clock stands to the first rank's.

    Attributes:
        rank: Global rank.
        add_ns: To be added to the rank's times, which count from its own start.
        plus_minus_ns: Half of the estimates lie within so much; 0 for the same clock, None where nothing is known.
        how: Where that comes from.
        label: The call that was used, if one was: untrusted text.
    """

    rank: int
    add_ns: int
    plus_minus_ns: int | None
    how: How
    label: str | None = None


def offsets(traces: Sequence[Trace], infos: Sequence[RankInfo]) -> tuple[Offset, ...]:
    """How each rank's clock stands to that of the first of them."""
    first = infos[0]
    found = [Offset(first.rank, 0, 0, "same clock")]
    for trace, info in zip(traces[1:], infos[1:], strict=True):
        known_ns = info.began_after_ns(first)
        if known_ns is not None:
            found.append(Offset(info.rank, known_ns, 0, "same clock"))
        else:
            found.append(estimated(traces[0], trace) or _by_wall_time(first, info))
    return tuple(found)


def estimated(first: Trace, other: Trace) -> Offset | None:
    """An offset from calls that the ranks leave together; None if the two have too little in common."""
    matched = match((first, other)).closed()
    ends = [
        trace.start_ns[rows] + trace.duration_ns[rows] for trace, rows in zip((first, other), matched.rows, strict=True)
    ]
    apart = ends[0] - ends[1]
    actions = first.action[matched.rows[0]]
    found: list[Offset] = []
    for number in np.unique(actions).tolist():
        some = apart[actions == number]
        if len(some) >= _FEWEST:
            low, middle, high = np.percentile(some, (25, 50, 75)).tolist()
            label = first.actions[number].label
            found.append(Offset(other.rank, int(middle), int((high - low) / 2), "calls left together", label))
    backward = [offset for offset in found if offset.label is not None and offset.label.endswith(_WAITS)]
    return min(backward or found, key=lambda offset: offset.plus_minus_ns or 0, default=None)


def _by_wall_time(first: RankInfo, other: RankInfo) -> Offset:
    apart = other.started_at - first.started_at
    return Offset(other.rank, round(apart.total_seconds() * 1e9), None, "wall clock")


def on_one_clock(trace: Trace, offset: Offset, rows: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Start and end of the closed calls `rows`, in ns since the first rank's start."""
    start_ns = trace.start_ns[rows] + offset.add_ns
    return start_ns, start_ns + trace.duration_ns[rows]
