"""How often each hook is called in two runs: per turn of the loop it is in, per turn of those around, and in all.

Runs of different length still agree if a rate that means something does: "every tenth batch", however many batches
there are; and for what comes in fewer than half of the batches also "once an epoch", however long an epoch is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tracer.analyze.compare_owners import HookKey, Owners
from tracer.analyze.digest import Digest


@dataclass(frozen=True)
class LoopLength:
    """How often a loop ran in each of the two runs; None where a run does not have it."""

    path: str
    a: int | None
    b: int | None


@dataclass(frozen=True)
class Rate:
    """Calls per turn of a loop (its path), or in all (an empty path) in the two runs."""

    path: str
    a: float
    b: float


@dataclass(frozen=True)
class CallChange:
    """How often a hook is called in one place of the loop.

    Attributes:
        key: The hook.
        path: The loops around, such as "fit > epoch > batch"; empty outside of all loops.
        a, b: Calls in the two runs; 0 where there are none.
        rates: By loop that both runs have, innermost first, and last in all.
        differs: Whether it is called at another rate.
    """

    key: HookKey
    path: str
    a: int
    b: int
    rates: tuple[Rate, ...]
    differs: bool


def loop_lengths(a: Digest, b: Digest) -> tuple[LoopLength, ...]:
    """All loops of the two runs, outermost first."""
    return tuple(LoopLength(path, a.turns.get(path), b.turns.get(path)) for path in dict.fromkeys((*a.turns, *b.turns)))


def call_changes(a: Digest, b: Digest, owners: Owners) -> tuple[CallChange, ...]:
    """Every hook in every place that both runs have, in the order in which a (then b) first called it.

    A place that only one of the runs has, such as the validation of a run that validates, is a difference in length.
    """
    sides = _counts(a, owners), _counts(b, owners)
    found = []
    for key, path in dict.fromkeys((*sides[0], *sides[1])):
        if not path or (path in a.turns and path in b.turns):
            counts = sides[0].get((key, path), 0), sides[1].get((key, path), 0)
            found.append(_change(key, path, counts, a.turns, b.turns))
    return tuple(found)


def _counts(side: Digest, owners: Owners) -> dict[tuple[HookKey, str], int]:
    counts: dict[tuple[HookKey, str], int] = {}
    for calls in side.calls:
        place = owners.key(side.actions[calls.action]), calls.path
        counts[place] = counts.get(place, 0) + calls.count
    return counts


def _change(
    key: HookKey, path: str, counts: tuple[int, int], turns_a: Mapping[str, int], turns_b: Mapping[str, int]
) -> CallChange:
    a, b = counts
    loops = [" > ".join(path.split(" > ")[:size]) for size in range(path.count(" > ") + 1, 0, -1)] if path else []
    rates = (*(Rate(loop, a / turns_a[loop], b / turns_b[loop]) for loop in loops), Rate("", a, b))
    rare = bool(loops) and 2 * a < turns_a[loops[0]] and 2 * b < turns_b[loops[0]]
    same = a == b if not loops else _any_same_rate(loops if rare else loops[:1], loops, counts, turns_a, turns_b)
    return CallChange(key, path, a, b, rates, not same)


def _any_same_rate(
    asked: list[str], loops: list[str], counts: tuple[int, int], turns_a: Mapping[str, int], turns_b: Mapping[str, int]
) -> bool:
    return all(counts) and any(_same_rate(loop, loops, counts, turns_a, turns_b) for loop in asked)


def _same_rate(
    loop: str, loops: list[str], counts: tuple[int, int], turns_a: Mapping[str, int], turns_b: Mapping[str, int]
) -> bool:
    """Whether the calls per turn of a loop are the same, to within one call for each time that the loop was begun.

    "Every fourth batch" of 10 batches is 2 or 3 calls: where in the four the loop ends is no matter of rate.
    """
    begun = loops[loops.index(loop) + 1 :]
    rests = [turns[begun[0]] if begun else 1 for turns in (turns_a, turns_b)]
    a, b, in_a, in_b = *counts, turns_a[loop], turns_b[loop]
    if a * in_b == b * in_a:
        return True
    if in_a == in_b:
        return False
    # The true rate is some r with |a - r * in_a| < rests_a and |b - r * in_b| < rests_b.
    low = max((a - rests[0]) / in_a, (b - rests[1]) / in_b)
    high = min((a + rests[0]) / in_a, (b + rests[1]) / in_b)
    every = a % in_a != 0 or b % in_b != 0
    return every and low < high
