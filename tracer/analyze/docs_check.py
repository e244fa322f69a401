"""Which statements of Lightning's documentation a trace contradicts: `docs_claims`, asked of the trace.

A statement is contradicted if the relation that is true instead holds in all turns that show anything. What a trace
cannot decide, because the hooks in question were not called, is no difference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tracer.analyze.docs_claims import CLAIMS, Claim, Relation
from tracer.analyze.fold_paths import BoolArray
from tracer.run.events import Int64Array
from tracer.run.info import CallbackInfo
from tracer.run.layout import FUNCTIONS
from tracer.run.trace import Trace

_TURNS = {"call": ("call",), "batch": ("call", "stage", "epoch", "batch", "dataloader")}


@dataclass(frozen=True)
class Difference:
    """A statement that a trace contradicts.

    Attributes:
        claim: The statement.
        hooks: Those of its hooks of which the trace shows it.
    """

    claim: Claim
    hooks: tuple[str, ...]

    @property
    def observed(self) -> str:
        """What is true instead, in words."""
        return self.claim.observed.format(hooks=", ".join(f"`{hook}`" for hook in self.hooks))

    @property
    def marked(self) -> tuple[str, ...]:
        """The hooks whose lines are marked."""
        return self.claim.at or self.hooks


def differences(trace: Trace, callbacks: Sequence[CallbackInfo] = ()) -> tuple[Difference, ...]:
    """What of `CLAIMS` a trace contradicts, in their order.

    Args:
        trace: The trace.
        callbacks: What run.json says of the callbacks.
    """
    calls = _Calls(trace, callbacks)
    found = ((claim, tuple(hook for hook in claim.hooks if _holds(claim, hook, calls))) for claim in CLAIMS)
    return tuple(Difference(claim, hooks) for claim, hooks in found if hooks)


def _holds(claim: Claim, hook: str, calls: "_Calls") -> bool | None:
    """Whether the relation of a claim is true of one of its hooks; None if the trace cannot tell."""
    return _RELATIONS[claim.relation](claim, hook, calls)


class _Calls:
    """The calls of a trace, by hook."""

    def __init__(self, trace: Trace, callbacks: Sequence[CallbackInfo]) -> None:
        self.trace, self.callbacks = trace, callbacks

    @cached_property
    def _by_action(self) -> list[Int64Array]:
        order = np.argsort(self.trace.action, kind="stable")
        counts = np.bincount(self.trace.action, minlength=len(self.trace.actions))
        return np.split(order, np.cumsum(counts)[:-1]) if len(counts) else []

    def rows(self, hooks: tuple[str, ...], kind: str = "", function: str | None = None) -> Int64Array:
        """The calls of hooks, of any owner or those of one kind, in any trainer function or in one."""
        found = [
            self._by_action[number]
            for number, action in enumerate(self.trace.actions)
            if action.hook in hooks and kind in ("", action.owner_kind)
        ]
        rows = np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)
        if function is None:
            return rows
        functions = np.append(self.trace.contexts.function, -1)
        return np.asarray(rows[functions[self.trace.context[rows]] == FUNCTIONS.index(function)], np.int64)

    def turns(self, turn: str, rows: Int64Array) -> Int64Array:
        """For each of `rows` a number that calls have in common which are in the same turn; -1 for those in none."""
        return np.asarray(self._turns[turn][self.trace.context[rows]], np.int64)

    @cached_property
    def _turns(self) -> dict[str, Int64Array]:
        return {turn: self._numbered(fields) for turn, fields in _TURNS.items()}

    def _numbered(self, fields: tuple[str, ...]) -> Int64Array:
        """By context the number of its turn, those in none last: a turn is over when one of these fields changes."""
        columns = np.stack([getattr(self.trace.contexts, name).astype(np.int64) for name in fields])
        changed = (columns[:, 1:] != columns[:, :-1]).any(axis=0)
        numbers = np.concatenate((np.zeros(1, np.int64), np.cumsum(changed)))[: columns.shape[1]]
        inside = columns[fields.index("batch")] >= 0 if "batch" in fields else True
        return np.asarray(np.append(np.where(inside, numbers, -1), -1), np.int64)

    def within(self, rows: Int64Array, around: Int64Array) -> BoolArray:
        """For each of `rows`, whether one of the calls `around` is around it."""
        encloses = np.zeros(len(self.trace) + 1, np.bool_)
        encloses[around] = True
        found, at = np.zeros(len(rows), np.bool_), self.trace.parent[rows]
        while (at >= 0).any():
            found |= encloses[at]
            at = np.where(at >= 0, self.trace.parent[at], -1)
        return found


def _begins_after(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    return _order(claim, hook, calls, lambda one, other: one > other)


def _begins_before(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    return _order(claim, hook, calls, lambda one, other: one < other)


def _order(claim: Claim, hook: str, calls: _Calls, right: Callable[[Int64Array, Int64Array], BoolArray]) -> bool | None:
    mine = calls.rows((hook,), claim.kind, claim.function)
    turn, first = np.unique(calls.turns(claim.turn, mine), return_index=True)
    answers = []
    for other in claim.others:
        theirs = calls.rows((other,), function=claim.function)
        their_turn, their_first = np.unique(calls.turns(claim.turn, theirs), return_index=True)
        both = np.intersect1d(turn[turn >= 0], their_turn, assume_unique=True)
        at, their_at = np.searchsorted(turn, both), np.searchsorted(their_turn, both)
        if len(both):
            answers.append(bool(right(mine[first[at]], theirs[their_first[their_at]]).all()))
    return all(answers) if answers else None


def _encloses(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    mine = calls.rows((hook,), claim.kind, claim.function)
    return _lies_within(claim, calls.rows(claim.others), mine, calls)


def _is_within(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    return _lies_within(claim, calls.rows((hook,), claim.kind, claim.function), calls.rows(claim.others), calls)


def _lies_within(claim: Claim, inner: Int64Array, outer: Int64Array, calls: _Calls) -> bool | None:
    turns = calls.turns(claim.turn, inner)
    inner = inner[np.isin(turns, calls.turns(claim.turn, outer)) & (turns >= 0)]
    return bool(calls.within(inner, outer).all()) if len(inner) else None


def _is_never_called(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    if len(calls.rows((hook,), claim.kind, claim.function)):
        return False
    ended = calls.trace.duration_ns >= 0
    return True if all(ended[calls.rows((other,))].any() for other in claim.others) else None


def _is_called(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    return True if len(calls.rows((hook,), claim.kind, claim.function)) else None


def _has_callbacks_only(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    return _kinds(claim, hook, calls) == {"callback"} if _kinds(claim, hook, calls) else None


def _has_module(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    return "module" in _kinds(claim, hook, calls) if _kinds(claim, hook, calls) else None


def _has_no_strategy(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    return "strategy" not in _kinds(claim, hook, calls) if "module" in _kinds(claim, hook, calls) else None


def _is_moved(claim: Claim, hook: str, calls: _Calls) -> bool | None:
    given = [callback.given for callback in calls.callbacks if callback.given is not None]
    return given != sorted(given) if "callback" in _kinds(claim, hook, calls) else None


def _kinds(claim: Claim, hook: str, calls: _Calls) -> set[str]:
    numbers = np.unique(calls.trace.action[calls.rows((hook,), function=claim.function)])
    return {calls.trace.actions[number].owner_kind for number in numbers.tolist()}


_RELATIONS: dict[Relation, Callable[[Claim, str, _Calls], bool | None]] = {
    "after": _begins_after,
    "before": _begins_before,
    "encloses": _encloses,
    "within": _is_within,
    "never": _is_never_called,
    "called": _is_called,
    "callbacks only": _has_callbacks_only,
    "module": _has_module,
    "no strategy": _has_no_strategy,
    "moved": _is_moved,
}
