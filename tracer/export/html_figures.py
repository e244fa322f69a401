"""The figures of the report: aggregates, which plotly draws; texts in them are escaped, for plotly knows some HTML."""

import html
from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go

from tracer.analyze.stats import HookStat
from tracer.export.curves import curves_figure
from tracer.run.metrics import Metrics
from tracer.run.text import plain_text
from tracer.run.trace import Trace

_COLOURS: Final = {
    "callback": "#e69f00",
    "module": "#56b4e9",
    "datamodule": "#2fbf93",
    "strategy": "#d58ab5",
    "loop": "#9aa5b1",
}
_OWNERS: Final = 15
_TRENDS: Final = 8
_POINTS: Final = 200
_CURVES: Final = 12
_CURVE_POINTS: Final = 2_000


def owners_figure(stats: Sequence[HookStat]) -> go.Figure | None:
    """Self time by owner; None where no time has passed."""
    shown = [stat for stat in stats[:_OWNERS] if stat.self_ns]
    if not shown:
        return None
    bars = go.Bar(
        x=[stat.self_ns / 1e9 for stat in shown],
        y=[f"{number}. {_text(stat.label)}" for number, stat in enumerate(shown, 1)],
        marker_color=[_COLOURS.get(stat.owner_kind, _COLOURS["loop"]) for stat in shown],
        customdata=[stat.share * 100 for stat in shown],
        hovertemplate="%{y}<br>%{x:.4g} s, %{customdata:.1f} %<extra></extra>",
        orientation="h",
    )
    yaxis = {"autorange": "reversed", "automargin": True}
    return go.Figure(bars, {"xaxis": {"title": {"text": "self time by owner, s"}}, "yaxis": yaxis})


def over_the_run_figure(trace: Trace, stats: Sequence[HookStat]) -> go.Figure | None:
    """Mean duration over time of the hooks with most self time; None where nothing has returned."""
    if not len(trace) or trace.now_ns <= 0:
        return None
    figure = go.Figure()
    numbers = {action.label: action.id for action in trace.actions}
    edges = np.linspace(0, trace.now_ns, _POINTS + 1)
    for stat in [stat for stat in stats if stat.count - stat.open > 1][:_TRENDS]:
        rows = np.flatnonzero((trace.action == numbers[stat.label]) & (trace.duration_ns >= 0))
        bucket = np.searchsorted(edges, trace.start_ns[rows], side="right") - 1
        calls = np.bincount(bucket, minlength=_POINTS + 1)
        mean_ms = np.bincount(bucket, trace.duration_ns[rows], minlength=_POINTS + 1) / np.maximum(calls, 1) / 1e6
        there = np.flatnonzero(calls)
        figure.add_trace(go.Scatter(x=edges[there] / 1e9, y=mean_ms[there], name=_text(stat.label), mode="lines"))
    figure.update_layout(
        xaxis={"title": {"text": "seconds since the start of the run"}},
        yaxis={"title": {"text": "mean duration, ms"}, "type": "log"},
        showlegend=True,
    )
    return figure if figure.data else None


def losses_figure(metrics: Metrics) -> go.Figure | None:
    """The losses, or what was logged instead; None where nothing was. Long curves are thinned out."""
    logged = [name for name in metrics.names if len(metrics.series(name).values)]
    names = ([name for name in logged if "loss" in name.lower()] or logged)[:_CURVES]
    if not names:
        return None
    figure = curves_figure(metrics, names)
    for curve in figure.data:
        every = -(-len(curve.x) // _CURVE_POINTS)
        curve.x, curve.y = curve.x[::every], curve.y[::every]
        if curve.customdata is not None:
            curve.customdata = curve.customdata[::every]
    return figure


def _text(text: str) -> str:
    return html.escape(plain_text(text, 60))
