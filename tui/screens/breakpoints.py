"""The dialog of breakpoints: those there are, and a line to type another one in."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tracer.errors import UsageError
from tracer.run.breakpoints import EXAMPLE, Breakpoint, parse_breakpoint
from tracer.run.events import Action
from tracer.run.page import MAX_BREAKPOINTS

_HINT = (
    "[OWNER.]HOOK, then conditions if any: stage=validate epoch=2 batch>=10 step%100\n"
    "Numbers are Lightning's, which begin at 0. → completes a name, enter adds,\n"
    "↓ goes to the list, delete removes the selected one, ctrl+x all of them."
)


class _Names(SuggestFromList):
    """Completes what was begun, and nothing else: an empty line shows what can be typed."""

    async def get_suggestion(self, value: str) -> str | None:
        return await super().get_suggestion(value) if value else None


class BreakpointScreen(ModalScreen[None]):
    """Changes the breakpoints one by one, and each change at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "close", "close"),
        Binding("down", "into_list", "list"),
        Binding("delete", "remove", "remove"),
        Binding("ctrl+x", "remove_all", "remove all", priority=True),
    ]

    def __init__(
        self,
        breakpoints: Sequence[Breakpoint],
        actions: Sequence[Action],
        selected: Action | None,
        change: Callable[[tuple[Breakpoint, ...]], None],
    ) -> None:
        """
        Args:
            breakpoints: those there are.
            actions: the recorded ones, for completion.
            selected: the one that the user points at; the line begins with it.
            change: is told what the breakpoints are to be.
        """
        super().__init__()
        self._breakpoints = tuple(breakpoints)
        hooks = sorted({action.hook for action in actions})
        owned = sorted({f"{action.owner}.{action.hook}" for action in actions if action.owner})
        self._suggester = _Names([*hooks, *owned], case_sensitive=True)
        self._first = "" if selected is None else selected.hook
        self._change = change

    def compose(self) -> ComposeResult:
        """The line, what can be typed, the list."""
        with Vertical() as box:
            box.border_title = "stop before a hook"
            yield Input(self._first, placeholder=EXAMPLE, suggester=self._suggester, id="breakpoint")
            yield Static(Content(_HINT), id="message")
            yield OptionList(id="breakpoints")

    def on_mount(self) -> None:
        """Shows those there are."""
        self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong may be right now."""
        self._say(_HINT, wrong=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Adds what was typed, or says what is wrong with it."""
        if not event.value.strip():
            self.dismiss()
            return
        try:
            made = parse_breakpoint(event.value)
        except UsageError as error:
            self._say(str(error), wrong=True)
            return
        if made not in self._breakpoints and len(self._breakpoints) >= MAX_BREAKPOINTS:
            self._say(f"there is room for {MAX_BREAKPOINTS}: remove one first", wrong=True)
            return
        self.query_one(Input).clear()
        self._become((*(one for one in self._breakpoints if one != made), made))

    def action_remove(self) -> None:
        """Removes the selected one."""
        index = self.query_one(OptionList).highlighted
        if index is not None and self.query_one(OptionList).has_focus:
            self._become(self._breakpoints[:index] + self._breakpoints[index + 1 :])

    def action_remove_all(self) -> None:
        """Removes all."""
        self._become(())

    def action_into_list(self) -> None:
        """From the line to the list."""
        if self._breakpoints:
            self.query_one(OptionList).focus()

    def _become(self, breakpoints: tuple[Breakpoint, ...]) -> None:
        self._breakpoints = breakpoints
        self._change(breakpoints)
        self._show()

    def _show(self) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(Content(str(one))) for one in self._breakpoints])
        options.display = bool(self._breakpoints)
        if self._breakpoints:
            options.highlighted = 0
        else:
            self.query_one(Input).focus()

    def _say(self, text: str, wrong: bool) -> None:
        message = self.query_one("#message", Static)
        message.update(Content(text))
        message.set_class(wrong, "wrong")

    def action_close(self) -> None:
        """Back to the session."""
        self.dismiss()
