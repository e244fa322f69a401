"""The dialog that asks which calls the log is to show: one line to type in, and all that can be typed."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tracer.errors import UsageError
from tui.filter import FORMS, LogFilter, parse_filter

_HINT = "enter shows these calls, an empty line all; ↑ ↓ earlier filters"


class FilterScreen(ModalScreen[LogFilter | None]):
    """Its result is the new filter; None for "as it was"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "close", "close"),
        Binding("up", "older", "earlier filter"),
        Binding("down", "newer", "later filter"),
    ]

    def __init__(self, current: LogFilter, earlier: tuple[str, ...]) -> None:
        """
        Args:
            current: the filter at hand.
            earlier: lines that were used, the latest last.
        """
        super().__init__()
        self._lines = (*(line for line in earlier if line != current.text), current.text)
        self._at = len(self._lines) - 1

    def compose(self) -> ComposeResult:
        """The line, what is wrong with it, the forms."""
        with Vertical() as box:
            box.border_title = "filter the log"
            yield Input(self._lines[-1], placeholder="on_train_batch_* owner:EarlyStopping >1ms", id="query")
            yield Static(Content(_HINT), id="message")
            yield Static(Content.assemble(*self._forms()), id="forms")

    def _forms(self) -> list[str | tuple[str, str]]:
        parts: list[str | tuple[str, str]] = ["\n"]
        for form, meaning in FORMS:
            parts += [(f"{form:<22}", "$primary"), f"{meaning}\n"]
        return [*parts, "A call must meet every word."]

    def on_input_changed(self, event: Input.Changed) -> None:
        """Says at once what is wrong."""
        self._parse(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Closes with the filter, if it is one."""
        query = self._parse(event.value)
        if query is not None:
            self.dismiss(query)

    def _parse(self, text: str) -> LogFilter | None:
        message = self.query_one("#message", Static)
        try:
            query = parse_filter(text)
        except UsageError as error:
            message.update(Content(str(error)))
            message.add_class("wrong")
            return None
        message.update(Content(_HINT))
        message.remove_class("wrong")
        return query

    def action_older(self) -> None:
        """The filter before this one."""
        self._recall(self._at - 1)

    def action_newer(self) -> None:
        """The filter after this one."""
        self._recall(self._at + 1)

    def _recall(self, at: int) -> None:
        self._at = min(max(0, at), len(self._lines) - 1)
        line = self.query_one(Input)
        line.value = self._lines[self._at]
        line.cursor_position = len(line.value)

    def action_close(self) -> None:
        """Back to the session, with the filter as it was."""
        self.dismiss()
