"""Where each rank stands, and the first call that one has made and another has not.

Ranks that run the same program make the same calls, apart from a few that are rank 0's alone. When a training hangs,
the ranks wait for each other in different places. The last call that all have made, and what each one did next, is
where they parted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analyze.ranks_clock import Offset
from tracer.analyze.ranks_match import Matched
from tracer.run.trace import Span, Trace


@dataclass(frozen=True)
class Standing:
    """Where one rank stands. Labels are untrusted text; times are in ns since the first rank's start.

    Attributes:
        rank: Global rank.
        calls: How many it has made.
        open: The calls that it has entered and not left, outermost first; those of the gate too.
        since_ns: Of its last event: since then it has entered and left nothing.
        inside: Whether it is still in the last call that all ranks have made.
        next: What it called after the last call that all ranks have made; None if nothing.
        next_ns: When.
        ahead: How many calls it has made since.
    """

    rank: int
    calls: int
    open: tuple[str, ...]
    since_ns: int
    inside: bool
    next: Span | None
    next_ns: int | None
    ahead: int


@dataclass(frozen=True)
class Parting:
    """Where the ranks are together for the last time.

    Attributes:
        last: The last call that all have made, as the first rank made it; None if there is none.
        last_ns: When the last of them entered it, in ns since the first rank's start.
        standings: By rank.
        alone: By rank, the labels of what nobody else has called before that, with how often: rank 0's work, usually.
    """

    last: Span | None
    last_ns: int | None
    standings: tuple[Standing, ...]
    alone: tuple[tuple[tuple[str, int], ...], ...]

    @property
    def differs(self) -> bool:
        """Whether two ranks have called different things next: then they run different programs from there on."""
        return len({standing.next.action.label for standing in self.standings if standing.next is not None}) > 1

    @property
    def parted(self) -> bool:
        """Whether some have gone on while others have not, or elsewhere."""
        inside = {standing.inside for standing in self.standings}
        return len(inside) > 1 or any(standing.next is not None for standing in self.standings)


def parting(matched: Matched, offsets: Sequence[Offset]) -> Parting:
    """Where the ranks stand, and where they were together for the last time."""
    last_rows = [int(rows[-1]) if len(rows) else -1 for rows in matched.rows]
    ranks = list(zip(matched.traces, offsets, last_rows, matched.alone, strict=True))
    starts = [int(trace.start_ns[row]) + offset.add_ns for trace, offset, row, _ in ranks if row >= 0]
    first = matched.traces[0]
    return Parting(
        first.span(last_rows[0]) if last_rows[0] >= 0 else None,
        max(starts, default=None),
        tuple(_standing(trace, offset, row) for trace, offset, row, _ in ranks),
        tuple(_counted(trace, others[others < row]) for trace, _, row, others in ranks),
    )


def _standing(trace: Trace, offset: Offset, last_row: int) -> Standing:
    following = trace.span(last_row + 1) if last_row + 1 < len(trace) else None
    return Standing(
        trace.rank,
        len(trace),
        tuple(trace.actions[trace.action[row]].label for row in trace.open_rows),
        trace.now_ns + offset.add_ns,
        last_row in trace.open_rows,
        following,
        None if following is None else following.start_ns + offset.add_ns,
        len(trace) - last_row - 1,
    )


def _counted(trace: Trace, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> tuple[tuple[str, int], ...]:
    numbers, counts = np.unique(trace.action[rows], return_counts=True)
    ordered = sorted(zip(counts.tolist(), numbers.tolist(), strict=True), reverse=True)
    return tuple((trace.actions[number].label, count) for count, number in ordered)
