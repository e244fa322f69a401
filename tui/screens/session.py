"""The session screen: it lays the panes out, hands each its part of a frame and answers the keys that change the view.

What concerns the run or the replay (quitting, seeking) is the app's; what a pane looks like is the pane's.
"""

from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tui.actions import actions_for, binding_action
from tui.feed import STARTING
from tui.frame import Frame
from tui.header import (
    STARTING_TEXT,
    Mode,
    Transport,
    footer_line,
    header_line,
    notice_line,
    progress_lines,
    transport_line,
)
from tui.text import Cell, Line, fit
from tui.widgets.lines import LineView
from tui.widgets.loop import LoopPane
from tui.widgets.losses import LossesPane
from tui.widgets.rows import RowsPane
from tui.widgets.tables import HooksPane, OutputPane
from tui.widgets.waterfall import WaterfallPane

LEAST_WIDTH, LEAST_HEIGHT = 80, 24
_WIDE, _HIGH = 110, 32
PANES: Final = {
    "loop": "loop",
    "waterfall": "last batch",
    "losses": "losses",
    "hooks": "slowest hooks",
    "output": "output",
}
_VIEWS: Final = {"both": "loop-alone", "loop-alone": "waterfall-alone", "waterfall-alone": "both"}


class SessionScreen(Screen[None]):
    """One run, live or replayed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            action.keys,
            binding_action(action),
            action.label,
            show=action.footer > 0,
            key_display=action.display,
            tooltip=action.tooltip,
            id=action.id,
        )
        for action in actions_for("replay", "session")
    ]

    def __init__(self, name: str, mode: Mode) -> None:
        """
        Args:
            name: the run's.
            mode: whether there is a clock to show.
        """
        super().__init__(name="session", classes=f"{mode} both hooks-shown pane-loop")
        self._run_name = name
        self._mode = mode
        self._frame = Frame()
        self._transport: Transport | None = None
        self._asked: str | None = None
        self._view = "both"
        self._pane = "loop"
        self._output_wanted: bool | None = None

    def compose(self) -> ComposeResult:
        """All panes; which of them are visible is decided by classes."""
        yield LineView(id="header")
        yield LineView(id="notice")
        yield LineView(id="tabs")
        yield LineView(id="progress-narrow")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield LoopPane(id="loop")
                yield WaterfallPane(id="waterfall")
            with Vertical(id="right"):
                yield LineView(id="progress")
                yield LossesPane(id="losses")
                yield HooksPane(id="hooks")
                yield OutputPane(id="output")
        yield LineView(id="transport")
        yield LineView(id="footer")
        yield Static(id="too-small")

    def on_mount(self) -> None:
        """Begins in the loop."""
        self.query_one("#progress").border_title = "progress"
        self.query_one("#hooks", RowsPane).set_empty((("no hook has returned yet", "dim"),))
        self.query_one("#waterfall", RowsPane).set_empty((("no batch is complete yet", "dim"),))
        self.query_one("#output", RowsPane).set_empty((("nothing was written to output.log", "dim"),))
        self.query_one(LoopPane).focus()

    def on_resize(self, event: events.Resize) -> None:
        """Chooses the layout for this size."""
        width, height = event.size
        small = width < LEAST_WIDTH or height < LEAST_HEIGHT
        self.set_class(small, "small")
        if small:
            message = f"terminal is {width}x{height}; hooktrace needs at least {LEAST_WIDTH}x{LEAST_HEIGHT}"
            self.query_one("#too-small", Static).update(Content(message))
        self.set_class(width < _WIDE or height < _HIGH, "narrow")
        self._arrange()
        self.call_after_refresh(self._show_lines)

    def show(self, frame: Frame, transport: Transport | None, asked: str | None) -> None:
        """Shows a frame; panes whose part did not change repaint nothing."""
        self._frame, self._transport, self._asked = frame, transport, asked
        self._choose_bottom()
        self._show_lines()
        loop = self.query_one(LoopPane)
        loop.set_empty(*self._empty_loop())
        loop.show(frame.loop)
        self.query_one(WaterfallPane).show(frame.batch)
        self.query_one(LossesPane).show(frame.metrics)
        self.query_one(HooksPane).show(frame.stats)
        self.query_one(OutputPane).show(frame.output)

    @property
    def narrow(self) -> bool:
        """Whether there is room for one pane only."""
        return self.has_class("narrow")

    @property
    def selected_action(self) -> int:
        """Number of the action that the user points at; -1 if it is none."""
        focused = self.focused
        pane = focused if isinstance(focused, RowsPane) else self.query_one(LoopPane)
        return pane.selected_action

    def _show_lines(self) -> None:
        frame, transport = self._frame, self._transport
        width = self.size.width
        self.query_one("#header", LineView).show(header_line(self._run_name, frame, width, transport, self._asked))
        notice = notice_line(frame, width)
        self.query_one("#notice").set_class(notice is not None, "shown")
        self.query_one("#notice", LineView).show(*([notice] if notice else []))
        self.query_one("#tabs", LineView).show(self._tabs(width))
        for identifier in ("#progress", "#progress-narrow"):
            self._show_progress(self.query_one(identifier, LineView))
        keys = actions_for("replay", "session") if self._mode == "replay" else actions_for("session")
        self.query_one("#footer", LineView).show(footer_line(keys, width))
        if transport is not None:
            self.query_one("#transport", LineView).show(transport_line(transport, width))

    def _show_progress(self, view: LineView) -> None:
        if not view.display:
            return
        lines = progress_lines(self._frame.progress, max(40, view.size.width or self.size.width - 2), self._frame.state)
        view.styles.height = len(lines) + (0 if self.narrow else 2)
        view.show(*lines)

    def _tabs(self, width: int) -> Line:
        cells: list[Cell] = [(" ", "")]
        for name, title in PANES.items():
            cells += [(f" {title} ", "tab" if name == self._pane else "dim"), (" ", "")]
        return tuple(cells)

    def _empty_loop(self) -> tuple[Line, ...]:
        width = max(10, self.query_one(LoopPane).size.width)
        if self._frame.state != STARTING:
            return ((("nothing was called yet", "dim"),),)
        tail = self._frame.output[-8:] if self.narrow else ()  # a wide screen has them in their own pane
        return ((STARTING_TEXT, "bold"),), (), *(((fit(line, width), "dim"),) for line in tail)

    def _choose_bottom(self) -> None:
        """Shows the output while there is nothing else yet, unless the user chose."""
        wanted = self._output_wanted
        output = not self._frame.stats and bool(self._frame.output) if wanted is None else wanted
        self.set_class(output, "output-shown")
        self.set_class(not output, "hooks-shown")

    def _arrange(self) -> None:
        """Sets the classes that say which panes are visible."""
        for view in _VIEWS:
            self.set_class(view == self._view and not self.narrow, view)
        for name in PANES:
            self.set_class(name == self._pane, f"pane-{name}")
        self.query_one(WaterfallPane).set_compact(self._view == "both" and not self.narrow)

    def _go_to_pane(self, name: str) -> None:
        self._pane = name
        if not self.narrow:
            if name in ("hooks", "output"):
                self._output_wanted = name == "output"
                self._choose_bottom()
            if name in ("loop", "waterfall") and self._view not in ("both", f"{name}-alone"):
                self._view = f"{name}-alone"
        self._arrange()
        self._show_lines()
        target: Widget = self.query_one(f"#{'losses-plot' if name == 'losses' else name}")
        self.call_after_refresh(target.focus)

    def _step_pane(self, step: int) -> None:
        names = [name for name in PANES if self.narrow or self.query_one(f"#{name}").display]
        here = names.index(self._pane) if self._pane in names else 0
        self._go_to_pane(names[(here + step) % len(names)])

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A pane that was clicked is the current one."""
        for node in event.widget.ancestors_with_self:
            if node.id in PANES and node.id != self._pane:
                self._pane = node.id
                self._arrange()

    def action_next_pane(self) -> None:
        """The next pane."""
        self._step_pane(1)

    def action_previous_pane(self) -> None:
        """The pane before."""
        self._step_pane(-1)

    def action_view(self) -> None:
        """Loop, last batch, or both; where one pane is visible at a time, loop or last batch."""
        if self.narrow:
            self._go_to_pane("waterfall" if self._pane == "loop" else "loop")
            return
        self._view = _VIEWS[self._view]
        self._go_to_pane("waterfall" if self._view == "waterfall-alone" else "loop")

    def action_output(self) -> None:
        """The output in place of the slowest hooks, or back."""
        shown = self._pane == "output" if self.narrow else self.has_class("output-shown")
        self._go_to_pane("hooks" if shown else "output")

    def action_follow(self) -> None:
        """Keeps the open hook in sight again."""
        self.query_one(LoopPane).set_follow(True)

    def action_metric(self) -> None:
        """The next metric."""
        self.query_one(LossesPane).next_metric()

    def action_log_y(self) -> None:
        """Logarithmic or linear."""
        self.query_one(LossesPane).toggle_log()
