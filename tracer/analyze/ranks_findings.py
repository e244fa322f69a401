"""What the ranks of a training together tell that none tells alone: who is late, who died, where they parted."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tracer.analyze.findings_base import Finding
from tracer.analyze.ranks_clock import Offset
from tracer.analyze.ranks_late import Late, lateness
from tracer.analyze.ranks_match import Matched, match
from tracer.analyze.ranks_parting import Parting, Standing, parting
from tracer.run.trace import Trace

_SHARE = 0.05
_FEWEST = 10
_LITTLE = 0.1
_ONE_RANK_ONLY = ("prepare_data",)
"""What Lightning calls on one rank of a host alone, by its own rules (trainer/connectors/data_connector.py:93)."""


@dataclass(frozen=True)
class Together:
    """All ranks of a run, with what is worked out of them once.

    Attributes:
        traces: By rank.
        states: Of each rank: one of `layout.STATES` or "died".
        offsets: Of each rank's clock.
    """

    traces: tuple[Trace, ...]
    states: tuple[str, ...]
    offsets: tuple[Offset, ...]

    @cached_property
    def matched(self) -> Matched:
        """The calls that all of them have made."""
        return match(self.traces)

    @cached_property
    def late(self) -> tuple[Late, ...]:
        """Where ranks fall behind."""
        return lateness(self.matched, self.offsets)

    @cached_property
    def parting(self) -> Parting:
        """Where they stand."""
        return parting(self.matched, self.offsets)

    @property
    def over(self) -> bool:
        """Whether all of them have ended in the way they were to."""
        return all(state in ("finished", "stopped") for state in self.states)


def died(ranks: Together) -> Iterator[Finding]:
    """Ranks whose process is gone, or which an exception ended, while others were left."""
    for standing, state in zip(ranks.parting.standings, ranks.states, strict=True):
        if state not in ("died", "failed") or all(other == state for other in ranks.states):
            continue
        where = standing.open[-1] if standing.open else "no hook"
        yield Finding(
            "rank-died",
            f"rank {standing.rank} {state} in {where}",
            "The other ranks wait for it in their next exchange, until they are killed or their time is over.",
            (f"open on rank {standing.rank}: {' > '.join(standing.open) or 'nothing'}", *_elsewhere(ranks, standing)),
            f"Look at the output of rank {standing.rank}; a process that is killed for its memory says nothing.",
            "certain",
            standing.open[-1:],
        )


def parted(ranks: Together) -> Iterator[Finding]:
    """Ranks that do not make the same calls from some point on, in a training that has not ended."""
    found = ranks.parting
    if ranks.over or found.last is None or not (found.parted or found.differs):
        return
    yield Finding(
        "ranks-parted",
        f"the ranks parted after {found.last.action.label}",
        "Each rank waits for the others in its next exchange: ranks that are in different places wait for ever. "
        "One that is only a little behind comes after.",
        tuple(standing_line(standing) for standing in found.standings),
        "Look for an exchange (all_gather, a log with sync_dist=True, a barrier) that not every rank comes to.",
        "likely" if found.differs else "possible",
        (found.last.action.label,),
    )


def straggling(ranks: Together) -> Iterator[Finding]:
    """Hooks in which one rank falls behind, and the others wait for it."""
    for late in ranks.late:
        if late.share < _SHARE or late.calls < _FEWEST or min(late.first_half, late.second_half) <= 0:
            continue
        alone = late.rank == 0 and _is_of_one_rank(ranks, late)
        subject = "work of rank 0 alone, which the others wait for" if alone else f"rank {late.rank} is late"
        yield Finding(
            "rank-zero-work" if alone else "straggling-rank",
            f"{subject}: {late.label}",
            f"At their next exchange the other ranks wait until rank {late.rank} is there.",
            (
                f"{late.mean_ns / 1e6:.3g} ms beyond the others a call, in {late.calls:,} calls ({late.stage})",
                f"{late.behind_ns / 1e9:.3g} s in all: {late.share * 100:.1f} % of the time",
                f"{late.first_half / 1e6:.3g} ms in the first half, {late.second_half / 1e6:.3g} ms in the second",
            ),
            "Do it less often, or on all ranks a part."
            if alone
            else "See what that rank has to do there that the others have not: its data, its disk, its host.",
            "likely",
            (late.label,),
            late.behind_ns,
            late.share,
        )


def different_calls(ranks: Together) -> Iterator[Finding]:
    """Calls that one rank has made and others have not, before the point up to which all of them came."""
    for standing, alone in zip(ranks.parting.standings, ranks.parting.alone, strict=True):
        calls = [(label, count) for label, count in alone if not label.endswith(_ONE_RANK_ONLY)]
        if calls:
            yield Finding(
                "different-calls",
                f"rank {standing.rank} calls hooks that other ranks do not",
                "Harmless as long as nothing in there waits for other ranks.",
                tuple(f"{label}: {count:,}" for label, count in calls),
                "Check that no exchange between ranks takes place in there.",
                "possible",
                tuple(label for label, _ in calls),
            )


RANK_FINDINGS: tuple[Callable[[Together], Iterable[Finding]], ...] = (died, parted, straggling, different_calls)
"""The searches, in the order in which their findings are told."""


def rank_findings(ranks: Together) -> tuple[Finding, ...]:
    """Everything worth telling about several ranks; empty if there is one, or if all is well."""
    if len(ranks.traces) < 2:
        return ()
    return tuple(finding for search in RANK_FINDINGS for finding in search(ranks))


def standing_line(standing: Standing) -> str:
    """What a rank did after the last call that all ranks have made, in a line."""
    if standing.next is not None:
        calls = "1 call" if standing.ahead == 1 else f"{standing.ahead:,} calls"
        return f"rank {standing.rank} went on to {standing.next.action.label} ({calls} since)"
    return f"rank {standing.rank} {'is still in it' if standing.inside else 'has left it and called nothing since'}"


def _elsewhere(ranks: Together, dead: Standing) -> Sequence[str]:
    others = [standing for standing in ranks.parting.standings if standing.rank != dead.rank]
    return [f"rank {other.rank} stood in {other.open[-1] if other.open else 'no hook'}" for other in others[:8]]


def _is_of_one_rank(ranks: Together, late: Late) -> bool:
    """Whether a hook takes hardly any time on the ranks other than the late one."""
    medians = {}
    for trace in ranks.traces:
        numbers = [action.id for action in trace.actions if action.label == late.label]
        took_ns = trace.self_ns[np.isin(trace.action, numbers) & (trace.self_ns >= 0)]
        medians[trace.rank] = float(took_ns.mean()) if len(took_ns) else 0.0
    own = medians.pop(late.rank)
    return max(medians.values()) < _LITTLE * own
