"""The dialog that chooses which metrics are plotted: type to narrow, enter turns one on or off, at once."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tracer.run.metrics import Metrics
from tui.choices import Choice, choices


class MetricsScreen(ModalScreen[None]):
    """What is plotted changes with every choice, so that it can be seen behind the dialog."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "close", "close"),
        Binding("down", "move(1)", "down"),
        Binding("up", "move(-1)", "up"),
        Binding("pagedown", "move(10)", "page down"),
        Binding("pageup", "move(-10)", "page up"),
        Binding("ctrl+o", "only", "only this"),
        Binding("ctrl+r", "reset", "as at first"),
    ]

    def __init__(
        self, metrics: Metrics, chosen: frozenset[str], choose: Callable[[frozenset[str]], frozenset[str]]
    ) -> None:
        """
        Args:
            metrics: what there is to choose from.
            chosen: what is plotted.
            choose: plots metrics, or the usual ones if there are none; returns what is plotted then.
        """
        super().__init__()
        self._metrics = metrics
        self._chosen = chosen
        self._choose = choose
        self._choices: tuple[Choice, ...] = ()

    def compose(self) -> ComposeResult:
        """One line to type in, the list, one line of keys."""
        with Vertical() as box:
            box.border_title = "metrics"
            box.border_subtitle = "enter on/off  ctrl+o only this  ctrl+r reset  esc closes"
            yield Input(placeholder="type to narrow", id="narrow")
            yield OptionList(id="metrics", markup=False)

    def on_mount(self) -> None:
        """Shows everything."""
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrows the list."""
        self._fill(event.value)

    def _fill(self, typed: str) -> None:
        self._choices = choices(self._metrics, typed)
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(self._prompt(choice)) for choice in self._choices])
        if not self._choices:
            options.add_option(Option("no metric is called that" if typed else "no metrics yet", disabled=True))
        options.highlighted = 0 if self._choices else None

    def _prompt(self, choice: Choice) -> Content:
        style = "bold" if choice.heading else ""
        return Content.assemble((f"{choice.mark(self._chosen)} ", "$primary"), (choice.text, style))

    def on_input_submitted(self) -> None:
        """Turns the row on or off."""
        here = self.query_one(OptionList).highlighted
        if here is not None and self._choices:
            self._turn(self._choices[here])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The same by mouse."""
        if self._choices:
            self._turn(self._choices[event.option_index])

    def _turn(self, choice: Choice) -> None:
        self._plot(choice.turned(self._chosen))

    def _plot(self, names: frozenset[str]) -> None:
        self._chosen = self._choose(names)
        options = self.query_one(OptionList)
        for index, choice in enumerate(self._choices):
            options.replace_option_prompt_at_index(index, self._prompt(choice))

    def action_move(self, by: int) -> None:
        """Highlights another row."""
        options = self.query_one(OptionList)
        if self._choices:
            here = options.highlighted or 0
            options.highlighted = min(max(here + by, 0), len(self._choices) - 1)

    def action_only(self) -> None:
        """Plots this row alone."""
        here = self.query_one(OptionList).highlighted
        if here is not None and self._choices:
            self._plot(frozenset(self._choices[here].names))

    def action_reset(self) -> None:
        """Plots what is plotted without a choice."""
        self._plot(frozenset())

    def action_close(self) -> None:
        """Back to the session."""
        self.dismiss()
