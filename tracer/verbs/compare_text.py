"""A comparison as text: a verdict, and below it, section by section, what differs."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tracer.verbs.text import NONE, Column, duration, print_heading, print_table, ratio

if TYPE_CHECKING:
    from tracer.analyze.compare import Comparison
    from tracer.analyze.compare_order import OrderLine
    from tracer.analyze.compare_times import Ratio, TimeChange, UnitChange

CALLS_HEADERS = ("hook", "of", "in", "per batch", "per epoch", "in all")
_TIMES = 15
_WIDTH = 110
_STYLES = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}
_OFF = "\x1b[0m"


def print_comparison(comparison: "Comparison", everything: bool) -> None:
    """Prints it.

    Args:
        comparison: What is printed.
        everything: Also what is the same.
    """
    from tracer.analyze.compare_verdict import verdict
    from tracer.run.text import plain_text

    print(plain_text(f"A  {comparison.a}", 300))
    print(plain_text(f"B  {comparison.b}", 300))
    print()
    print_heading(plain_text(verdict(comparison), 1000))
    for note in comparison.notes:
        print(plain_text(f"note: {note}", 1000))
    _print_settings(comparison)
    _print_lengths(comparison, everything)
    _print_order(comparison, everything)
    _print_calls(comparison, everything)
    _print_pace(comparison, everything)
    for unit in comparison.units:
        _print_times(unit, everything)
    _print_metrics(comparison, everything)


def _print_settings(comparison: "Comparison") -> None:
    rows = [[change.section, change.name, _value(change.a), _value(change.b)] for change in comparison.config]
    _section("config", ("", "", "A", "B"), rows)


def _print_lengths(comparison: "Comparison", everything: bool) -> None:
    lengths = comparison.lengths if everything else comparison.lengths_changed
    rows = [[length.path, _count(length.a), _count(length.b)] for length in lengths]
    _section("turns of the loops", ("loop", "A", "B"), rows, right=(1, 2))


def _print_order(comparison: "Comparison", everything: bool) -> None:
    from tracer.analyze.compare_order import hunks

    lines = comparison.order if everything else hunks(comparison.order)
    if not lines:
        return
    styled = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print()
    print_heading("order (- only A, + only B, ~ other owners)")
    for line in lines:
        text = order_text(line)
        print(f"{_STYLES[line.mark]}{text}{_OFF}" if styled and line.mark != " " else text)


def order_text(line: "OrderLine", width: int = _WIDTH) -> str:
    """A line of the loop with its mark: of owners that only one run calls there, each has a mark of its own."""
    from tracer.run.text import plain_text

    names = [f"{owner.mark.strip() if line.mark == '~' else ''}{owner.name}" for owner in line.owners]
    if line.mark == "~":
        names = [name for name in names if name[:1] in "+-"] or names
    owners = f": {', '.join(names)}" if names else ""
    comment = f"  # {line.comment}" if line.comment else ""
    return plain_text(f"{line.mark} {'  ' * line.depth}{line.text}{owners}{comment}", width).rstrip()


def _print_calls(comparison: "Comparison", everything: bool) -> None:
    _section("calls", CALLS_HEADERS, call_rows(comparison, everything), right=(3, 4, 5))


def call_rows(comparison: "Comparison", everything: bool) -> list[list[str]]:
    """A row for each hook and place, and for all owners of which the same is true."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for change in comparison.calls if everything else comparison.calls_changed:
        rates = {rate.path.rpartition(" > ")[2]: f"{_rate(rate.a)} → {_rate(rate.b)}" for rate in change.rates}
        cells = (change.path or "the run", *(rates.get(loop, NONE) for loop in ("batch", "epoch", "")))
        rows.setdefault((change.key.hook, *cells), []).append(change.key.owner or NONE)
    return [[hook, ", ".join(owners), *cells] for (hook, *cells), owners in rows.items()]


def _print_pace(comparison: "Comparison", everything: bool) -> None:
    a, b = comparison.pace
    rows = [
        ["training batches per second", _speed(a.batches_per_s), _speed(b.batches_per_s)],
        ["waiting for the next batch, of a batch", *_loader(comparison)],
        ["between two epochs, median", duration(a.between_ns), duration(b.between_ns)],
        ["the whole recording", duration(a.whole_ns), duration(b.whole_ns)],
    ]
    known = [row for row in rows if row[1:] != [NONE, NONE] and (everything or row[1] != row[2])]
    _section("pace", ("", "A", "B"), known, right=(1, 2))


