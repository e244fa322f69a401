"""textual-plot's widget as the losses use it: told a scene, it draws it. Which keys there are is the pane's affair.

It is cleared and fed anew for each picture, since it keeps no names of what it draws; it renders once however often it
is told something.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid
from textual.geometry import Offset
from textual.strip import Strip
from textual_hires_canvas import Canvas
from textual_plot import HiResMode, PlotWidget
from textual_plot.axis_formatter import AxisFormatter
from textual_plot.plot_widget import Legend

from tui.legend import BEST, EPOCH
from tui.palette import CURVES, STYLES, in_theme
from tui.scene import Curve, Scene
from tui.ticks import log_labels, log_ticks, round_ticks, step_labels, step_ticks, value_labels

_LEFT: Final = 8


class StepFormatter(AxisFormatter):
    """Whole numbers along x."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Where the ticks are."""
        return step_ticks(min_, max_, min(max_ticks, 6))

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """The labels of these ticks."""
        return step_labels(ticks)


class ValueFormatter(AxisFormatter):
    """Values along y."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Where the ticks are."""
        return round_ticks(min_, max_, max_ticks)

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """The labels of these ticks."""
        return value_labels(ticks, _LEFT - 2)


class LogFormatter(AxisFormatter):
    """An axis that shows decimal logarithms: ticks at 1, 2 and 5 of each decade, labelled with the numbers."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Where the ticks are."""
        return log_ticks(min_, max_, max_ticks)

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """The labels of these ticks."""
        return log_labels(ticks)


class StyledCanvas(Canvas):
    """A canvas of which each line has a style: without one Textual cannot take its colour away (NO_COLOR)."""

    def render_line(self, y: int) -> Strip:
        """A line; one that is not there yet is blank."""
        return super().render_line(y).apply_style(self.rich_style)


class ScenePlot(PlotWidget, inherit_bindings=False):
    """Draws a scene; zooms and pans by mouse."""

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    ScenePlot { height: 1fr; }
    ScenePlot #legend { display: none; }
    ScenePlot > .plot--axis, ScenePlot:focus > .plot--axis { color: $secondary; }
    ScenePlot > .plot--tick { color: $foreground-muted; text-style: none; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._told: tuple[Scene, bool, bool, float | None] | None = None

    def compose(self) -> ComposeResult:
        """The parts of a plot, as its class has them."""
        with Grid():
            for part in ("margin-top", "margin-left", "plot", "margin-bottom"):
                yield StyledCanvas(1, 1, id=part)
        yield Legend(id="legend")

    def on_mount(self) -> None:
        """Leaves the room to the curves."""
        super().on_mount()
        self.margin_top, self.margin_bottom, self.margin_left = 0, 1, _LEFT
        self.set_x_formatter(StepFormatter())

    def on_resize(self) -> None:
        """Draws again what depends on the number of rows."""
        if self._told is not None:
            self.draw(*self._told)

    @property
    def columns(self) -> int:
        """Cells for the curves from left to right."""
        return max(10, self.size.width - _LEFT - 2)

    def draw(self, scene: Scene, log: bool, labelled: bool, cursor: float | None) -> None:
        """Draws a scene.

        Args:
            scene: the curves, reduced, and the limits.
            log: whether its heights are logarithms.
            labelled: whether its heights are values at all.
            cursor: the step at which a line stands.
        """
        self._told = (scene, log, labelled, cursor)
        dark = self.app.current_theme.dark
        self.clear()
        self.set_xlimits(*scene.x)
        self.set_ylimits(*scene.y)
        self.set_y_formatter(LogFormatter() if log else ValueFormatter())
        self.set_yticks(None if labelled else [])
        self._draw_epochs(scene, in_theme(STYLES["bar-rest"], dark))
        for curve in scene.curves:
            if curve.behind is not None:
                style = f"dim {in_theme(CURVES[curve.trail.colour], dark)}"
                self.plot(*curve.behind, line_style=style, hires_mode=HiResMode.BRAILLE)
        for curve in scene.curves:
            self._draw_curve(curve, in_theme(CURVES[curve.trail.colour], dark))
        if cursor is not None and scene.x[0] < cursor < scene.x[1]:
            self.add_v_line(cursor, in_theme(STYLES["head"], dark))

    def _draw_epochs(self, scene: Scene, style: str) -> None:
        if not len(scene.epochs):
            return
        rows = max(1, self.size.height - 3)
        heights = scene.y[0] + (np.arange(rows) + 0.5) / rows * (scene.y[1] - scene.y[0])
        x, y = np.repeat(scene.epochs, rows), np.tile(heights, len(scene.epochs))
        self.scatter(x, y, marker=EPOCH, marker_style=style)

    def _draw_curve(self, curve: Curve, style: str) -> None:
        if len(curve.x) > 1:
            self.plot(curve.x, curve.y, line_style=style, hires_mode=HiResMode.BRAILLE)
        if len(curve.marked[0]):
            self.scatter(*curve.marked, marker=curve.trail.marker, marker_style=style)
        if curve.best is not None:
            self.scatter([curve.best[0]], [curve.best[1]], marker=BEST, marker_style=f"bold {style}")

    def step_at(self, screen_offset: Offset) -> float | None:
        """The step below a point of the screen; None beside the curves."""
        canvas = self.query_one("#plot", Canvas).region
        if not canvas.shrink((1, 1, 1, 1)).contains_point(screen_offset):
            return None
        return self.get_coordinate_from_pixel(*(screen_offset - canvas.offset))[0]
