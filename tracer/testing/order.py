"""Assertions about the order of hook calls.

An assertion is a list of steps, each found behind the one before. A step is a text: a hook, its owner before it if that
matters, a call around it before a `>`. All owners that are called for one hook in a row are one step.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NoReturn

from tracer.testing.calls import Call, CallTrace

_NAME = re.compile(r"(?:(?P<owner>[^\s.#>]+)(?:#(?P<instance>\d+))?\.)?(?P<hook>[^\s.#>]+)")
_BEFORE, _AFTER = 5, 8
"""How many calls a message shows before and after the place where the order broke."""


@dataclass(frozen=True)
class _Name:
    owner: str | None
    instance: int | None
    hook: str

    def fits(self, call: Call) -> bool:
        if call.hook != self.hook or (self.owner is not None and self.owner not in (call.owner, call.kind)):
            return False
        return self.instance is None or self.instance == call.instance


@dataclass(frozen=True)
class Step:
    """A step of an order. Made from a text, or by `directly`, `times` and `never`."""

    text: str
    around: tuple[_Name, ...]
    name: _Name
    adjacent: bool = False
    count: int | None = None

    def __str__(self) -> str:
        if self.count == 0:
            return f"never {self.text}"
        counted = f"{self.count} times {self.text}" if self.count is not None else self.text
        return f"directly {counted}" if self.adjacent else counted

    def fits(self, call: Call, trace: CallTrace) -> bool:
        """Whether a call is what this step means."""
        if not self.name.fits(call):
            return False
        enclosing = trace.enclosing(call)
        return all(any(name.fits(outer) for outer in enclosing) for name in reversed(self.around))


def step(text: "str | Step") -> Step:
    """A step from its text: `hook`, `Owner.hook`, `Owner#1.hook`, `outer > inner`.

    An owner is a class, or a kind: callback, module, datamodule, strategy, loop.

    Raises:
        ValueError: the text is none of these.
    """
    if isinstance(text, Step):
        return text
    names = [_name(part.strip(), text) for part in text.split(">")]
    return Step(" > ".join(part.strip() for part in text.split(">")), tuple(names[:-1]), names[-1])


def _name(part: str, text: str) -> _Name:
    match = _NAME.fullmatch(part)
    if match is None:
        raise ValueError(f"{text!r} is no step of an order: write 'hook', 'Owner.hook' or 'outer > inner'")
    return _Name(match["owner"], int(match["instance"]) if match["instance"] else None, match["hook"])


def directly(text: "str | Step") -> Step:
    """A step that is the very next: nothing begins between the step before and it, but for what that one calls."""
    return replace(step(text), adjacent=True)


def times(count: int, text: "str | Step") -> Step:
    """A step that comes exactly so often before the next step; other calls may lie between.

    Raises:
        ValueError: the number is negative.
    """
    if count < 0:
        raise ValueError(f"nothing comes {count} times")
    return replace(step(text), count=count)


def never(text: "str | Step") -> Step:
    """A step that does not come between the one before and the one after it."""
    return replace(step(text), count=0)


def assert_order(trace: CallTrace, steps: "Iterable[str | Step]") -> None:
    """Asserts that the steps come in this order; other calls may lie between them.

    Raises:
        AssertionError: they do not. The message says what was expected, where it broke, and what was called there.
        ValueError: a step is not understood, or there is none.
    """
    __tracebackhide__ = True
    expected = [step(one) for one in steps]
    if not expected:
        raise ValueError("an order has at least one step")
    _Matcher(trace, expected).match()


def assert_count(trace: CallTrace, text: "str | Step", count: int) -> None:
    """Asserts how many calls there are of a hook, those of each owner counted.

    Raises:
        AssertionError: there are more or fewer; the message says of whom.
    """
    __tracebackhide__ = True
    wanted = step(text)
    found = [call for call in trace if wanted.fits(call, trace)]
    if len(found) != count:
        by_owner: dict[str, int] = {}
        for call in found:
            by_owner[call.label] = by_owner.get(call.label, 0) + 1
        lines = [f"  {number} x {label}" for label, number in by_owner.items()]
        hint = [] if found else _likely(trace, wanted)
        raise AssertionError(
            "\n".join([f"expected {count} calls of {wanted}, but there are {len(found)}", *lines, *hint])
        )


@dataclass(frozen=True)
class _Found:
    """Places in the trace's calls: of the first and the last call of one step."""

    step: Step
    first: int
    last: int


