"""Which call of one rank is which call of another: the ground that everything about several ranks stands on.

Two calls are the same one if they are of the same hook of the same owner, in the same place of the loop (trainer call,
stage, epoch, batch, dataloader), and the same in number there. So what only one rank does disturbs nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracer.analyze.pauses import is_pause
from tracer.run.events import Action, Int64Array
from tracer.run.trace import Trace

BoolArray = npt.NDArray[np.bool_]
_PLACE = ("call", "stage", "epoch", "batch", "dataloader")


@dataclass(frozen=True, eq=False)
class Matched:
    """The calls that all of some ranks have made.

    Attributes:
        traces: Of the ranks.
        rows: By rank and call, the call's row in the rank's trace; increasing on every rank.
        alone: By rank, the rows of all other calls.
    """

    traces: tuple[Trace, ...]
    rows: Int64Array
    alone: tuple[Int64Array, ...]

    def __len__(self) -> int:
        return int(self.rows.shape[1])

    def closed(self) -> "Matched":
        """Only the calls that are over on all ranks."""
        over = np.ones(len(self), np.bool_)
        for trace, rows in zip(self.traces, self.rows, strict=True):
            over &= trace.duration_ns[rows] >= 0
        return Matched(self.traces, self.rows[:, over], self.alone)


def match(traces: Sequence[Trace]) -> Matched:
    """Finds the calls that all ranks have made, those of the gate left out.

    A call that some ranks made in another order than the first one is nobody's match.
    """
    keys = _keys(traces)
    shared = keys[0]
    for key in keys[1:]:
        shared = np.intersect1d(shared, key, assume_unique=True)
    rows = np.empty((len(traces), len(shared)), np.int64)
    for index, key in enumerate(keys):
        order = np.argsort(key, kind="stable")
        rows[index] = order[np.searchsorted(key, shared, sorter=order)]
    rows = rows[:, np.argsort(rows[0], kind="stable")]
    rows = rows[:, _in_order(rows) & ~_of_the_gate(traces[0], rows[0])]
    return Matched(tuple(traces), rows, tuple(_others(trace, own) for trace, own in zip(traces, rows, strict=True)))


def _keys(traces: Sequence[Trace]) -> list[Int64Array]:
    """By rank, a number for each row: equal on two ranks for the same call, different within a rank."""
    actions = _common_numbers([[_name(action) for action in trace.actions] for trace in traces])
    places = _places(traces)
    kinds = 1 + max((int(place.max(initial=0)) for place in places), default=0)
    keys = [action[trace.action] * kinds + place for trace, action, place in zip(traces, actions, places, strict=True)]
    nth = [_occurrence(key) for key in keys]
    most = 1 + max((int(number.max(initial=0)) for number in nth), default=0)
    return [key * most + number for key, number in zip(keys, nth, strict=True)]


def _name(action: Action) -> tuple[str, str, int, str]:
    return action.owner_kind, action.owner, action.instance, action.hook


def _common_numbers(names: Sequence[Sequence[tuple[str, str, int, str]]]) -> list[Int64Array]:
    numbers: dict[tuple[str, str, int, str], int] = {}
    return [np.array([numbers.setdefault(name, len(numbers)) for name in own], np.int64) for own in names]


def _places(traces: Sequence[Trace]) -> list[Int64Array]:
    """By rank and row, a number for the place in the loop; 0 where there is none."""
    columns = [np.column_stack([getattr(trace.contexts, name).astype(np.int64) for name in _PLACE]) for trace in traces]
    _, number = np.unique(np.concatenate(columns), axis=0, return_inverse=True)
    ends = np.cumsum([len(trace.contexts) for trace in traces])[:-1]
    own = np.split(number.reshape(-1) + 1, ends)
    return [np.append(numbers, 0)[trace.context] for trace, numbers in zip(traces, own, strict=True)]


def _occurrence(keys: Int64Array) -> Int64Array:
    """For each entry how many equal ones come before it."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(keys) else np.empty(0, np.int64)
    lengths = np.diff(np.append(begins, len(keys)))
    nth = np.empty(len(keys), np.int64)
    nth[order] = np.arange(len(keys)) - np.repeat(begins, lengths)
    return nth


def _in_order(rows: Int64Array) -> BoolArray:
    """Which calls come behind all that come before them on the first rank, on every rank."""
    highest = np.maximum.accumulate(rows, axis=1)
    return np.asarray((rows == highest).all(axis=0), np.bool_)


def _of_the_gate(trace: Trace, rows: Int64Array) -> BoolArray:
    return np.isin(trace.action[rows], [action.id for action in trace.actions if is_pause(action)])


def _others(trace: Trace, rows: Int64Array) -> Int64Array:
    alone = np.ones(len(trace), np.bool_)
    alone[rows] = False
    alone[_of_the_gate(trace, np.arange(len(trace)))] = False
    return np.flatnonzero(alone)
