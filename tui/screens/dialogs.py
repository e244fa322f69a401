"""The dialogs: what to do with a training when the screen is left, all keys, and where a replay should go."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from tracer.errors import HooktraceError
from tui.actions import HEADINGS, actions_for
from tui.filter import FORMS as FILTER_FORMS
from tui.landmarks import Chapter, chapter_text
from tui.palette import OWNERS
from tui.seek import FORMS

Choice = Literal["stop", "leave", "interrupt"]


class QuitDialog(ModalScreen[Choice | None]):
    """Asks what is to become of a training that goes on. Its result is None for "go on watching"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "choose('stop')", "stop gracefully"),
        Binding("l", "choose('leave')", "leave it running"),
        Binding("i", "choose('interrupt')", "interrupt now"),
        Binding("escape,q,ctrl+c", "choose('')", "go on watching"),
    ]

    def __init__(self, has_child: bool, stopping: bool) -> None:
        """
        Args:
            has_child: whether the training was started from here, so that it can be interrupted.
            stopping: whether it was asked to stop already.
        """
        super().__init__()
        self._has_child = has_child
        self._stopping = stopping

    def compose(self) -> ComposeResult:
        """The choices, one a line, each with its key."""
        with Vertical() as box:
            box.border_title = "the training is still running"
            yield Static(Content.assemble(*self._lines()), id="choices")

    def _lines(self) -> list[str | tuple[str, str]]:
        stop = (
            "stopping already: it ends by itself"
            if self._stopping
            else "stop gracefully: finish this batch, then the\n         validation, the test and the checkpoint"
        )
        lines: list[str | tuple[str, str]] = [
            *(("  s  ", "bold $primary"), f"    {stop}\n\n"),
            *(("  l  ", "bold $primary"), "    leave it running: `hooktrace watch` shows it again\n\n"),
        ]
        if self._has_child:
            lines += [("  i  ", "bold $primary"), "    interrupt now, as Ctrl-C does\n\n"]
        return [*lines, (" esc ", "bold $primary"), "    go on watching"]

    def action_choose(self, choice: str) -> None:
        """Closes with a choice."""
        if choice == "interrupt" and not self._has_child:
            return
        self.dismiss(choice or None)  # type: ignore[arg-type]  # the bindings above name the choices


class HelpScreen(ModalScreen[None]):
    """All keys that do something here, from the one table of actions; and what the letters mean."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,ctrl+c", "close", "close")]

    def compose(self) -> ComposeResult:
        """One line a key, by place."""
        with VerticalScroll() as box:
            box.border_title = "keys"
            box.border_subtitle = "esc closes"
            yield Static(Content.assemble(*self._parts()), id="keys")

    def _parts(self) -> list[str | tuple[str, str]]:
        parts: list[str | tuple[str, str]] = []
        for where, heading in HEADINGS.items():
            parts += [(f"{heading}\n", "bold")]
            for action in actions_for(where):
                parts += [(f"  {action.display:<10}", "$primary"), f"{action.tooltip}\n"]
            parts += ["\n"]
        parts += [("In the filter of the log, words that a call must meet\n", "bold")]
        for form, meaning in FILTER_FORMS:
            parts += [(f"  {form:<23}", "$primary"), f"{meaning}\n"]
        parts += [("\nLetters\n", "bold")]
        for look in OWNERS.values():
            parts += [(f"  {look.letter:<10}", look.colour), f"{look.meaning}\n"]
        parts += ["  *         overridden: not what Lightning does by default\n"]
        parts += ["  ▲         slower than the same call usually is\n"]
        parts += ["  ‖         paused: no time passes for the loop\n"]
        return [*parts, "  ▶         open now: you are here\n\n", "ctrl+p opens the command palette."]

    def action_close(self) -> None:
        """Back to the session."""
        self.dismiss()


class GotoScreen(ModalScreen[None]):
    """Asks where to go: a chapter, or whatever can be typed. Stays until it has gone there or the user gives up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "close", "close"),
        Binding("down", "chapters", "chapters"),
    ]

    def __init__(self, go: Callable[[str], None], chapters: Sequence[Chapter] = ()) -> None:
        """
        Args:
            go: goes to what was typed; raises HooktraceError if there is no such place.
            chapters: to choose from.
        """
        super().__init__()
        self._go = go
        self._chapters = chapters

    def compose(self) -> ComposeResult:
        """One line to type in, one that explains, the chapters."""
        with Vertical() as box:
            box.border_title = "go to"
            yield Input(placeholder="1:23   e2   e2b100   on_validation_start", id="target")
            yield Static(Content(FORMS), id="message")
            if self._chapters:
                yield OptionList(*(Content(chapter_text(chapter)) for chapter in self._chapters), id="chapters")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Goes there, or says why not."""
        self._try(event.value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Goes to a chapter."""
        self._try(f"{self._chapters[event.option_index].time_ns / 1e9:.9f}")

    def _try(self, text: str) -> None:
        try:
            self._go(text)
        except HooktraceError as error:
            message = self.query_one("#message", Static)
            message.update(Content(str(error)))
            message.add_class("wrong")
        else:
            self.dismiss()

    def action_chapters(self) -> None:
        """Down from the line to the list."""
        if self._chapters:
            self.query_one(OptionList).focus()

    def action_close(self) -> None:
        """Back to the session."""
        self.dismiss()
