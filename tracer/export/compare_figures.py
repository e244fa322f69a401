"""The figures of a comparison: a median batch of each run on one scale, time by hook, and the curves of the metrics."""

import html
from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tracer.analyze.compare import Subject
from tracer.analyze.compare_times import TimeSide, UnitChange
from tracer.analyze.digest_waterfall import Bar
from tracer.run.text import plain_text

# Okabe and Ito's colours, which stay apart for the colour-blind.
A_COLOUR: Final = "#0072B2"
B_COLOUR: Final = "#D55E00"
_COLOURS: Final = (A_COLOUR, B_COLOUR, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_KINDS: Final = {
    "callback": "#E69F00",
    "module": "#56B4E9",
    "datamodule": "#009E73",
    "strategy": "#CC79A7",
    "loop": "#9aa5b1",
}
_HOOKS: Final = 20
_CURVES: Final = 8


def waterfalls(a: Subject, b: Subject) -> go.Figure:
    """The median batches, one above the other on one scale of time."""
    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.08,
        subplot_titles=[f"A  {_text(a.name)}", f"B  {_text(b.name)}"],
    )
    for row, side in ((1, a), (2, b)):
        for kind, colour in _KINDS.items():
            bars = [bar for bar in side.digest.waterfall if bar.owner_kind == kind]
            if bars:
                figure.add_trace(_bars(bars, kind, colour, named=row == 1), row=row, col=1)
    figure.update_xaxes(title_text="ms since the batch began", row=2, col=1)
    deepest = max((bar.depth for side in (a, b) for bar in side.digest.waterfall), default=0)
    figure.update_yaxes(range=[deepest + 0.6, -0.6], dtick=1, title_text="depth")
    figure.update_layout(barmode="overlay", height=240 + 2 * 30 * (deepest + 1))
    return figure


def _bars(bars: Sequence[Bar], kind: str, colour: str, named: bool) -> go.Bar:
    return go.Bar(
        orientation="h",
        y=[bar.depth for bar in bars],
        width=0.9,
        base=[bar.start_ns / 1e6 for bar in bars],
        x=[bar.duration_ns / 1e6 for bar in bars],
        customdata=[_text(bar.label) for bar in bars],
        hovertemplate="%{customdata}<br>%{x:.3f} ms<extra></extra>",
        marker={"color": colour, "line": {"width": 0.5, "color": "#ffffff"}},
        name=kind,
        legendgroup=kind,
        showlegend=named,
    )


def times(unit: UnitChange) -> go.Figure:
    """The self time of the hooks that take most of a unit, side by side."""
    hooks = sorted(unit.hooks, key=lambda hook: -max(_per_unit_ms(hook.a), _per_unit_ms(hook.b)))[:_HOOKS]
    names = [_text(hook.key.label) for hook in hooks]
    figure = go.Figure()
    for name, colour, sides in (
        ("A", A_COLOUR, [hook.a for hook in hooks]),
        ("B", B_COLOUR, [hook.b for hook in hooks]),
    ):
        values = [_per_unit_ms(side) for side in sides]
        figure.add_trace(go.Bar(orientation="h", y=names, x=values, name=name, marker={"color": colour}))
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(title_text=f"self time in a {unit.kind}, ms")
    figure.update_layout(barmode="group", height=140 + 30 * len(hooks))
    return figure


def _per_unit_ms(side: TimeSide | None) -> float:
    return side.typical_ns * side.per_unit / 1e6 if side else 0.0


def curves(a: Subject, b: Subject) -> go.Figure | None:
    """The metrics that both runs logged, losses first: A drawn through, B dashed; None if there are none."""
    names = [name for name in a.metrics.names if name in b.metrics.names]
    names = sorted(names, key=lambda name: "loss" not in name.lower())[:_CURVES]
    figure = go.Figure()
    for index, name in enumerate(names):
        for letter, side, dash in (("A", a, "solid"), ("B", b, "dash")):
            series = side.metrics.series(name)
            figure.add_trace(
                go.Scatter(
                    x=series.steps.tolist(),
                    y=series.values.tolist(),
                    name=f"{_text(name)} {letter}",
                    mode="lines+markers" if len(series.rows) < 30 else "lines",
                    line={"color": _COLOURS[index % len(_COLOURS)], "dash": dash},
                )
            )
    figure.update_xaxes(title_text="global step")
    figure.update_layout(height=460)
    return figure if names else None


def _text(text: str) -> str:
    """Text that plotly, which understands some HTML, shows as it is."""
    return html.escape(plain_text(text))