def _loader(comparison: "Comparison") -> list[str]:
    unit = comparison.main_unit
    hooks = unit.hooks if unit else ()
    found = next((hook for hook in hooks if hook.key.hook.endswith("_next") and hook.key.owner_kind == "loop"), None)
    return [f"{side.share * 100:.1f} %" if side else NONE for side in ((found.a, found.b) if found else (None, None))]


def _print_times(unit: "UnitChange", everything: bool) -> None:
    hooks = unit.hooks if everything else unit.changed[:_TIMES]
    if not hooks and not everything and unit.verdict not in ("slower", "faster") and not unit.load_beyond_noise:
        return
    rows = [_whole_row(unit, everything), *(_time_row(hook, everything) for hook in hooks)]
    totals = ("total A", "total B") if everything else ()
    medians = ("median A", "median B", "self A", "self B")
    headers = (f"a {unit.kind}", *medians, *totals, "B/A", "95 %", "change", "share A", "share B", "")
    _section(_times_heading(unit), headers, rows, right=range(1, len(headers) - 1))
    if not everything and len(unit.changed) > len(hooks):
        print(f"  and {len(unit.changed) - len(hooks)} more with smaller changes (--all shows them)")


def _times_heading(unit: "UnitChange") -> str:
    heading = f"time in {unit.a:,} and {unit.b:,} {unit.kind}{'es' if unit.kind.endswith('ch') else 's'}"
    if unit.load is None:
        return heading
    if unit.load_beyond_noise:
        return f"{heading}; most hooks take {unit.load:.2f}x"
    return f"{heading}; B/A of hooks beside a load of {unit.load:.2f}x"


def _whole_row(unit: "UnitChange", everything: bool) -> list[str]:
    nothing = [NONE] * (4 if everything else 2)
    medians = [duration(unit.a_ns), duration(unit.b_ns)]
    change = _change(unit.b_ns - unit.a_ns)
    return ["(all of it)", *medians, *nothing, *_ratio(unit.ratio), change, NONE, NONE, unit.verdict]


def _time_row(hook: "TimeChange", everything: bool) -> list[str]:
    sides = (hook.a, hook.b)
    return [
        hook.key.label,
        *(duration(side.median_ns if side else None) for side in sides),
        *(duration(side.self_median_ns if side else None) for side in sides),
        *(duration(side.total_ns if side else None) for side in sides if everything),
        *_ratio(hook.judged or hook.ratio),
        _change(hook.change_ns),
        *(f"{side.share * 100:.1f} %" if side else NONE for side in sides),
        hook.verdict,
    ]


def _print_metrics(comparison: "Comparison", everything: bool) -> None:
    changes = comparison.metrics if everything else comparison.metrics_changed
    rows = [
        [change.name, f"{change.step:,}", f"{change.a:.5g}", f"{change.b:.5g}", f"{change.b - change.a:+.3g}"]
        for change in changes
    ]
    _section("metrics at the last common step", ("metric", "step", "A", "B", "B-A"), rows, right=(1, 2, 3, 4))


def _section(heading: str, headers: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> None:
    """Prints a table under its heading; nothing at all if it has no rows."""
    if not rows:
        return
    print()
    print_heading(heading)
    numbers = set(right)
    columns = [Column(header, index in numbers) for index, header in enumerate(headers)]
    print_table(columns, rows, indent="  ")


def _ratio(found: "Ratio | None") -> list[str]:
    if found is None:
        return [NONE, NONE]
    bounds = NONE if found.low is None or found.high is None else f"{found.low:.2f}-{found.high:.2f}"
    return [ratio(found.value), bounds]


def _change(ns: float) -> str:
    return f"{'+' if ns >= 0 else '-'}{duration(abs(ns))}"


def _speed(per_s: float | None) -> str:
    return NONE if per_s is None else f"{per_s:.1f}"


def _rate(calls: float) -> str:
    return f"{calls:,.4g}"


def _value(text: str | None) -> str:
    return NONE if text is None else text


def _count(count: int | None) -> str:
    return NONE if count is None else f"{count:,}"
