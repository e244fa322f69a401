"""A comparison as one page that needs no network: what differs, with figures to look into."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracer.analyze.compare import Comparison, Subject
from tracer.analyze.compare_order import OrderLine, hunks
from tracer.analyze.compare_times import Ratio, TimeChange, UnitChange
from tracer.analyze.compare_verdict import verdict
from tracer.export.compare_figures import curves, times, waterfalls
from tracer.export.page import escape, figure_place, page
from tracer.verbs.text import NONE, duration, ratio

if TYPE_CHECKING:
    import plotly.graph_objects as go

_STYLE = """
.order { line-height: 1.35; }
.plus { color: var(--good); } .minus { color: var(--bad); } .other { color: var(--warn); }
.slower { color: var(--bad); } .faster { color: var(--good); }
"""
_MARKS = {"+": "plus", "-": "minus", "~": "other", " ": "soft"}


def as_html(baseline: Subject, others: Sequence[Subject], comparisons: Sequence[Comparison], everything: bool) -> str:
    """The page: a chapter for each run that is compared with the baseline.

    Args:
        baseline: A.
        others: The others.
        comparisons: Of each of them with A.
        everything: Also what is the same.
    """
    figures: dict[str, go.Figure] = {}
    body: list[str] = []
    for number, (other, comparison) in enumerate(zip(others, comparisons, strict=True)):
        body.append(_chapter(comparison, everything))
        body.append(_figures(number, baseline, other, comparison, figures))
    title = f"{baseline.name} compared with {', '.join(other.name for other in others)}"
    return page(title, "\n".join(body), style=_STYLE, figures=figures)


def _chapter(comparison: Comparison, everything: bool) -> str:
    parts = [
        f"<h1>{escape(comparison.b)}</h1>",
        f'<p class="soft">B, compared with the baseline A: {escape(comparison.a)}</p>',
        f"<p><strong>{escape(verdict(comparison), 1000)}</strong></p>",
        *(f'<p class="soft">{escape(note, 1000)}</p>' for note in comparison.notes),
        _table("Config", ("", "", "A", "B"), [_setting(change) for change in comparison.config]),
        _order(comparison.order, everything),
        _calls(comparison, everything),
        *(_times(unit, everything) for unit in comparison.units),
        _metrics(comparison, everything),
    ]
    return "\n".join(filter(None, parts))


def _setting(change: "object") -> list[str]:
    return [getattr(change, name) or NONE for name in ("section", "name", "a", "b")]


def _order(lines: Sequence[OrderLine], everything: bool) -> str:
    from tracer.verbs.compare_text import order_text

    shown = lines if everything else hunks(lines)
    if not shown:
        return ""
    text = "\n".join(f'<span class="{_MARKS[line.mark]}">{escape(order_text(line, 400), 400)}</span>' for line in shown)
    heading = "<h2>Order</h2><p class='soft'>- only A, + only B, ~ other owners</p>"
    return f'{heading}<pre class="order">{text}</pre>'


def _calls(comparison: Comparison, everything: bool) -> str:
    from tracer.verbs.compare_text import CALLS_HEADERS, call_rows

    return _table("Calls", CALLS_HEADERS, call_rows(comparison, everything), numbers=(3, 4, 5))


def _times(unit: UnitChange, everything: bool) -> str:
    hooks = unit.hooks if everything else unit.changed
    rows = [[hook.key.label, *_cells(hook)] for hook in hooks]
    whole = [duration(unit.a_ns), duration(unit.b_ns), NONE, NONE, *_ratio(unit.ratio), NONE, unit.verdict]
    if not rows and unit.verdict not in ("slower", "faster"):
        return ""
    headers = (f"a {unit.kind}", "median A", "median B", "self A", "self B", "B/A", "95 %", "change", "")
    return _table(f"Time in {unit.kind}", headers, [["(all of it)", *whole], *rows], numbers=range(1, 8))


def _cells(hook: TimeChange) -> list[str]:
    sides = (hook.a, hook.b)
    return [
        *(duration(side.median_ns if side else None) for side in sides),
        *(duration(side.self_median_ns if side else None) for side in sides),
        *_ratio(hook.judged or hook.ratio),
        f"{'+' if hook.change_ns >= 0 else '-'}{duration(abs(hook.change_ns))}",
        hook.verdict,
    ]


def _ratio(found: Ratio | None) -> list[str]:
    if found is None:
        return [NONE, NONE]
    return [ratio(found.value), NONE if found.low is None else f"{found.low:.2f} to {found.high:.2f}"]


def _metrics(comparison: Comparison, everything: bool) -> str:
    changes = comparison.metrics if everything else comparison.metrics_changed
    rows = [[change.name, f"{change.step:,}", f"{change.a:.5g}", f"{change.b:.5g}"] for change in changes]
    return _table("Metrics at the last common step", ("", "step", "A", "B"), rows, numbers=(1, 2, 3))


def _figures(number: int, a: Subject, b: Subject, comparison: Comparison, figures: "dict[str, go.Figure]") -> str:
    """The places of the figures of one comparison, which are put among `figures`."""
    found = {"the median batch": waterfalls(a, b), "metrics": curves(a, b)}
    if comparison.main_unit is not None:
        found["time by hook"] = times(comparison.main_unit)
    parts: list[str] = []
    for index, (name, figure) in enumerate(found.items()):
        if figure is not None:
            figures[f"figure-{number}-{index}"] = figure
            parts.append(f"<h2>{name.capitalize()}</h2>{figure_place(f'figure-{number}-{index}')}")
    return "\n".join(parts)


def _table(heading: str, headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table under its heading; nothing if it has no rows."""
    if not rows:
        return ""
    kind = [' class="number"' if index in numbers else "" for index in range(len(headers))]
    head = "".join(f"<th{mark}>{escape(header)}</th>" for mark, header in zip(kind, headers, strict=True))
    lines = ("".join(f"<td{mark}>{escape(cell)}</td>" for mark, cell in zip(kind, row, strict=True)) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<h2>{escape(heading)}</h2><div class="scroll">{table}</div>'
