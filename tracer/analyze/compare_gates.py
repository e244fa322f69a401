"""Which limits a comparison breaks, for whoever lets a program decide by it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tracer.analyze.compare import Comparison
from tracer.analyze.compare_times import UnitChange
from tracer.analyze.findings_time import spent


@dataclass(frozen=True)
class Limits:
    """What must not happen from a to b.

    Attributes:
        slower: By this part (0.1 is 10 %) nothing may be slower beyond noise: no hook and no batch; and no hook that is
            new may take so much of what a batch took. None is no limit.
        order: No line of the loop may differ.
        calls: No hook may be called at another rate.
    """

    slower: float | None = None
    order: bool = False
    calls: bool = False


def broken(comparison: Comparison, limits: Limits) -> tuple[str, ...]:
    """What breaks a limit, a line each with the limit's name first; names in it are untrusted."""
    found: list[str] = []
    if limits.slower is not None:
        for unit in comparison.units:
            found.extend(f"slower: {what}" for what in _slower(unit, limits.slower))
    if limits.order and comparison.order_changed:
        found.append(f"order: {len(comparison.order_changed)} lines of the loop differ")
    if limits.calls and comparison.calls_changed:
        names = ", ".join(dict.fromkeys(change.key.label for change in comparison.calls_changed[:3]))
        more = len(comparison.calls_changed) - 3
        found.append(f"calls: {names}{f' and {more} more' if more > 0 else ''} called differently")
    return tuple(found)


def _slower(unit: UnitChange, limit: float) -> Iterator[str]:
    if unit.verdict == "slower" and unit.ratio is not None and unit.ratio.value >= 1 + limit:
        yield f"a {unit.kind} takes {unit.ratio.value:.2f}x"
    for hook in unit.hooks:
        ratio = hook.judged or hook.ratio
        if hook.verdict == "slower" and ratio is not None and ratio.value >= 1 + limit:
            yield f"{hook.key.label} takes {ratio.value:.2f}x, +{spent(hook.change_ns)} a {unit.kind}"
        if hook.verdict == "added" and unit.kind.endswith("batch") and hook.change_ns >= limit * unit.a_ns > 0:
            yield f"{hook.key.label} is new and takes {spent(hook.change_ns)} of a {unit.kind} of {spent(unit.b_ns)}"
