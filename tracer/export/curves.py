"""Metrics as one HTML page with a plotly figure in it: it can be opened anywhere, and needs no network."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from tracer.run.metrics import Metrics
from tracer.run.text import plain_text

# Okabe and Ito's colours, which stay apart for the colour-blind.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")


def curves_page(metrics: Metrics, names: Sequence[str], title: str) -> str:
    """The page with one curve a metric over the global step.

    Args:
        metrics: Where the values come from.
        names: Which of them; all must be there.
        title: Of the figure. Like the names it comes from a recording, and is shown literally.
    """
    figure = curves_figure(metrics, names)
    figure.update_layout(title={"text": _text(title)}, template="plotly_white")
    page: str = figure.to_html(include_plotlyjs=True, default_height="95vh", config={"displaylogo": False})
    return page.replace("<head>", f"<head><title>{_text(title)}</title>", 1)


def curves_figure(metrics: Metrics, names: Sequence[str]) -> go.Figure:
    """The figure alone, without a title; arguments as those of `curves_page`."""
    figure = go.Figure()
    frame = metrics.to_pandas()
    if "step" not in frame:
        frame["step"] = range(len(frame))
    for index, name in enumerate(names):
        logged = frame[["step", "epoch", name] if "epoch" in frame else ["step", name]].dropna(subset=[name])
        figure.add_trace(
            go.Scatter(
                x=logged["step"],
                y=logged[name],
                name=_text(name),
                customdata=logged.get("epoch"),
                hovertemplate="%{y:.5g}<br>step %{x:,}" + ("<br>epoch %{customdata}" if "epoch" in logged else ""),
                **_style(name, _COLOURS[index % len(_COLOURS)], points=len(logged)),
            )
        )
    figure.update_layout(
        xaxis={"title": {"text": "global step"}, "rangeslider": {"visible": False}},
        yaxis={"title": {"text": "loss" if all("loss" in name.lower() for name in names) else "value"}},
        hovermode="closest",
        showlegend=True,
        updatemenus=[_scale_menu()],
    )
    return figure


def _style(name: str, colour: str, points: int) -> dict[str, object]:
    """Per-step curves are thin and lie behind; the few values of an epoch or a test get markers."""
    if name.endswith("_step") or points > 200:
        return {"mode": "lines", "line": {"color": colour, "width": 1}, "opacity": 0.6}
    return {
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2.5},
        "marker": {"size": 11 if points == 1 else 7, "symbol": "star" if points == 1 else "circle"},
    }


def _scale_menu() -> dict[str, object]:
    buttons = [
        {"label": label, "method": "relayout", "args": [{"yaxis.type": kind}]}
        for label, kind in (("linear", "linear"), ("log", "log"))
    ]
    return {"type": "buttons", "direction": "right", "buttons": buttons, "x": 1, "xanchor": "right", "y": 1.12}


def _text(text: str) -> str:
    """Text that plotly, which understands some HTML, shows as it is."""
    return html.escape(plain_text(text))
