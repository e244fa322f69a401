"""From marks to contexts: where the loop stands, one entry for each time that changed."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tracer.run.columns import Columns
from tracer.run.events import Int64Array
from tracer.run.layout import FUNCTIONS, STAGES, Mark

CONTEXT_TYPES: Mapping[str, npt.DTypeLike] = {
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
_FIELDS = {
    Mark.CALL: "function",
    Mark.STAGE: "stage",
    Mark.EPOCH: "epoch",
    Mark.BATCH: "batch",
    Mark.STEP: "global_step",
    Mark.LOADER: "dataloader",
    Mark.PLANNED: "planned",
}
_LIMITS = {Mark.CALL: len(FUNCTIONS), Mark.STAGE: len(STAGES)}


class ContextTracker:
    """Follows the marks of one stream; what they say takes effect with the next enter or leave."""

    def __init__(self) -> None:
        self.columns = Columns(CONTEXT_TYPES)
        self._here = dict.fromkeys(("call", *_FIELDS.values()), -1)
        self._moved = False

    def take(self, kinds: Int64Array, values: Int64Array, following: Int64Array, times: Int64Array) -> Int64Array:
        """Takes the marks of a portion.

        Args:
            kinds: The `Mark` of each.
            values: What each says.
            following: Index of the enter or leave that each one comes before; the portion's number of them at its end.
            times: Time of every enter and leave of the portion, in ns.

        Returns:
            The indices in `times` at which a new context begins. Their entries in `columns` have no `first_row` yet.
        """
        if self._moved and len(times) and (not len(kinds) or following[0] > 0):
            self._add({name: np.array([value]) for name, value in self._here.items()}, times[:1])
            first = np.zeros(1, np.int64)
        else:
            first = np.empty(0, np.int64)
        self._moved &= not len(times)
        if not len(kinds):
            return first
        last = np.flatnonzero(np.append(following[1:] != following[:-1], True))  # marks before one event: one change
        states = self._states(kinds, values, last)
        self._here = {name: int(column[-1]) for name, column in states.items()}
        self._moved = bool(following[-1] == len(times))
        begin = following[last[: len(last) - self._moved]]
        self._add({name: column[: len(begin)] for name, column in states.items()}, times[begin])
        return np.concatenate((first, begin))

    def _states(self, kinds: Int64Array, values: Int64Array, at: Int64Array) -> dict[str, Int64Array]:
        """Each field as it is after each of the marks `at`."""
        called = _latest(kinds == Mark.CALL, at)
        states = {"call": self._here["call"] + np.cumsum(kinds == Mark.CALL)[at]}
        for kind, name in _FIELDS.items():
            said = called if kind is Mark.CALL else _latest(kinds == kind, at)
            value = _fitting(kind, values[said] - 1)
            before = np.where(called >= 0, -1, self._here[name])  # a new call forgets all that was said before
            states[name] = np.where((said >= 0) & (said >= called), value, before)
        return states

    def _add(self, states: Mapping[str, Int64Array], start_ns: Int64Array) -> None:
        first = self.columns.extend(len(start_ns))
        for name, column in {**states, "start_ns": start_ns}.items():
            self.columns[name][first:] = column


def _latest(wanted: npt.NDArray[np.bool_], at: Int64Array) -> Int64Array:
    """The index of the last wanted mark up to each of `at`; -1 where there is none."""
    found = np.flatnonzero(wanted)
    if not len(found):
        return np.full(len(at), -1, np.int64)
    index = np.searchsorted(found, at, side="right") - 1
    return np.where(index >= 0, found[index], -1)


def _fitting(kind: Mark, values: Int64Array) -> Int64Array:
    """`values` where the column can hold them and they mean something, else -1: streams may be damaged or hostile."""
    return np.where((values >= 0) & (values < _LIMITS.get(kind, 1 << 31)), values, -1)
