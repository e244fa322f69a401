"""The inspector as lines of text, what matters most first: a small pane shows the beginning of them."""

import math
import re
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath
from typing import Final

from rich.cells import cell_len

from tracer.analyze.histogram import Trend
from tracer.run.events import Action
from tui.inspector import Inspection
from tui.palette import owner_look
from tui.source import Source, place_of
from tui.text import Cell, Line, count_text, fit, percent_text, tight_duration_text
from tui.view import OVERRIDDEN

_LABEL: Final = 7
_ROLE: Final = re.compile(r":[a-z]+:`~?(?:[\w.]*\.)?(\w+)`")
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_NO_CALL: Final = "·"
_FLAT: Final = 0.02
_ARROW: Final = " › "


def inspector_lines(inspection: Inspection, width: int) -> tuple[Line, ...]:
    """All lines about a hook.

    Args:
        inspection: what there is to say.
        width: cells of a line.
    """
    return (
        _labelled("what", (_fitted(_without_roles(inspection.action.doc or "no docstring"), width),), width),
        _labelled("whose", _whose(inspection.action, width - _LABEL), width),
        _labelled("where", (_fitted(_path_text(inspection, width - _LABEL), width),), width),
        _labelled("with", _called(inspection, width - _LABEL), width),
        _labelled("calls", _counts(inspection), width),
        _labelled("takes", _times(inspection), width),
        _labelled("spread", _spread(inspection, width - _LABEL), width),
        *_why_lines(inspection.why or "", width),
        *_source_lines(inspection.source, width),
    )


def _without_roles(doc: str) -> str:
    """A docstring's line without what only Sphinx reads: ``:class:`~a.b.C` `` is `C`."""
    return _ROLE.sub(r"\1", doc).replace("``", "`")


def _fitted(text: str, width: int) -> Cell:
    return (fit(text, max(0, width - _LABEL)), "")


def _labelled(label: str, cells: Sequence[Cell], width: int) -> Line:
    """A label and what belongs to it, cut to the width."""
    line, left = [(f"{label:<{_LABEL}}", "head")], width - _LABEL
    for text, role in cells:
        if left <= 0:
            break
        shown = fit(text, min(left, cell_len(fit(text, 1000).rstrip()) + (len(text) - len(text.rstrip()))))
        line.append((shown, role))
        left -= cell_len(shown)
    return (*line, (" " * max(0, left), ""))


def _whose(action: Action, width: int) -> list[Cell]:
    """Whose function runs, and where it is."""
    if action.overridden:
        whose = [(OVERRIDDEN, "own"), (f" {action.defined_by or 'set on the instance'}", "own")]
    elif action.overridden is None:
        whose = [("Lightning itself" if action.owner_kind == "loop" else "not known whose", "")]
    else:
        whose = [(f"default of {action.defined_by or 'Lightning'}", "")]
    place = place_of(action.defined_at) if action.defined_at else None
    if place is None:
        return [*whose, (f"  {action.defined_at}", "dim")] if action.defined_at else whose
    left = width - sum(cell_len(fit(text, 400).rstrip()) for text, _ in whose) - 2
    return [*whose, (f"  {_short_path(*place, left)}", "dim")]


def _short_path(path: str, line: int, width: int) -> str:
    """As much of a path's end as fits, its file name and line in any case."""
    parts = PurePath(path).parts
    for first in range(len(parts)):
        rest = str(PurePath(*parts[first:]))
        text = f"{'…/' if first else ''}{rest}:{line}"
        if len(text) <= width:
            return text
    return f"{parts[-1] if parts else path}:{line}"


def _path_text(inspection: Inspection, width: int) -> str:
    """The places around it; the outer ones are left out where there is no room."""
    names = [node.label.rpartition(".")[2] for node in inspection.path] or ["(top)"]
    others = f"  (+{inspection.places - 1} more)" if inspection.places > 1 else ""
    for first in range(len(names)):
        text = _ARROW.join([*(["…"] if first else []), *names[first:]]) + others
        if cell_len(text) <= width:
            return text
    return names[-1] + others


def _called(inspection: Inspection, width: int) -> list[Cell]:
    """Who is called for the same hook, in order, each with its letter; the overridden ones marked."""
    if len(inspection.called) < 2:
        return [("nobody else is called for it here", "dim")]
    cells: list[Cell] = []
    left = width
    for index, action in enumerate(inspection.called):
        name = action.owner or "Lightning"
        name = f"{name}#{action.instance}" if action.instance else name
        mark = OVERRIDDEN if action.overridden else ""
        rest = len(inspection.called) - index
        needed = cell_len(fit(name, 400).rstrip()) + 3 + len(mark) + (2 if index else 0)
        if needed + (5 if rest > 1 else 0) > left and index:
            return [*cells, (f"  +{rest}", "dim")]
        role = "bold" if action == inspection.action else ""
        cells += [("  " if index else "", ""), (f"{owner_look(action.owner_kind).letter} ", action.owner_kind)]
        cells += [(name, role), (mark, "own")]
        left -= needed
    return cells


