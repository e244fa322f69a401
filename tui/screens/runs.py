"""The list of runs, and the dialog that asks before one is deleted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from tracer.run.listing import Listed
from tracer.run.text import plain_text
from tui.actions import actions_for, binding_action, of_every_screen
from tui.deleting import Removal
from tui.header import footer_line
from tui.runs import ListWish
from tui.text import fit
from tui.widgets.lines import LineView
from tui.widgets.runs import RunsPane

_KEYS: Final = (*actions_for("runs"), *(action for action in of_every_screen() if action.id == "help"))
_NOTHING: Final = "no runs here yet: `hooktrace train` records one, `hooktrace run SCRIPT` records a program of yours"


class RunsScreen(Screen[None]):
    """The runs below a directory."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, binding_action(action), action.label, show=False, tooltip=action.tooltip, id=action.id)
        for action in (*actions_for("runs"), *of_every_screen())
    ]

    class Opened(Message):
        """A run is to be shown: "watch", "replay" or "explain"."""

        def __init__(self, path: Path, how: str) -> None:
            super().__init__()
            self.path = path
            self.how = how

    def __init__(self, place: str, wish: ListWish, at: Path | None) -> None:
        """
        Args:
            place: the directory in words.
            wish: what to show at first.
            at: the run on which the cursor is to be.
        """
        super().__init__(name="runs")
        self._place = place
        self._at = at
        self._runs: Sequence[Listed] = ()
        self.wish = wish
        """What is shown."""

    def compose(self) -> ComposeResult:
        """A line on where they are, the runs, a line to type in, the keys."""
        yield LineView(id="header")
        yield RunsPane(self.wish, self._at, id="runs")
        yield Input(self.wish.words, placeholder="words in the name, the model or the state", id="words")
        yield LineView(id="footer")

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one(RunsPane).focus()
        self.query_one("#words").display = bool(self.wish.words)
        self.query_one(RunsPane).set_empty((("reading…", "dim"),))

    def on_resize(self) -> None:
        """Fits the lines to the width."""
        self._show_lines()

    def show(self, runs: Sequence[Listed]) -> None:
        """Shows the runs there are now."""
        self._runs = runs
        pane = self.query_one(RunsPane)
        pane.set_empty(((_NOTHING if not runs else "no run is called that: esc shows all again", "dim"),))
        pane.show(runs, self.wish)
        self._show_lines()

    def _show_lines(self) -> None:
        width = self.size.width
        alive = sum(run.state == "running" for run in self._runs)
        said = f" hooktrace · {self._place}" + (f" · {alive} running" if alive else "")
        self.query_one("#header", LineView).show(((fit(said, width), "bold"),))
        self.query_one("#footer", LineView).show(footer_line(_KEYS, width))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrows the list."""
        self._want(replace(self.wish, words=event.value))

    def on_input_submitted(self) -> None:
        """Back to the list."""
        self.query_one("#words").display = bool(self.wish.words)
        self.query_one(RunsPane).focus()

    def _want(self, wish: ListWish) -> None:
        self.wish = wish
        self.show(self._runs)

    def on_runs_pane_chosen(self) -> None:
        """Opens the selected run."""
        self._open("watch")

    def action_runs_open(self) -> None:
        """Shows the selected run as it is now."""
        self._open("watch")

    def action_runs_replay(self) -> None:
        """Shows it from its start, under a clock."""
        self._open("replay")

    def action_runs_explain(self) -> None:
        """Shows its loop as pseudo-code."""
        self._open("explain")

    def _open(self, how: str) -> None:
        run = self.query_one(RunsPane).selected
        if run is not None:
            self.post_message(self.Opened(run.path, how))

    def action_runs_filter(self) -> None:
        """Asks for words."""
        line = self.query_one("#words")
        line.display = True
        line.focus()

    def action_runs_sort(self) -> None:
        """By the next column."""
        self._want(self.wish.next_sort())

    def action_runs_turn(self) -> None:
        """The other way round."""
        self._want(replace(self.wish, turned=not self.wish.turned))

    def action_runs_leave(self) -> None:
        """Takes away the filter, or leaves."""
        line = self.query_one("#words", Input)
        if line.has_focus or self.wish.words:
            line.value = ""
            line.display = False
            self.query_one(RunsPane).focus()
        else:
            self.app.exit()


class DeleteDialog(ModalScreen[bool | None]):
    """Asks whether a run is to be deleted, and says what goes with it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "delete it"),
        Binding("n,escape,q,ctrl+c", "answer(False)", "keep it"),
    ]

    def __init__(self, removal: Removal) -> None:
        super().__init__()
        self._removal = removal

    def compose(self) -> ComposeResult:
        """What goes, and the two keys."""
        removal = self._removal
        with Vertical() as box:
            box.border_title = "delete this run?"
            parts: list[str | tuple[str, str]] = [
                (f"{plain_text(str(removal.path), 400)}\n", "bold"),
                f"{removal.files:,} files, {removal.size / 1e6:,.1f} MB\n",
            ]
            if removal.others:
                names = ", ".join(plain_text(name, 40) for name in removal.others[:6])
                more = f" and {len(removal.others) - 6} more" if len(removal.others) > 6 else ""
                parts += [f"with them what else lies there: {names}{more}\n"]
            parts += [("\n  y  ", "bold $primary"), "    delete it for good\n"]
            parts += [(" esc ", "bold $primary"), "    keep it"]
            yield Static(Content.assemble(*parts))

    def action_answer(self, delete: bool) -> None:
        """Closes with the answer."""
        self.dismiss(delete)
