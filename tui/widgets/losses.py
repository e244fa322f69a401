"""The loss curves: textual-plot's widget, fed with reduced curves and only when they changed."""

import math
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual_plot import HiResMode, PlotWidget
from textual_plot.axis_formatter import NumericAxisFormatter

from tracer.run.metrics import Metrics
from tui.curves import Curve, curves
from tui.names import bases
from tui.palette import CURVES
from tui.text import Cell, Line, fit
from tui.widgets.lines import LineView

_ROOM = 0.03
_MARKERS = {"train epoch": "●", "validation": "◆", "test": "■"}


class LogFormatter(NumericAxisFormatter):
    """Ticks of an axis that shows decimal logarithms: at 1, 2 and 5 of each decade, labelled with the numbers."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Where the ticks are; evenly spaced ones where the axis is less than a few of them long."""
        decades = range(math.floor(min_), math.ceil(max_) + 1)
        for factors in ((1, 2, 5), (1,)):
            ticks = [power + math.log10(factor) for power in decades for factor in factors]
            inside = [tick for tick in ticks if min_ <= tick <= max_]
            if 2 <= len(inside) <= max_ticks:
                return inside
        return super().get_ticks(min_, max_, max_ticks)

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """The labels of these ticks."""
        return [f"{10**tick:.2g}" for tick in ticks]


class LossesPane(Vertical):
    """A line that names the curves with their last values, and the plot."""

    DEFAULT_CSS = """
    LossesPane { border: round $panel; padding: 0 1; }
    LossesPane:focus-within { border: round $primary; }
    LossesPane #losses-plot #legend { display: none; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "losses"
        self._metrics = Metrics()
        self._base: str | None = None
        self._log = False
        self._width = 0
        self._composed = False  # a resize or a frame may come before the plot has its parts

    def compose(self) -> ComposeResult:
        """The legend above the plot."""
        yield LineView(id="curves")
        yield PlotWidget(id="losses-plot")

    def on_mount(self) -> None:
        """Leaves the room to the curves."""
        self._composed = True
        plot = self.query_one(PlotWidget)
        plot.margin_top, plot.margin_bottom, plot.margin_left = 1, 2, 8
        self._draw()

    def on_resize(self) -> None:
        """Draws again if the number of columns changed."""
        if self.size.width != self._width:
            self._draw()

    def show(self, metrics: Metrics) -> None:
        """Shows the rows so far."""
        if metrics is not self._metrics:
            self._metrics = metrics
            self._draw()

    def next_metric(self) -> None:
        """Plots the next quantity of the file."""
        names = bases(self._metrics.names)
        if names:
            here = names.index(self._base) if self._base in names else 0
            self._base = names[(here + 1) % len(names)]
            self._forget_zoom()
            self._draw()

    def toggle_log(self) -> None:
        """Changes between a linear and a logarithmic y axis."""
        self._log = not self._log
        self._forget_zoom()
        self._draw()

    def _forget_zoom(self) -> None:
        """What was zoomed into lies elsewhere now."""
        plot = self.query_one(PlotWidget)
        plot.set_xlimits(None, None)
        plot.set_ylimits(None, None)

    def _draw(self) -> None:
        if not self._composed:
            return
        names = bases(self._metrics.names)
        base = self._base if self._base in names else names[0] if names else "loss"
        self._width = self.size.width
        shown = curves(self._metrics, base, max(10, self._width - 10), self._log)
        self.border_title = f"{'losses' if base == 'loss' else base} · metrics.csv{' · log y' if self._log else ''}"
        self.border_subtitle = f"m: {', '.join(name for name in names if name != base)[:40]}" if len(names) > 1 else ""
        self._name_curves(shown)
        plot = self.query_one(PlotWidget)
        plot.display = bool(shown)
        plot.clear()
        plot.set_y_formatter(LogFormatter() if self._log else NumericAxisFormatter())
        if shown:
            _make_room(plot, shown)
        for curve in shown:
            _draw_curve(plot, curve)

    def _name_curves(self, shown: tuple[Curve, ...]) -> None:
        legend = self.query_one("#curves", LineView)
        if not shown:
            legend.show(((fit("no values yet: metrics.csv is empty or not there", self._width), "dim"),))
            return
        lines = [self._legend(shown, with_values) for with_values in (True, False)]
        legend.show(next((line for line in lines if sum(len(text) for text, _ in line) <= self._width), lines[-1]))

    def _legend(self, shown: tuple[Curve, ...], with_values: bool) -> Line:
        cells: list[Cell] = []
        for curve in shown:
            marker = _MARKERS.get(curve.kind, "━")
            name = fit(curve.label, min(len(curve.label), 20))
            cells += [(f"{'  ' if cells else ''}{marker} ", f"curve-{curve.kind}"), (name, "")]
            if with_values:
                last = 10 ** float(curve.y[-1]) if self._log else float(curve.y[-1])
                cells.append((f" {last:.3g}", "dim"))
        return tuple(cells)


def _draw_curve(plot: PlotWidget, curve: Curve) -> None:
    colour = CURVES[curve.kind]
    if len(curve.x) > 1:
        plot.plot(curve.x, curve.y, line_style=colour, hires_mode=HiResMode.BRAILLE)
    marker = _MARKERS.get(curve.kind, "·" if len(curve.x) == 1 else "")
    if marker and len(curve.x) <= 40:
        plot.scatter(curve.x, curve.y, marker=marker, marker_style=colour)


def _make_room(plot: PlotWidget, shown: tuple[Curve, ...]) -> None:
    """Keeps the curves off the frame, which is drawn over them: a line of one point draws nothing but takes part in
    the choice of the limits, and unlike fixed limits leaves zoom and pan alone."""
    for low, high, axis in (
        (min(curve.x.min() for curve in shown), max(curve.x.max() for curve in shown), 0),
        (min(curve.y.min() for curve in shown), max(curve.y.max() for curve in shown), 1),
    ):
        room = (high - low) * _ROOM or abs(high) * _ROOM or _ROOM
        at = [float(shown[0].x[0]), float(shown[0].y[0])]
        for value in (low - room, high + room):
            at[axis] = float(value)
            plot.plot([at[0]], [at[1]])
