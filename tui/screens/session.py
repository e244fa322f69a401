"""The session screen: it lays the panes out, hands each its part of a frame and answers the keys that change the view.

What concerns the run or the replay (quitting, seeking) is the app's; what a pane looks like is the pane's.
"""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from tui.actions import Where, actions_for, binding_action
from tui.bars import progress_lines
from tui.feed import STARTING
from tui.filter import LogFilter
from tui.frame import Frame
from tui.header import (
    STARTING_TEXT,
    Mode,
    footer_line,
    header_line,
    notice_line,
)
from tui.layout import LEAST_HEIGHT, LEAST_WIDTH, PANES, Layout
from tui.saving import saving_of
from tui.screens.filter import FilterScreen
from tui.screens.metrics import MetricsScreen
from tui.screens.saving import SaveScreen
from tui.seek import parse_target
from tui.text import Cell, Line, fit
from tui.transport import Transport
from tui.widgets.inspector import InspectorPane
from tui.widgets.lines import LineView
from tui.widgets.log import LogPane
from tui.widgets.loop import LoopPane
from tui.widgets.losses import LossesPane
from tui.widgets.paused import PausedPane
from tui.widgets.rows import RowsPane
from tui.widgets.tables import HooksPane, OutputPane
from tui.widgets.transport import TransportBar
from tui.widgets.waterfall import WaterfallPane
from tui.wish import Wish


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
        for action in actions_for("gate", "transport", "session", "listed")
    ]

    class Wished(Message):
        """The user looks at something else."""

        def __init__(self, wish: Wish) -> None:
            super().__init__()
            self.wish = wish

    def __init__(self, name: str, mode: Mode, layout: Layout, listed: bool = False) -> None:
        """
        Args:
            name: the run's.
            mode: whether there is a clock to show.
            layout: what to show at first; its size does not matter.
            listed: whether there is a list of runs to go back to.
        """
        super().__init__(name="session", classes=mode)
        self._run_name = name
        self._mode = mode
        self._listed = listed
        self._frame = Frame()
        self._transport: Transport | None = None
        self._asked: str | None = None
        self._wish = Wish()
        self._filters: list[str] = []  # that were used, the latest last
        self._layout = layout
        self._left_next = False
        self._bottom_chosen = layout.bottom != Layout().bottom

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
                yield LogPane(id="log")
                yield InspectorPane(id="inspector")
            with Vertical(id="right"):
                yield LineView(id="progress")
                yield LossesPane(id="losses")
                yield HooksPane(id="hooks")
                yield OutputPane(id="output")
                yield PausedPane(id="paused")
        yield TransportBar(id="transport")
        yield LineView(id="footer")
        yield Static(id="too-small")

    def on_mount(self) -> None:
        """Begins in the pane that was left last."""
        self.query_one("#progress").border_title = "progress"
        self.query_one("#hooks", RowsPane).set_empty((("no hook has returned yet", "dim"),))
        self.query_one("#output", RowsPane).set_empty((("nothing was written to output.log", "dim"),))
        self.query_one(f"#{PANES[self._layout.pane].focus}").focus()

    def on_resize(self, event: events.Resize) -> None:
        """Chooses the layout for this size."""
        width, height = event.size
        if replace(self._layout, width=width, height=height).too_small:
            message = f"terminal is {width}x{height}; hooktrace needs at least {LEAST_WIDTH}x{LEAST_HEIGHT}"
            self.query_one("#too-small", Static).update(Content(message))
        self._arrange(replace(self._layout, width=width, height=height))
        self.call_after_refresh(self._show_lines)

    def show(self, frame: Frame, transport: Transport | None, asked: str | None) -> None:
        """Shows a frame; panes whose part did not change repaint nothing.

        In a storm of events the left and the right half take turns. What Textual does for a frame grows with the
        rectangle around all that changed, so that two halves cost less than twice the whole.
        """
        self._frame, self._transport, self._asked = frame, transport, asked
        self._left_next = not self._left_next
        if self._left_next or not frame.storm:
            self._show_timeline()
        if not self._left_next or not frame.storm:
            self._show_rest()

    def _show_timeline(self) -> None:
        loop = self.query_one(LoopPane)
        loop.set_empty(*self._empty_loop())
        loop.show(self._frame.loop)
        self.query_one(WaterfallPane).show(self._frame.bars, self._frame.wish.bars)
        self.query_one(LogPane).show(self._frame.log)
        self.query_one(InspectorPane).show(self._frame.inspection)

    def _show_rest(self) -> None:
        self._choose_bottom()
        self._show_lines()
        self.query_one(LossesPane).show(self._frame.metrics)
        self.query_one(HooksPane).show(self._frame.stats)
        self.query_one(OutputPane).show(self._frame.output)
        self.query_one(PausedPane).show(self._frame.gate.sight)

    @property
    def layout_chosen(self) -> Layout:
        """What the user has chosen to see."""
        return self._layout

    @property
    def narrow(self) -> bool:
        """Whether there is room for one pane only."""
        return self._layout.narrow

    @property
    def selected_action(self) -> int:
        """Number of the action that the user points at; -1 if it is none."""
        focused = self.focused
        pane = focused if isinstance(focused, RowsPane) else self.query_one(LoopPane)
        return pane.selected_action

    @property
    def log_has_keys(self) -> bool:
        """Whether the keys that go somewhere concern the log."""
        return self._layout.pane == "log"

    @property
    def run_name(self) -> str:
        """The run's."""
        return self._run_name

    def show_call(self, row: int) -> None:
        """Shows a call in the log, whose filter goes if it leaves the call out."""
        pane = self.query_one(LogPane)
        if not pane.has_row(row):
            self._ask(replace(self._wish, log_filter=LogFilter()))
        self._go(self._layout.going_to("log"))
        pane.go_to_row(row)

    def go_in_log(self, text: str) -> None:
        """Moves the log's cursor to a place.

        Raises:
            HooktraceError: `text` names no place, or none that the log shows.
        """
        self.query_one(LogPane).go_to(parse_target(text))

    def step_in_log(self, forward: bool) -> str | None:
        """Moves the log's cursor to the next or the previous call of its hook; returns why not if there is none."""
        return self.query_one(LogPane).step(forward)

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
        past = transport is not None and not transport.live
        self.set_class(past, "past")
        held: Where = "gate" if self._mode == "live" and not self._frame.ended else "session"
        keys = actions_for("transport" if past else held, "session")
        if self._listed:
            keys = tuple(action for action in (*keys, *actions_for("listed")) if action.id != "leave")
        self.query_one("#footer", LineView).show(footer_line(keys, width))
        if transport is not None:
            self.query_one(TransportBar).show(transport)

    def _show_progress(self, view: LineView) -> None:
        if not view.display:
            return
        lines = progress_lines(self._frame.progress, max(40, view.size.width or self.size.width - 2), self._frame.state)
        view.styles.height = len(lines) + (0 if self.narrow else 2)
        view.show(*lines)

    def _tabs(self, width: int) -> Line:
        cells: list[Cell] = [(" ", "")]
        for name in self._layout.panes:
            cells += [(f" {PANES[name].title} ", "tab" if name == self._layout.pane else "dim"), (" ", "")]
        return tuple(cells)

    def _empty_loop(self) -> tuple[Line, ...]:
        width = max(10, self.query_one(LoopPane).size.width)
        if self._frame.state != STARTING:
            return ((("nothing was called yet", "dim"),),)
        tail = self._frame.output[-8:] if self.narrow else ()  # a wide screen has them in their own pane
        return ((STARTING_TEXT, "bold"),), (), *(((fit(line, width), "dim"),) for line in tail)

    def _choose_bottom(self) -> None:
        """Shows the output while there is nothing else yet, unless the user chose; and a paused training."""
        layout = self._layout.pause(self._frame.gate.paused and not self._frame.ended)
        if not self._bottom_chosen and layout.usual is None:
            early = not self._frame.stats and bool(self._frame.output)
            layout = replace(layout, bottom="output" if early else "hooks")
        lost = layout.pane != self._layout.pane
        self._arrange(layout)
        if lost:  # the pane that had the keys is gone
            self.query_one(f"#{PANES[layout.pane].focus}").focus()

    def _arrange(self, layout: Layout) -> None:
        """Makes the panes of a layout visible."""
        if layout == self._layout:
            return
        self._layout = layout
        for name, there in layout.classes().items():
            self.set_class(there, name)
        self.query_one(WaterfallPane).set_compact(layout.waterfall_below)

    def _go(self, layout: Layout) -> None:
        """Makes a layout visible and gives the keys to its pane."""
        self._bottom_chosen |= layout.bottom != self._layout.bottom
        self._arrange(layout)
        self._show_lines()
        target = self.query_one(f"#{PANES[layout.pane].focus}")
        self.call_after_refresh(target.focus)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A pane that was clicked is the current one."""
        for node in event.widget.ancestors_with_self:
            if node.id in PANES and node.id != self._layout.pane:
                self._arrange(replace(self._layout, pane=node.id))

    def on_rows_pane_selected(self, message: RowsPane.Selected) -> None:
        """The user points at another hook."""
        self._ask(replace(self._wish, action=message.action, row=message.row))

    def on_waterfall_pane_asked(self, message: WaterfallPane.Asked) -> None:
        """The user wants other bars."""
        self._ask(replace(self._wish, bars=message.wish))

    def _ask(self, wish: Wish) -> None:
        if wish != self._wish:
            self._wish = wish
            self.post_message(self.Wished(wish))

    async def action_to_runs(self) -> None:
        """Leaves, if there is a list of runs to go back to."""
        if self._listed:
            await self.run_action("app.leave")

    def action_next_pane(self) -> None:
        """The next pane."""
        self._go(self._layout.step(1))

    def action_previous_pane(self) -> None:
        """The pane before."""
        self._go(self._layout.step(-1))

    def action_view(self) -> None:
        """The next view of the timeline."""
        self._go(self._layout.next_view())

    def action_inspector(self) -> None:
        """The inspector, or not."""
        self._go(self._layout.turn_inspector())

    def action_output(self) -> None:
        """The output in place of the slowest hooks, or back."""
        self._go(self._layout.turn_output())

    def action_follow(self) -> None:
        """Keeps the open hook in sight again."""
        (self.query_one(LogPane) if self._layout.view == "log" else self.query_one(LoopPane)).set_follow(True)

    def action_filter(self) -> None:
        """Asks which calls the log is to show."""
        self.app.push_screen(FilterScreen(self._wish.log_filter, tuple(self._filters)), self._filter_log)

    def _filter_log(self, query: LogFilter | None) -> None:
        if query is None:
            return
        if query.text:
            self._filters = [text for text in self._filters if text != query.text] + [query.text]
        self._ask(replace(self._wish, log_filter=query))
        self._go(self._layout.going_to("log"))

    def action_save(self) -> None:
        """Asks where to export what is shown."""
        saving = saving_of(self._layout.pane, self._frame)
        if saving is None:
            self.app.notify("there is nothing to export yet", markup=False)
            return
        self.app.push_screen(SaveScreen(saving, Path.cwd(), self._run_name), self._say_saved)

    def _say_saved(self, text: str | None) -> None:
        if text is not None:
            self.app.notify(text, markup=False)

    def action_metric(self) -> None:
        """Asks which metrics to plot."""
        pane = self.query_one(LossesPane)
        self._go(self._layout.going_to("losses"))
        self.app.push_screen(MetricsScreen(pane.metrics, pane.shown, pane.choose))

    def action_log_y(self) -> None:
        """Logarithmic or linear."""
        self.query_one(LossesPane).turn_log()

    def action_smooth(self) -> None:
        """More smoothing, or none again."""
        self.query_one(LossesPane).next_smoothing()
