"""Where the time went: spans by hook, owner or stage, for a whole trace and, incrementally, for the live screen.

Time in which somebody held the training is nobody's: in a whole trace it counts neither as a group nor in any other's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tracer.analyze.pauses import Pauses, is_pause
from tracer.run.build import Delta
from tracer.run.events import Action
from tracer.run.layout import STAGES
from tracer.run.trace import ERROR, OPEN, Trace

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.integer[Any]]
StatsBy = Literal["action", "hook", "owner", "instance", "stage"]
NO_STAGE = "(no stage)"
NO_OWNER = "(trainer)"
"""Of Lightning's own spans, such as `run_training_epoch`."""
_RECENT = 512
_TREND = 8


@dataclass(frozen=True)
class HookStat:
    """What the spans of one group took. All times in ns; spans that are still open count as calls but have no time.

    Attributes:
        label: Name of the group. Text from the recording: untrusted.
        owner_kind: Of the group's owner, empty when the group is not one owner's.
        count: Calls.
        open: Calls that have not returned.
        errors: Calls that ended with an exception.
        total_ns: Sum of the durations. It includes time in spans that these called, also those of the same group.
        self_ns: Sum of the self times: each moment of the trace belongs to one group.
        mean_ns, p50_ns, p95_ns, max_ns: Over the durations of the calls that returned; None if none did.
        share: Part of all self time, 0 to 1. The shares of a table add up to 1 (or are all 0 when no time passed).
    """

    label: str
    owner_kind: str
    count: int
    open: int
    errors: int
    total_ns: int
    self_ns: int
    mean_ns: float | None
    p50_ns: float | None
    p95_ns: float | None
    max_ns: int | None
    share: float


@dataclass(frozen=True)
class _Group:
    label: str
    owner_kind: str


def hook_stats(trace: Trace, by: StatsBy = "action") -> tuple[HookStat, ...]:
    """The spans of a trace grouped, without pauses.

    Args:
        trace: Where the spans come from.
        by: "action" (owner and hook), "hook" (the same hook of all owners), "owner" (all of a class), "instance" (each
            owner) or "stage".

    Returns:
        One entry a group that has spans, most self time first.
    """
    return ranks_stats((trace,), by)


def ranks_stats(traces: Sequence[Trace], by: StatsBy = "action") -> tuple[HookStat, ...]:
    """As `hook_stats`, over the spans of several ranks: of a hook, the calls on all of them."""
    numbers: dict[_Group, int] = {}
    taken = [_take(trace, by, numbers) for trace in traces]
    # The columns of a long run are large: those of a single rank are not copied.
    group, closed_group, duration, self_time, failed = (
        np.concatenate(columns) if len(columns) > 1 else columns[0] for columns in zip(*taken, strict=True)
    )
    del taken
    groups, size = list(numbers), len(numbers)
    self_ns = np.bincount(closed_group, self_time, minlength=size).astype(np.int64)  # exact: a time has 52 bits
    count = np.bincount(group, minlength=size)
    errors = np.bincount(failed, minlength=size)
    ends = np.cumsum(np.bincount(closed_group, minlength=size))
    order = np.argsort(closed_group.astype(np.int16 if size < 1 << 15 else np.int64), kind="stable")
    sorted_durations = np.split(duration[order], ends[:-1]) if size else []
    for durations in sorted_durations:
        durations.sort()
    all_self = int(self_ns.sum())
    stats = [
        _stat(groups[i], (int(count[i]), int(errors[i]), int(self_ns[i])), all_self, sorted_durations[i])
        for i in np.flatnonzero(count).tolist()
    ]
    return tuple(sorted(stats, key=lambda stat: (-stat.self_ns, stat.label)))


def _take(
    trace: Trace, by: StatsBy, numbers: dict[_Group, int]
) -> tuple[Numbers, Numbers, Int64Array, Int64Array, Numbers]:
    """Of the spans that are no pauses: the group of each; of those that returned the group, duration and self time;
    and the group of each that failed. Groups that `numbers` does not know are added to it."""
    own_number, groups = _GROUPINGS[by](trace)
    common = np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int32)
    group_of_row = common[own_number]
    del own_number  # in a long run each column is as large as what follows
    rows, closed = _rows(trace)
    failed = trace.status == ERROR
    if not isinstance(rows, slice):
        failed &= rows
    pauses = Pauses()
    pauses.advance(trace)
    duration = pauses.work_ns(trace.start_ns[closed], trace.duration_ns[closed])
    return group_of_row[rows], group_of_row[closed], duration, trace.self_ns[closed], group_of_row[failed]


def _rows(trace: Trace) -> tuple[BoolArray | slice, BoolArray | slice]:
    """The spans that are no pauses, and those of them that returned; all of them as a slice, which copies nothing."""
    paused = np.array([is_pause(action) for action in trace.actions], np.bool_)
    rows: BoolArray | slice = ~paused[trace.action] if paused.any() else slice(None)
    returned = trace.status != OPEN
    if returned.all():
        return rows, rows
    return rows, returned if isinstance(rows, slice) else returned & rows


def paused_ns(trace: Trace) -> int:
    """How long somebody held the training; pauses that go on are not counted."""
    pauses = Pauses()
    pauses.advance(trace)
    return int(pauses.duration_ns.sum())


