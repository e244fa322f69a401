"""The words in which `why.toml` states its facts, looked up in recorded calls."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.testing.calls import Call, CallTrace

_FACT = re.compile(
    r"(?P<relation>(?:directly )?(?:inside|after)|encloses|before|without|once|not every batch|never in|order|only)"
    r"(?: (?P<words>.+?))??(?: ?per (?P<scope>batch|epoch|stage|call))?"
)

SCOPES: dict[str, Callable[[Call], tuple[Any, ...]]] = {
    "batch": lambda call: (call.function, call.stage, call.epoch, call.batch),
    "epoch": lambda call: (call.function, call.epoch),
    "stage": lambda call: (call.function, call.stage, call.epoch),
    "call": lambda call: (call.function,),
}
_HAS = {"batch": lambda call: call.batch is not None, "epoch": lambda call: call.epoch is not None}


@dataclass(frozen=True)
class Fact:
    """A relation, the words that it is about (hooks, kinds or a stage), and within what it holds."""

    relation: str
    words: tuple[str, ...]
    scope: str | None


def parse_fact(text: str) -> Fact:
    """A fact from its text.

    Raises:
        ValueError: it is none.
    """
    found = _FACT.fullmatch(text)
    if found is None:
        raise ValueError(f"no fact: {text!r}")
    relation, words, scope = found["relation"], found["words"] or "", found["scope"]
    if (scope is not None) != (relation in _NEED_SCOPE) or (words == "") != (relation in _NEED_NO_WORDS):
        raise ValueError(f"no fact: {text!r}")
    return Fact(relation, tuple(words.replace(" or ", " ").split()), scope)


_NEED_SCOPE = {"before", "after", "without", "once"}
_NEED_NO_WORDS = {"once", "not every batch"}


class Recorded:
    """A recording, with what facts are looked up in."""

    def __init__(self, trace: CallTrace) -> None:
        self.calls = trace.calls
        self.around = [tuple(trace.enclosing(call)) for call in trace.calls]
        self._siblings: dict[int | None, list[Call]] = defaultdict(list)
        for call in trace.calls:
            self._siblings[call.parent].append(call)
        self._place = {call.index: at for siblings in self._siblings.values() for at, call in enumerate(siblings)}

    def named(self, *names: str) -> list[Call]:
        """The calls of hooks, given as HOOK or KIND.HOOK."""
        return [call for call in self.calls if is_named(call, names)]

    def before(self, call: Call) -> Call | None:
        """The call before it at the same level, others of the same hook aside; None if there is none."""
        earlier = reversed(self._siblings[call.parent][: self._place[call.index]])
        return next((other for other in earlier if other.hook != call.hook), None)

    def runs(self, calls: Sequence[Call]) -> list[list[Call]]:
        """Calls of one hook in groups that follow one another at the same level."""
        groups: list[list[Call]] = []
        for call in calls:
            last = groups[-1][-1] if groups else None
            adjacent = last is not None and last.parent == call.parent
            if adjacent and last is not None and self._place[call.index] == self._place[last.index] + 1:
                groups[-1].append(call)
            else:
                groups.append([call])
        return groups


def is_named(call: Call, names: Sequence[str]) -> bool:
    """Whether a call is of one of these hooks, given as HOOK or KIND.HOOK."""
    return call.hook in names or f"{call.kind}.{call.hook}" in names


def check(fact: Fact, hook: str, recorded: Recorded) -> Iterator[bool]:
    """Every place at which a recording shows that a fact holds, or that it does not."""
    calls = recorded.named(hook)
    if calls:
        yield from _CHECKS[fact.relation](fact, calls, recorded)


Check = Callable[[Fact, list[Call], Recorded], Iterator[bool]]


def _inside(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    for call in calls:
        yield any(is_named(outer, fact.words) for outer in recorded.around[call.index])


def _directly_inside(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    for call in calls:
        yield any(is_named(outer, fact.words) for outer in recorded.around[call.index][:1])


def _encloses(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    enclosing = {outer.index for inner in recorded.named(*fact.words) for outer in recorded.around[inner.index]}
    for call in calls:
        if not call.failed:
            yield call.index in enclosing


def _directly_after(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    for call in calls:
        before = recorded.before(call)
        yield before is not None and is_named(before, fact.words)


def _groups(calls: list[Call], scope: str | None) -> dict[tuple[Any, ...], list[Call]]:
    groups: dict[tuple[Any, ...], list[Call]] = defaultdict(list)
    for call in calls:
        if scope is not None and _HAS.get(scope, lambda call: True)(call):
            groups[SCOPES[scope](call)].append(call)
    return groups


def _both(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[tuple[list[Call], list[Call]]]:
    others = _groups(recorded.named(*fact.words), fact.scope)
    for key, group in _groups(calls, fact.scope).items():
        if key in others:
            yield group, others[key]


def _ends_before(first: list[Call], second: list[Call], recorded: Recorded) -> bool:
    apart = all(outer not in first for call in second for outer in recorded.around[call.index])
    return apart and max(call.index for call in first) < min(call.index for call in second)


def _before(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    for group, others in _both(fact, calls, recorded):
        yield _ends_before(group, others, recorded)


def _after(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    for group, others in _both(fact, calls, recorded):
        yield _ends_before(others, group, recorded)


def _without(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    others = _groups(recorded.named(*fact.words), fact.scope)
    for key in _groups(calls, fact.scope):
        yield key not in others


def _once(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    stages = {(call.function, call.stage) for call in calls}
    there = _groups([call for call in recorded.calls if (call.function, call.stage) in stages], fact.scope)
    groups = _groups(calls, fact.scope)
    owners = {(call.kind, call.owner_label) for call in calls}
    for key, everything in there.items():
        if not any(call.failed for call in everything):
            called = [(call.kind, call.owner_label) for call in groups.get(key, [])]
            yield len(called) == len(set(called)) and (set(called) == owners)


def _not_every_batch(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    """Yields what there is of it: one batch without is enough."""
    batches = _groups([call for call in recorded.calls if call.stage == "train"], "batch")
    if set(batches) - set(_groups(calls, "batch")):
        yield True


def _never_in(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    if any(call.stage in fact.words for call in recorded.calls):
        yield all(call.stage not in fact.words for call in calls)


def _order(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    for run in recorded.runs(calls):
        kinds = [call.kind for call in run]
        if len(set(kinds)) > 1:
            yield set(kinds) <= set(fact.words) and kinds == sorted(kinds, key=fact.words.index)


def _only(fact: Fact, calls: list[Call], recorded: Recorded) -> Iterator[bool]:
    for call in calls:
        yield call.kind in fact.words


_CHECKS: dict[str, Check] = {
    "inside": _inside,
    "directly inside": _directly_inside,
    "encloses": _encloses,
    "directly after": _directly_after,
    "before": _before,
    "after": _after,
    "without": _without,
    "once": _once,
    "not every batch": _not_every_batch,
    "never in": _never_in,
    "order": _order,
    "only": _only,
}
