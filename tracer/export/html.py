"""The report of a run: one page that can be mailed around, with the answers that the screen has.

Its size does not grow with the run beyond what is drawn of the timeline, and it says what was left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from tracer.analyze.findings import findings
from tracer.analyze.fold_lines import explain_lines
from tracer.analyze.stats import HookStat, hook_stats
from tracer.export.html_timeline import timeline_data, timeline_html, timeline_of
from tracer.export.page import asset, escape, figure_place, page
from tracer.export.selection import Part, Request
from tracer.run.layout import OWNER_KINDS
from tracer.run.trace import Trace
from tracer.verbs.explain_html import findings_html, loop_html
from tracer.verbs.explained import Explanation, first_whys
from tracer.verbs.text import clock, duration

if TYPE_CHECKING:
    from tracer.run import Run

_HOOKS: Final = 40
_BINS: Final = 24
_SHOWN_VALUES: Final = 300


def write(request: Request, out: BinaryIO) -> None:
    """Writes the page about the first rank that is asked for. What is selected is what its timeline draws.

    Raises:
        OSError: `out` cannot be written to.
    """
    from tracer.export.html_figures import losses_figure, over_the_run_figure, owners_figure

    run, part = request.run, next(request.parts())
    trace, info, metrics = part.trace, run.info, run.metrics()
    lines = explain_lines(trace, info.trainer)
    loop = Explanation(run.name, run.without_spans, lines, first_whys(lines))
    timeline = timeline_of(part)
    by_action = hook_stats(trace)
    figures = {
        "owners": owners_figure(hook_stats(trace, "instance")),
        "over-the-run": over_the_run_figure(trace, by_action),
        "losses": losses_figure(metrics),
    }
    figures = {name: figure for name, figure in figures.items() if figure is not None}
    others = f" The recording has {len(run.ranks)} ranks; --rank N makes the page of another." * (len(run.ranks) > 1)
    sections = {
        "Run": [f'<p class="soft">Rank {trace.rank}.{others}</p>', *_facts(run, trace)],
        "Findings": ["\n".join(findings_html(findings(trace, info))).removeprefix("<h2>Findings</h2>") or _NO_FINDINGS],
        "The loop": list(loop_html(loop)),
        "Timeline": [_legend(), timeline_html(timeline)],
        "Time per hook": [*_hooks(trace, by_action), figure_place("owners") if "owners" in figures else ""],
        "Over the run": [figure_place("over-the-run") if "over-the-run" in figures else "<p>Nothing has returned.</p>"],
        "Losses": [figure_place("losses") if "losses" in figures else "<p>No metrics were logged to a CSV file.</p>"],
        "Configuration": list(_configuration(run)),
    }
    text = page(
        run.name,
        "\n".join(_sections(run.name, sections)),
        style=asset("explain.css"),
        scripts=[asset("explain.js"), asset("timeline.js")],
        data={"timeline-data": timeline_data(trace, timeline)},
        figures=figures,
    )
    out.write(text.encode())
    for _ in part.portions():
        pass


_NO_FINDINGS: Final = "<p>Nothing about this run needs a look.</p>"


def _sections(title: str, sections: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1><nav>"
    for number, name in enumerate(sections):
        yield f'<a href="#section-{number}">{name}</a>'
    yield "</nav>"
    for number, (name, content) in enumerate(sections.items()):
        yield f'<section><h2 id="section-{number}">{name}</h2>'
        yield from content
        yield "</section>"


def _facts(run: "Run", trace: Trace) -> Iterator[str]:
    info = run.info
    facts = {
        "state": run.state,
        "began": f"{info.started_at:%Y-%m-%d %H:%M:%S %Z}",
        "lasted": clock(trace.now_ns / 1e9),
        "calls": f"{len(trace):,}",
        "model": info.model + (f", {info.parameters:,} parameters" if info.parameters else ""),
        "Lightning": info.versions.get("lightning", ""),
        "torch": info.versions.get("torch", ""),
        "command": " ".join(info.argv),
        "exception": info.exception or "",
        "incomplete": trace.gap or "",
    }
    yield _table({name: value for name, value in facts.items() if value})


def _table(values: Mapping[str, object]) -> str:
    rows = (
        f'<tr><td class="soft" style="min-width:9em">{escape(str(name), _SHOWN_VALUES)}</td>'
        f'<td class="mono">{escape(value if isinstance(value, str) else json.dumps(value), _SHOWN_VALUES)}</td></tr>'
        for name, value in values.items()
    )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _legend() -> str:
    return "<p>" + " ".join(f'<span class="{kind}">&#9632; {kind}</span>' for kind in OWNER_KINDS) + "</p>"


def _hooks(trace: Trace, stats: Sequence[HookStat]) -> Iterator[str]:
    heads = ("calls", "self", "share", "mean", "p50", "p95", "longest")
    cells = "".join(f'<th class="number">{head}</th>' for head in heads)
    yield f'<div class="scroll"><table><thead><tr><th>hook</th>{cells}<th>durations, log scale</th></tr></thead><tbody>'
    spreads = _spreads(trace)
    for stat in stats[:_HOOKS]:
        numbers = (
            f"{stat.count:,}",
            duration(stat.self_ns),
            f"{stat.share * 100:.1f} %",
            *(duration(value) for value in (stat.mean_ns, stat.p50_ns, stat.p95_ns, stat.max_ns)),
        )
        cells = "".join(f'<td class="number">{escape(number)}</td>' for number in numbers)
        name = f'<td class="mono {escape(stat.owner_kind)}">{escape(stat.label, 120)}</td>'
        yield f"<tr>{name}{cells}<td>{_bars(spreads.get(stat.label, ()))}</td></tr>"
    yield "</tbody></table></div>"
    if len(stats) > _HOOKS:
        rest = sum(stat.share for stat in stats[_HOOKS:])
        yield f'<p class="soft">{len(stats) - _HOOKS} more, with {rest * 100:.1f} % of the time together.</p>'


def _spreads(trace: Trace) -> dict[str, tuple[int, ...]]:
    """Calls by duration, for each action, in columns of equal ratio from 1 ns to the longest of all."""
    size = len(trace.actions)
    counts = np.zeros(size * _BINS, np.int64)
    high = np.log2(max(int(trace.duration_ns.max(initial=0)), 2))
    for rows in Part(trace).portions():
        duration = trace.duration_ns[rows]
        closed = duration >= 0
        octaves = np.log2(np.maximum(duration[closed], 1))
        column = (octaves / high * _BINS).astype(np.int64).clip(0, _BINS - 1)
        counts += np.bincount(trace.action[rows][closed].astype(np.int64) * _BINS + column, minlength=size * _BINS)
    return {
        action.label: tuple(row)
        for action, row in zip(trace.actions, counts.reshape(size, _BINS).tolist(), strict=True)
    }


def _bars(counts: Sequence[int]) -> str:
    most = max(counts, default=0)
    if not most:
        return ""
    bars = "".join(
        f'<rect x="{5 * place}" y="{20 - height:.1f}" width="4" height="{height:.1f}"/>'
        for place, count in enumerate(counts)
        if (height := 20 * count / most and max(1.0, 20 * count / most))
    )
    return f'<svg width="{5 * len(counts)}" height="20" fill="currentColor" aria-hidden="true">{bars}</svg>'


def _configuration(run: "Run") -> Iterator[str]:
    info = run.info
    callbacks = {f"{number}": f"{one.name} ({one.origin or 'unknown'})" for number, one in enumerate(info.callbacks)}
    tables: dict[str, Mapping[str, Any]] = {
        "Trainer": info.trainer,
        "Hyperparameters": info.hparams,
        "Callbacks, in the order in which they are called": callbacks,
        "Versions": info.versions,
    }
    for name, values in tables.items():
        if values:
            yield f"<details><summary>{name} ({len(values)})</summary>{_table(values)}</details>"