def _stat(group: _Group, sums: tuple[int, int, int], all_self: int, durations: Int64Array) -> HookStat:
    count, errors, self_ns = sums
    returned = len(durations)
    total = int(durations.sum())
    p50, p95 = np.percentile(durations, (50, 95)).tolist() if returned else (None, None)
    return HookStat(
        label=group.label,
        owner_kind=group.owner_kind,
        count=count,
        open=count - returned,
        errors=errors,
        total_ns=total,
        self_ns=self_ns,
        mean_ns=total / returned if returned else None,
        p50_ns=p50,
        p95_ns=p95,
        max_ns=int(durations[-1]) if returned else None,
        share=self_ns / all_self if all_self else 0.0,
    )


def owner_name(action: Action) -> str:
    """The owner as people tell it apart: its class, with a number for the second and later ones of that class."""
    return action.owner_label if action.owner else NO_OWNER


def _by_action(trace: Trace) -> tuple[Numbers, list[_Group]]:
    return trace.action, [_Group(a.label, a.owner_kind) for a in trace.actions]


def _by_hook(trace: Trace) -> tuple[Numbers, list[_Group]]:
    return _by_text(trace, lambda action: _Group(action.hook, ""))


def _by_owner(trace: Trace) -> tuple[Numbers, list[_Group]]:
    return _by_text(trace, lambda action: _Group(action.owner or NO_OWNER, action.owner_kind))


def _by_instance(trace: Trace) -> tuple[Numbers, list[_Group]]:
    return _by_text(trace, lambda action: _Group(owner_name(action), action.owner_kind))


def _by_text(trace: Trace, group: Callable[[Action], _Group]) -> tuple[Numbers, list[_Group]]:
    numbers: dict[_Group, int] = {}
    of_action = [numbers.setdefault(group(action), len(numbers)) for action in trace.actions]
    return np.array(of_action, np.int32)[trace.action], list(numbers)


def _by_stage(trace: Trace) -> tuple[Numbers, list[_Group]]:
    return trace.column("stage") + 1, [_Group(name, "") for name in (NO_STAGE, *STAGES)]


_GROUPINGS: dict[StatsBy, Callable[[Trace], tuple[Numbers, list[_Group]]]] = {
    "action": _by_action,
    "hook": _by_hook,
    "owner": _by_owner,
    "instance": _by_instance,
    "stage": _by_stage,
}


@dataclass(frozen=True)
class LiveHookStat:
    """What one action took so far, in self time, for a table that is painted while it changes. All times in ns.

    Attributes:
        action: What was called.
        count: Calls that returned.
        self_ns: Sum of the self times.
        share: Part of all self time so far, 0 to 1.
        mean_ns: Mean self time of a call, over all calls.
        p95_ns: 95 of 100 of the last 512 calls had at most this self time.
        trend: Mean self times of the last 512 calls in up to eight equal portions, oldest first.
    """

    action: Action
    count: int
    self_ns: int
    share: float
    mean_ns: float
    p95_ns: float
    trend: tuple[float, ...]


class LiveStats:
    """Self time by action, taken in as spans close; cost and memory do not grow with the trace."""

    def __init__(self) -> None:
        self._actions: tuple[Action, ...] = ()
        self._count = np.zeros(0, np.int64)
        self._self_ns = np.zeros(0, np.int64)
        self._recent = np.zeros((0, _RECENT), np.int64)

    def copy(self) -> "LiveStats":
        """The same figures, to be taken on from here."""
        twin = LiveStats()
        twin._actions = self._actions
        twin._count, twin._self_ns, twin._recent = (self._count.copy(), self._self_ns.copy(), self._recent.copy())
        return twin

    def advance(self, trace: Trace, delta: Delta) -> None:
        """Takes in the spans that a portion of the stream closed."""
        self._actions = trace.actions
        self._reserve(len(trace.actions))
        order = np.argsort(trace.action[delta.closed], kind="stable")
        rows = delta.closed[order]
        action, self_ns = trace.action[rows], trace.self_ns[rows]
        calls = np.bincount(action, minlength=len(self._count))
        nth = np.arange(len(rows)) - (np.cumsum(calls) - calls)[action]  # of its action's calls in this portion
        # Where a portion wraps around, the later of two calls for a place is assigned last and stays.
        self._recent[action, (self._count[action] + nth) % _RECENT] = self_ns
        self._count += calls
        np.add.at(self._self_ns, action, self_ns)

    def top(self, n: int) -> tuple[LiveHookStat, ...]:
        """The `n` actions with the most self time, most first; fewer if fewer have returned. Pauses are no work."""
        worked = self._count > 0
        worked[[action.id for action in self._actions if is_pause(action)]] = False
        order = np.lexsort((np.arange(len(self._self_ns)), -self._self_ns))
        all_self = int(self._self_ns[worked].sum())
        return tuple(self._stat(i, all_self) for i in order[worked[order]][:n].tolist())

    def _stat(self, number: int, all_self: int) -> LiveHookStat:
        count, self_ns = int(self._count[number]), int(self._self_ns[number])
        recent = self._recent[number]
        recent = np.roll(recent, -(count % _RECENT)) if count > _RECENT else recent[:count]
        portions = np.array_split(recent, min(_TREND, len(recent)))
        return LiveHookStat(
            action=self._actions[number],
            count=count,
            self_ns=self_ns,
            share=self_ns / all_self if all_self else 0.0,
            mean_ns=self_ns / count,
            p95_ns=float(np.percentile(recent, 95)),
            trend=tuple(float(portion.mean()) for portion in portions),
        )

    def _reserve(self, actions: int) -> None:
        extra = actions - len(self._count)
        if extra > 0:
            self._count = np.concatenate((self._count, np.zeros(extra, np.int64)))
            self._self_ns = np.concatenate((self._self_ns, np.zeros(extra, np.int64)))
            self._recent = np.concatenate((self._recent, np.zeros((extra, _RECENT), np.int64)))
