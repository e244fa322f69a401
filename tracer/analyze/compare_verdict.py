"""A comparison in a line."""

from tracer.analyze.compare import Comparison
from tracer.analyze.compare_times import TimeChange, UnitChange
from tracer.analyze.findings_time import spent

_MOST_NAMED = 2


def verdict(comparison: Comparison) -> str:
    """What changed, the weightiest first; names in it are untrusted."""
    if comparison.same:
        return f"nothing differs beyond noise{_judged(comparison)}"
    parts = [
        _counted(len(comparison.config), "setting differs", "settings differ"),
        "loops of other length" if comparison.lengths_changed else "",
        _counted(len(comparison.order_changed), "line of the loop changed", "lines of the loop changed"),
        _counted(len(comparison.calls_changed), "hook is called differently", "hooks are called differently"),
        _times(comparison),
    ]
    return "; ".join(filter(None, parts))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""


def _judged(comparison: Comparison) -> str:
    """Says so where there was too little to judge the times by."""
    main = comparison.main_unit
    if main is None:
        return "; there are no times to compare"
    return f" (too few of each {main.kind} to judge times)" if _too_few(main) else ""


def _too_few(unit: UnitChange) -> bool:
    return all(hook.verdict == "too few" for hook in unit.hooks)


def _times(comparison: Comparison) -> str:
    hooks = tuple(hook for hook in comparison.times_changed if hook.unit.endswith("batch"))
    named = [_hook(hook) for hook in hooks[:_MOST_NAMED]]
    if len(hooks) > _MOST_NAMED:
        named.append(f"{len(hooks) - _MOST_NAMED} more took another time")
    main = comparison.main_unit
    if main is not None:
        if main.load_beyond_noise and main.load is not None:
            named.insert(
                0, f"most of a {main.kind} takes {main.load:.2f}x (a busier machine or all of it: repeat to know)"
            )
        named.append(_unit(main))
    if not hooks and (main is None or main.verdict not in ("slower", "faster")):
        return (
            "; ".join(filter(None, named)) if main is None or not _too_few(main) else "too few batches to judge times"
        )
    return "; ".join(filter(None, named))


def _hook(hook: TimeChange) -> str:
    ratio = hook.judged or hook.ratio
    factor = f" ({ratio.value:.2f}x)" if ratio else ""
    sign = "+" if hook.change_ns >= 0 else "-"
    said = {"added": "is new", "gone": "is gone"}.get(hook.verdict, f"is {hook.verdict}")
    return f"{hook.key.label} {said}{factor}, {sign}{spent(abs(hook.change_ns))} a {hook.unit}"


def _unit(unit: UnitChange) -> str:
    if unit.ratio is None:
        return ""
    judged = "" if unit.verdict == "too few" else f", {unit.verdict}" if unit.verdict == "within noise" else ""
    return f"a {unit.kind} takes {spent(unit.a_ns)} → {spent(unit.b_ns)} ({unit.ratio.value:.2f}x{judged})"