def _counts(inspection: Inspection) -> list[Cell]:
    figures = inspection.figures
    cells: list[Cell] = [(count_text(figures.calls), "bold")]
    if figures.errors:
        cells += [(f"  {count_text(figures.errors)} failed", "bad")]
    cells += [("  total ", "dim"), (tight_duration_text(figures.total_ns), "")]
    cells += [("  self ", "dim"), (tight_duration_text(figures.self_ns), "")]
    return [*cells, (f" = {percent_text(inspection.share)} of the run", "dim")]


def _times(inspection: Inspection) -> list[Cell]:
    figures = inspection.figures
    named = (("mean", figures.mean_ns), ("p50", figures.p50_ns), ("p95", figures.p95_ns), ("max", figures.max_ns))
    if figures.mean_ns is None:
        return [("no call has returned yet", "dim")]
    cells: list[Cell] = []
    for name, time_ns in named:
        cells += [(f"{'  ' if cells else ''}{name} ", "dim"), (tight_duration_text(time_ns or 0), "")]
    return cells


def _spread(inspection: Inspection, width: int) -> list[Cell]:
    """How many calls took how long, from the shortest to the longest, and the mean over the run."""
    figures = inspection.figures
    if figures.min_ns is None or figures.max_ns is None:
        return []
    ends = [tight_duration_text(time_ns) for time_ns in (figures.min_ns, figures.max_ns)]
    room = max(8, width - len(ends[0]) - len(ends[1]) - 2 - len("  trend "))
    bars = spread_text(figures.spread, min(24, room // 2))
    trend = trend_text(figures.trend, inspection.run_ns, min(48, room - len(bars)))
    return [
        (f"{ends[0]} ", "dim"),
        (bars, "spark"),
        (f" {ends[1]}", "dim"),
        ("  trend ", "head"),
        (trend, "spark"),
    ]


def spread_text(spread: Sequence[int], width: int) -> str:
    """Numbers as columns, at most `width` of them; what is not zero is visible."""
    if not spread or width <= 0:
        return ""
    edges = [len(spread) * column // min(width, len(spread)) for column in range(min(width, len(spread)) + 1)]
    sums = [sum(spread[first:last]) for first, last in pairwise(edges)]
    most = max(sums)
    return "".join(_SPARKS[math.ceil(value / most * 8) - 1] if value else " " for value in sums)


def trend_text(trend: Trend, run_ns: int, width: int) -> str:
    """Mean durations from the run's start to now in `width` columns, between their own least and greatest.

    Where nothing was called there is a dot.
    """
    if width <= 0 or not trend.mean_ns:
        return ""
    whole = max(len(trend.mean_ns), math.ceil(run_ns / trend.bucket_ns))
    columns: list[list[float]] = [[] for _ in range(min(width, whole))]
    for index, mean_ns in enumerate(trend.mean_ns):
        if not math.isnan(mean_ns):
            columns[index * len(columns) // whole].append(mean_ns)
    means = [sum(values) / len(values) if values else math.nan for values in columns]
    known = [mean for mean in means if not math.isnan(mean)]
    low, high = min(known), max(known)
    if high - low <= _FLAT * high:
        return "".join(_NO_CALL if math.isnan(mean) else _SPARKS[3] for mean in means)
    steps = (math.nan if math.isnan(mean) else min(7, int((mean - low) / (high - low) * 8)) for mean in means)
    return "".join(_NO_CALL if math.isnan(step) else _SPARKS[int(step)] for step in steps)


def _why_lines(sentence: str, width: int) -> tuple[Line, ...]:
    """The sentence in as many lines as it takes: it is of no use cut short."""
    texts = textwrap.wrap(sentence, max(1, width - _LABEL))
    return tuple(_labelled("" if row else "why", (_fitted(text, width),), width) for row, text in enumerate(texts))


def _source_lines(source: Source, width: int) -> tuple[Line, ...]:
    note = (((fit(source.note, width), "warn" if source.lines else "dim"),),) if source.note else ()
    digits = len(str(source.first_line + len(source.lines)))
    numbered = enumerate((line.expandtabs(4) for line in _dedented(source.lines)), source.first_line)
    rows = [((f"{number:>{digits}} ", "faint"), (fit(line, width - digits - 1), "")) for number, line in numbered]
    return (*note, *rows)


def _dedented(lines: Sequence[str]) -> list[str]:
    """Lines without the indentation that all of them have: there is little room."""
    filled = [line for line in lines if line.strip()]
    indent = min((len(line) - len(line.lstrip(" ")) for line in filled), default=0)
    return [line[indent:] for line in lines]
