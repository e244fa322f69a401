"""The pane of the losses: the legend, the plot, and the values at the cursor or below the mouse."""

from dataclasses import replace
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual_plot import PlotWidget

from tracer.run.metrics import Metrics
from tracer.run.text import plain_text
from tui.actions import actions_for, binding_action
from tui.curves import default_names, epoch_starts, trails
from tui.legend import legend, values_line
from tui.names import bases, metric_base
from tui.scene import Range, Scene, View, scales_differ, scene, step_beyond, whole_range
from tui.text import Line, fit
from tui.widgets.lines import LineView
from tui.widgets.plot import ScenePlot

_CLOSER: Final = 0.6
_PAN: Final = 0.2
_TITLE: Final = 40
_EVERY: Final = 3
_EMPTY: Final = "no values yet: metrics.csv is empty or not there"


class LossesPane(Vertical):
    """The curves that were chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, binding_action(action), action.label, tooltip=action.tooltip, id=action.id)
        for action in actions_for("losses")
    ]
    DEFAULT_CSS = """
    LossesPane { border: round $panel; padding: 0 1; }
    LossesPane:focus-within { border: round $primary; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "losses"
        self._metrics = Metrics()
        self._chosen: frozenset[str] | None = None
        self._trails = trails(self._metrics, ())
        self._epochs = epoch_starts(self._metrics)
        self._view = View()
        self._scene = Scene()
        self._drawn_for = (0, 0)
        self._titles: list[str] = []
        self._legend_height = 0
        self._hurried = False
        self._behind = 0
        self._below_mouse: float | None = None
        self._composed = False  # a resize or a frame may come before the plot has its parts

    def compose(self) -> ComposeResult:
        """The legend above the plot, the values below."""
        yield LineView(id="curves")
        yield ScenePlot(id="losses-plot")
        yield LineView(id="curve-values")

    def on_mount(self) -> None:
        """Draws when there is something to draw on, and in the colours of each theme."""
        self._composed = True
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self._draw()

    def on_resize(self) -> None:
        """Draws again if the room changed."""
        if (self.size.width, self.size.height) != self._drawn_for:
            self._draw()

    def show(self, metrics: Metrics) -> None:
        """Shows the rows so far. While each time brings new ones, nobody can follow: then every third is drawn."""
        news = metrics is not self._metrics
        hurried, self._hurried = news and self._hurried, news
        self._metrics = metrics
        self._behind += news
        if self._behind and not (hurried and self._behind < _EVERY):
            self._take_curves()

    @property
    def metrics(self) -> Metrics:
        """The rows so far."""
        return self._metrics

    @property
    def shown(self) -> frozenset[str]:
        """Names of the metrics that are plotted."""
        return frozenset(trail.name for trail in self._trails)

    def choose(self, names: frozenset[str]) -> frozenset[str]:
        """Plots these metrics; none stands for what is plotted without a choice. Returns what is plotted now."""
        self._chosen = names or None
        self._view = replace(self._view, x=None, y=None, cursor=None)
        self._take_curves()
        return self.shown

    def turn_log(self) -> None:
        """Changes between a linear and a logarithmic y axis."""
        self._see(self._view.with_log(not self._view.log))

    def next_smoothing(self) -> None:
        """Smooths more, or not at all again."""
        self._see(self._view.next_smoothing())

    def _take_curves(self) -> None:
        self._behind = 0
        chosen = [name for name in self._metrics.names if self._chosen and name in self._chosen]
        found = trails(self._metrics, chosen or default_names(self._metrics.names))
        self._trails = tuple(trail for trail in found if chosen or len(trail.y) or trail.hidden)
        self._epochs = epoch_starts(self._metrics)
        self._draw()

    def _see(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self._draw()

    @property
    def _whole(self) -> Range:
        return whole_range(self._trails) or (0.0, 1.0)

    def _draw(self) -> None:
        if not self._composed:
            return
        plot, view = self.query_one(ScenePlot), self._view
        self._drawn_for = (self.size.width, self.size.height)
        self._scene = scene(self._trails, view, max(10, self.size.width - 10), self._epochs[0])
        self._write_titles()
        self._write_legend()
        self._write_values()
        if plot.display != bool(self._scene.curves):
            plot.display = not plot.display
        plot.draw(self._scene, view.log, not view.own_scales, view.cursor)

    def _write_titles(self) -> None:
        view = self._view
        quantities = list(dict.fromkeys(metric_base(trail.name) for trail in self._trails)) or ["loss"]
        title = "losses" if quantities == ["loss"] else plain_text(", ".join(quantities), _TITLE)
        flags = (
            (view.log, "log y"),
            (view.weight, f"smoothed {view.weight:g}"),
            (view.own_scales, "own scales"),
            (view.x or view.y, "zoomed"),
        )
        titles = [" · ".join([title, "metrics.csv", *(text for flag, text in flags if flag)])]
        others = [base for base in bases(self._metrics.names) if base not in quantities]
        hint = f"m: {plain_text(', '.join(others), _TITLE)}" if others else ""
        if not view.own_scales and scales_differ(self._trails):
            hint = "scales differ: r gives each its own"
        titles.append(hint)
        if titles != self._titles:  # to set one repaints the whole pane
            self._titles = titles
            self.border_title, self.border_subtitle = map(Content, titles)

    def _write_legend(self) -> None:
        view, width = self.query_one("#curves", LineView), self.size.width
        curves = self._scene.curves
        lines = legend(curves, width, max(1, self.size.height // 3)) if curves else self._nothing_drawn(width)
        if len(lines) != self._legend_height:  # to set it arranges the whole screen anew
            self._legend_height = len(lines)
            view.styles.height = len(lines)
        view.show(*lines)

    def _nothing_drawn(self, width: int) -> tuple[Line, ...]:
        hidden = sum(trail.hidden for trail in self._trails)
        if not hidden:
            return (((fit(_EMPTY, width), "dim"),),)
        return (((fit(f"no value that can be drawn; {hidden} not finite", width), "warn"),),)

    def _write_values(self) -> None:
        step = self._below_mouse if self._below_mouse is not None else self._view.cursor
        line = values_line(self._trails, step, self._epochs, self.size.width) if self._scene.curves else ()
        self.query_one("#curve-values", LineView).show(line)

    def on_plot_widget_scale_changed(self, message: PlotWidget.ScaleChanged) -> None:
        """The mouse has zoomed or panned: what comes into sight is reduced anew. An axis that stays goes on to fit."""
        message.stop()
        x, y = (message.x_min, message.x_max), (message.y_min, message.y_max)
        view = self._view
        if x != self._scene.x:
            view = replace(view, x=x)
        if y != self._scene.y:
            view = replace(view, y=y)
        self._see(view)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Shows the values below the mouse."""
        step = self.query_one(ScenePlot).step_at(event.screen_offset) if self._scene.curves else None
        if step is not None:
            step = float(round(step))
        if step != self._below_mouse:
            self._below_mouse = step
            self._write_values()

    def on_leave(self) -> None:
        """Shows the values at the cursor again."""
        self._below_mouse = None
        self._write_values()

    def _move_cursor(self, columns: int) -> None:
        low, high = self._scene.x
        column = (high - low) / self.query_one(ScenePlot).columns
        cursor = self._view.cursor
        start = (high + column if columns < 0 else low - column) if cursor is None else cursor
        self._see(self._view.with_cursor(step_beyond(self._trails, start, columns * column), self._whole))

    def action_step_before(self) -> None:
        """The cursor a column to the left."""
        self._move_cursor(-1)

    def action_step_after(self) -> None:
        """The cursor a column to the right."""
        self._move_cursor(1)

    def action_no_cursor(self) -> None:
        """No cursor."""
        self._see(replace(self._view, cursor=None))

    def action_zoom_in(self) -> None:
        """Fewer steps."""
        self._see(self._view.zoomed(_CLOSER, self._whole))

    def action_zoom_out(self) -> None:
        """More steps."""
        self._see(self._view.zoomed(1 / _CLOSER, self._whole))

    def action_zoom_all(self) -> None:
        """Everything."""
        self._see(replace(self._view, x=None, y=None))

    def action_pan_left(self) -> None:
        """Earlier steps."""
        self._see(self._view.panned(-_PAN, self._whole))

    def action_pan_right(self) -> None:
        """Later steps."""
        self._see(self._view.panned(_PAN, self._whole))

    def action_pan_up(self) -> None:
        """Higher values."""
        self._see(self._view.raised(_PAN, self._scene.y))

    def action_pan_down(self) -> None:
        """Lower values."""
        self._see(self._view.raised(-_PAN, self._scene.y))

    def action_own_scales(self) -> None:
        """Each curve on a scale of its own, or all on one."""
        self._see(replace(self._view, own_scales=not self._view.own_scales, y=None))
