"""The explained run: the loop as it ran up to the moment that is shown, why it is so, and what deserves a look."""

from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen

from tracer.run.text import plain_text
from tui.actions import actions_for, binding_action, of_every_screen
from tui.explained import about_lines, finding_rows, findings_text, moment_text
from tui.frame import Frame
from tui.header import footer_line
from tui.layout import is_narrow
from tui.study import Explained, ExplainWish
from tui.text import Cell, Line, count_text, fit
from tui.widgets.explained import ExplainedPane, WordsPane
from tui.widgets.lines import LineView
from tui.widgets.rows import RowsPane

_KEYS: Final = (*actions_for("explained"), *of_every_screen(), *actions_for("explain"))


class ExplainScreen(Screen[int | None]):
    """Its result is the row of the call to show in the log; None for "back to where I was"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, binding_action(action), action.label, show=False, tooltip=action.tooltip, id=action.id)
        for action in (*actions_for("explain"), *of_every_screen())
    ]

    class Wanted(Message):
        """Another loop is wanted."""

        def __init__(self, wish: ExplainWish) -> None:
            super().__init__()
            self.wish = wish

    def __init__(self, name: str) -> None:
        """
        Args:
            name: the run's.
        """
        super().__init__(name="explain")
        self._run_name = name
        self._frame = Frame()
        self.wish = ExplainWish()
        """What is folded."""

    def compose(self) -> ComposeResult:
        """The loop, and beside or below it what is said about it."""
        yield LineView(id="header")
        with Horizontal(id="explain-body"):
            yield ExplainedPane(id="explained")
            with Vertical(id="explain-side"):
                yield WordsPane("why", id="about")
                yield WordsPane("findings", id="findings")
        yield LineView(id="footer")

    def on_mount(self) -> None:
        """The loop has the keys; what came while the panes were being made is shown."""
        self.query_one(ExplainedPane).focus()
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        """One pane at a time beside the words about the selected line, where there is little room."""
        self.set_class(is_narrow(*event.size), "narrow")
        self.call_after_refresh(self._show_lines)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Where there is little room the findings take the place of the loop while they have the keys."""
        self.set_class(event.widget.id == "findings", "on-findings")

    def show(self, frame: Frame) -> None:
        """Shows what is known by now; a poll can come before the panes are there."""
        self._frame = frame
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        frame = self._frame
        explained, studied = self._explained, frame.studied
        pane = self.query_one(ExplainedPane)
        pane.set_empty(self._waiting())
        pane.show(() if explained is None else explained.lines)
        words = self.query_one("#findings", WordsPane)
        found = studied.findings or ()
        words.border_title = findings_text(None if studied.findings is None else len(found), frame.over)
        words.show(found, lambda width: finding_rows(found, width))
        self.set_class(not found, "healthy")
        self._show_about()
        self._show_lines()

    def on_rows_pane_selected(self, message: RowsPane.Selected) -> None:
        """Says why the selected line is where it is."""
        message.stop()
        self._show_about()

    def on_explained_pane_chosen(self, message: ExplainedPane.Chosen) -> None:
        """Shows the latest call of a line in the log."""
        rows = () if self._explained is None else self._explained.rows
        row = rows[message.index] if message.index < len(rows) else -1
        if row >= 0:
            self.dismiss(row)
        else:
            self.app.notify("this line is no call: choose a hook inside it", markup=False)

    @property
    def _explained(self) -> Explained | None:
        """The loop, if it is the one that is wanted."""
        explained = self._frame.studied.explained
        return explained if explained is not None and explained.wish == self.wish else None

    def _waiting(self) -> Line:
        explained = self._explained
        if explained is not None and explained.error is not None:
            return ((f"cannot explain this run: {plain_text(explained.error)}", "bad"),)
        if explained is not None:
            return (("nothing was called yet", "dim"),)
        spans = self._frame.studied.folding
        return ((f"folding {count_text(spans)} calls…" if spans else "nothing was recorded yet", "dim"),)

    def _show_about(self) -> None:
        row, explained = self.query_one(ExplainedPane).selected, self._explained
        pane = self.query_one("#about", WordsPane)
        if row is None or explained is None:
            pane.border_title = "why"
            pane.show(None, lambda width: ())
            return
        line = row.line
        sentence = explained.whys[row.index]
        pane.border_title = f"why · {plain_text(line.text, 60)}" if sentence else plain_text(line.text, 60)
        pane.show(line, lambda width: about_lines(line, sentence, width))

    def _show_lines(self) -> None:
        width = self.size.width
        self.query_one("#header", LineView).show(self._header(width))
        self.query_one("#footer", LineView).show(footer_line(_KEYS, width))

    def _header(self, width: int) -> Line:
        frame, explained = self._frame, self._explained
        count = len(frame.studied.findings or ())
        found = f"! {findings_text(count, frame.over)}" if count else ""
        mark: Cell = ("◌ working…" if frame.studied.folding else found, "warn")
        if explained is not None and explained.error is None:
            whole = frame.over and frame.trace is not None and explained.spans == len(frame.trace) and frame.ended
            where = moment_text(explained.now_ns, explained.spans, whole)
        else:
            where = "explained"
        left = f" {plain_text(self._run_name, 60)} · {where}"
        room = max(0, width - cell_len(mark[0]) - 1)
        return ((fit(left, room), "bold"), mark, (" ", ""))

    def action_next_pane(self) -> None:
        """The next pane."""
        self._step(1)

    def action_previous_pane(self) -> None:
        """The pane before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        names = ["explained", "about", "findings"]
        here = names.index(self.focused.id or "") if self.focused is not None and self.focused.id in names else 0
        name = names[(here + by) % len(names)]
        self.set_class(name == "findings", "on-findings")
        self.call_after_refresh(self.query_one(f"#{name}").focus)

    def action_details(self) -> None:
        """Every detail, or no longer."""
        self._want(ExplainWish(not self.wish.details, self.wish.own))

    def action_own_only(self) -> None:
        """Only functions of the owners' own, or all."""
        self._want(ExplainWish(self.wish.details, not self.wish.own))

    def _want(self, wish: ExplainWish) -> None:
        self.wish = wish
        self.post_message(self.Wanted(wish))
        self.show(self._frame)

    def action_to_session(self) -> None:
        """Back to the session."""
        self.dismiss(None)