class _Matcher:
    """Finds the steps one after another."""

    def __init__(self, trace: CallTrace, steps: list[Step]) -> None:
        self._trace = trace
        self._steps = steps
        self._found: list[_Found] = []
        self._barred: list[tuple[Step, int]] = []  # what must not come before the next step, and from where on

    def match(self) -> None:
        __tracebackhide__ = True
        for number, one in enumerate(self._steps):
            if one.count == 0:
                self._barred.append((one, self._next))
            else:
                self._take(number, one)
        self._check_barred(len(self._trace))

    @property
    def _next(self) -> int:
        return self._found[-1].last + 1 if self._found else 0

    def _take(self, number: int, one: Step) -> None:
        __tracebackhide__ = True
        for turn in range(one.count or 1):
            found = self._directly(one) if one.adjacent and turn == 0 else self._search(one, self._next)
            if found is None:
                self._fail(number, turn)
            if turn == 0:
                self._check_barred(found.first)
            self._found.append(found)
        if one.count is not None:
            self._barred.append((one, self._next))

    def _search(self, one: Step, start: int) -> _Found | None:
        calls = self._trace.calls
        for index in range(start, len(calls)):
            if one.fits(calls[index], self._trace):
                return _Found(one, index, self._extent(one, index))
        return None

    def _extent(self, one: Step, first: int) -> int:
        """The last of the calls beside one another that are one step: the same hook, of one owner after another."""
        calls, last = self._trace.calls, first
        for index in range(first + 1, len(calls)):
            call = calls[index]
            if call.depth > calls[first].depth:
                continue
            if call.parent != calls[first].parent or not one.fits(call, self._trace) or _same_owner(call, calls[last]):
                break
            last = index
        return last

    def _directly(self, one: Step) -> _Found | None:
        """The step if it is what begins next, inside the step before or behind it."""
        calls = self._trace.calls
        if not self._found:
            candidates = [0]
        else:
            last = self._found[-1].last
            behind = (i for i in range(last + 1, len(calls)) if calls[i].depth <= calls[last].depth)
            candidates = [last + 1, next(behind, len(calls))]
        for index in candidates:
            if index < len(calls) and one.fits(calls[index], self._trace):
                return _Found(one, index, self._extent(one, index))
        return None

    def _check_barred(self, until: int) -> None:
        __tracebackhide__ = True
        for one, start in self._barred:
            found = self._search(one, start)
            if found is not None and found.first < until:
                reason = "must not come here" if one.count == 0 else f"comes more than {one.count} times"
                self._report(
                    next(i for i, other in enumerate(self._steps) if other is one), f"{one.text} {reason}", found.first
                )
        self._barred = []

    def _fail(self, number: int, turn: int) -> NoReturn:
        __tracebackhide__ = True
        one = self._steps[number]
        earlier = self._search(one, 0)
        behind = f" behind {self._found[-1].step.text}" if self._found else ""
        if one.count:
            reason = f"comes {turn} times{behind}"
        elif one.adjacent and self._search(one, self._next) is not None:
            reason = f"comes later, but not directly{behind}"
        elif earlier is not None:
            reason = f"does not come{behind}; it comes before, as call {self._trace.calls[earlier.first].index}"
        else:
            reason = "\n".join(["is never called", *_likely(self._trace, one)])
        self._report(number, f"{one.text} {reason}", self._next)

    def _report(self, number: int, reason: str, place: int) -> NoReturn:
        __tracebackhide__ = True
        lines = [f"hook order broke at step {number + 1} of {len(self._steps)}: {reason}", "", "expected order:"]
        for index, one in enumerate(self._steps):
            matched = next((found for found in self._found if found.step is one), None)
            where = f"  (call {self._trace.calls[matched.first].index})" if matched and index != number else ""
            lines.append(f"  {'->' if index == number else '  '} {one}{where}")
        lines += ["", "calls around the place:", *_neighbourhood(self._trace, place)]
        raise AssertionError("\n".join(lines))


def _same_owner(a: Call, b: Call) -> bool:
    return (a.kind, a.owner, a.instance) == (b.kind, b.owner, b.instance)


def _neighbourhood(trace: CallTrace, place: int) -> list[str]:
    first, last = max(0, place - _BEFORE), min(len(trace), place + _AFTER)
    if first >= last:
        return ["  (no calls)"]
    least = min(call.depth for call in trace.calls[first:last])
    lines = [
        f"  {'->' if index == place else '  '} {call.index:>6}  {'  ' * (call.depth - least)}{call.label}"
        for index, call in list(enumerate(trace.calls))[first:last]
    ]
    return lines if place < len(trace) else [*lines, "  ->         (end)"]


def _likely(trace: CallTrace, wanted: Step) -> list[str]:
    """What may have been meant by something that was never called."""
    owners = dict.fromkeys(call.owner_label or "the trainer" for call in trace if call.hook == wanted.name.hook)
    if owners:
        return [f"  {wanted.name.hook} is called on {', '.join(owners)}, but not as {wanted.text}"]
    close = difflib.get_close_matches(wanted.name.hook, dict.fromkeys(call.hook for call in trace), n=3, cutoff=0.7)
    return [f"  did you mean {' or '.join(close)}?"] if close else []
