"""When something runs, in the loop's own terms: from the turns in which it came to `(batch + 1) % 4 == 0`.

A condition is named only if it says exactly which turns they were. Among several that do, the one that a trainer
argument explains comes first, then the simplest. If none does, the turns are listed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from tracer.analyze.fold_paths import BoolArray
from tracer.run.events import Int64Array


@dataclass(frozen=True)
class Counter:
    """How far a loop around some calls was, one entry a call.

    Attributes:
        name: Of the loop: "epoch", "batch"; or what counts through all of them: "global_step", "total_batch".
        index: Number of its turn, as Lightning counts it.
        last: Whether it was the last turn before the loop ended; None for what is no loop of its own.
    """

    name: str
    index: Int64Array
    last: BoolArray | None = None

    def at(self, calls: BoolArray) -> "Counter":
        """The same for some of the calls."""
        return Counter(self.name, self.index[calls], None if self.last is None else self.last[calls])


@dataclass(frozen=True)
class Condition:
    """When something runs.

    Attributes:
        text: As in an `if`.
        counter: Name of what it is about; empty for several.
        every: For "every k-th turn" its k, else None.
        first: Whether it is the first turn, or the first of every k.
        negated: Whether it says when something does not run.
        last: Whether the last turn belongs to it.
        seen: Of an "every k-th": in how many turns that was seen.
        reason: The trainer argument that explains it, with its value; None if none does.
    """

    text: str
    counter: str
    every: int | None = None
    first: bool = False
    negated: bool = False
    last: bool = False
    seen: int = 0
    reason: str | None = None


Explain = Callable[[Condition], str | None]


def condition(present: BoolArray, counters: list[Counter], explain: Explain = lambda found: None) -> Condition:
    """When something ran.

    Args:
        present: By call around it, whether it was in there.
        counters: Of the loops around these calls, innermost first, then those that are no loops.
        explain: Says which trainer argument explains a condition, if one does.
    """
    found = _best(present, counters, explain) or _both(present, counters, explain)
    if found is not None:
        return found
    loops = [counter for counter in counters if counter.last is not None]
    for loop in loops:
        turns = np.unique(loop.index[present])
        if (present == np.isin(loop.index, turns)).all():
            said = f"== {turns[0]}" if len(turns) == 1 else f"in [{ranges(turns)}]"
            return Condition(f"{loop.name} {said}", loop.name)
    return Condition(_listed(present, loops), "")


def _best(present: BoolArray, counters: list[Counter], explain: Explain) -> Condition | None:
    found = [one for counter in counters for one in _tests(counter, present)]
    for one in found:
        reason = explain(one)
        if reason is not None:
            return replace(one, reason=reason)
    return next((one for one in found if one.every is None or one.seen > 1), None)


def _both(present: BoolArray, counters: list[Counter], explain: Explain) -> Condition | None:
    """A condition on one loop that holds in those turns of a loop around it for which there is a condition too."""
    for number, outer in enumerate(counters[1:], 1):
        inside = np.isin(outer.index, outer.index[present])
        if outer.last is None or inside.all():
            continue
        one = _best(inside, [outer], explain)
        other = _best(present[inside], [counter.at(inside) for counter in counters[:number]], explain)
        if one is not None and other is not None:
            texts = (f"({part.text})" if " or " in part.text else part.text for part in (one, other))
            reasons = "; ".join(filter(None, (one.reason, other.reason)))
            return Condition(" and ".join(texts), "", reason=reasons or None)
    return None


def _tests(counter: Counter, present: BoolArray) -> Iterator[Condition]:
    """The conditions on one counter that say exactly when, the simplest first."""
    name, index, last = counter.name, counter.index, counter.last
    if last is not None:
        if (present == (index == 0)).all():
            yield Condition(f"{name} == 0", name, first=True)
        if (present == (index != 0)).all():
            yield Condition(f"{name} > 0", name)
    for negated in (False, True):
        yield from _periods(counter, ~present if negated else present, negated)
    if last is not None and not present.all() and len(np.unique(index[present])) > 1:
        bound = int(index[present].max()) + 1
        if (present == (index < bound)).all():
            yield Condition(f"{name} < {bound}", name)
        bound = int(index[present].min())
        if (present == (index >= bound)).all():
            yield Condition(f"{name} >= {bound}", name)


def _periods(counter: Counter, mask: BoolArray, negated: bool) -> Iterator[Condition]:
    name, index, last = counter.name, counter.index, counter.last
    equals = "!=" if negated else "=="
    seen = len(np.unique(index[mask]))
    if last is not None and (mask == last).all():
        yield Condition(f"not last {name}" if negated else f"last {name}", name, negated=negated, last=True)
    for shift, shown in ((1, f"({name} + 1)"), (0, name)):
        every = int(np.gcd.reduce(index[mask] + shift, initial=0))
        if every > 1 and (mask == ((index + shift) % every == 0)).all():
            yield Condition(f"{shown} % {every} {equals} 0", name, every, not shift, negated, seen=seen)
    if last is not None:
        every = int(np.gcd.reduce(index[mask & ~last] + 1, initial=0))
        if every > 1 and (mask == (((index + 1) % every == 0) | last)).all():
            text = f"({name} + 1) % {every} == 0 or last {name}"
            yield Condition(f"not ({text})" if negated else text, name, every, False, negated, True, seen)


def _listed(present: BoolArray, counters: list[Counter]) -> str:
    """The turns one by one, for what no single loop decides."""
    if len(counters) < 2:
        turns = np.flatnonzero(present)
        return f"call in [{ranges(turns)}]"
    inner, outer = counters[0], counters[1]
    parts = [
        f"{outer.name} {turn}: {inner.name} in [{ranges(np.unique(inner.index[present & (outer.index == turn)]))}]"
        for turn in np.unique(outer.index[present]).tolist()
    ]
    return "; ".join(parts)


def ranges(numbers: Int64Array) -> str:
    """Sorted numbers as `3, 17, 40-52`."""
    if not len(numbers):
        return ""
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    firsts, lasts = numbers[np.append(0, breaks + 1)].tolist(), numbers[np.append(breaks, len(numbers) - 1)].tolist()
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(firsts, lasts, strict=True))
