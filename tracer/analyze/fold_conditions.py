"""When something runs, in the loop's own terms: from the turns in which it came to `(batch + 1) % 4 == 0`.

A condition is named only if it says exactly which turns they were. Among several that do, the one that a trainer
argument explains comes first, then the simplest. If none does, the turns are listed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tracer.analyze.fold_paths import BoolArray
from tracer.run.events import Int64Array


@dataclass(frozen=True)
class Counter:
    """How far a loop around some calls was, one entry a call.

    Attributes:
        name: Of the loop: "epoch", "batch".
        index: Number of its turn, as Lightning counts it.
        last: Whether it was the last turn before the loop ended.
    """

    name: str
    index: Int64Array
    last: BoolArray


@dataclass(frozen=True)
class Condition:
    """When something runs.

    Attributes:
        text: As in an `if`.
        loop: The loop whose turns it is about.
        every: For "every k-th turn" its k, else None.
        reason: The trainer argument that explains it, with its value; None if none does.
    """

    text: str
    loop: str
    every: int | None = None
    reason: str | None = None


def condition(
    present: BoolArray, counters: list[Counter], explain: Callable[[Condition], str | None] = lambda found: None
) -> Condition:
    """When something ran.

    Args:
        present: By call around it, whether it was in there.
        counters: Of the loops around these calls, innermost first.
        explain: Says which trainer argument explains a condition, if one does.
    """
    found = [one for counter in counters for one in _tests(counter, present)]
    for one in found:
        reason = explain(one)
        if reason is not None:
            return Condition(one.text, one.loop, one.every, reason)
    return found[0] if found else Condition(_listed(present, counters), "")


def _tests(counter: Counter, present: BoolArray) -> Iterator[Condition]:
    name, index, last = counter.name, counter.index, counter.last
    if (present == (index == 0)).all():
        yield Condition(f"{name} == 0", name)
    if (present == (index != 0)).all():
        yield Condition(f"{name} > 0", name)
    for mask, equals in ((present, "=="), (~present, "!=")):
        if (mask == last).all():
            yield Condition(f"last {name}" if equals == "==" else f"not last {name}", name)
        for shift, shown in ((1, f"({name} + 1)"), (0, name)):
            every = int(np.gcd.reduce(index[mask] + shift, initial=0))
            if every > 1 and (mask == ((index + shift) % every == 0)).all():
                yield Condition(f"{shown} % {every} {equals} 0", name, every)
        every = int(np.gcd.reduce(index[mask & ~last] + 1, initial=0))
        if every > 1 and (mask == (((index + 1) % every == 0) | last)).all():
            text = f"({name} + 1) % {every} == 0 or last {name}"
            yield Condition(text if equals == "==" else f"not ({text})", name, every)
    if present.any() and not present.all():
        bound = int(index[present].max()) + 1
        if (present == (index < bound)).all():
            yield Condition(f"{name} < {bound}", name)
        bound = int(index[present].min())
        if (present == (index >= bound)).all():
            yield Condition(f"{name} >= {bound}", name)
    turns = np.unique(index[present])
    if (present == np.isin(index, turns)).all():
        yield Condition(f"{name} in [{ranges(turns)}]", name)


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
