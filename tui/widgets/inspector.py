"""The inspector: all about the selected hook, as lines to scroll through."""

from textual.content import Content

from tracer.run.text import plain_text
from tui.inspector import Inspection
from tui.inspector_lines import inspector_lines
from tui.palette import owner_look
from tui.text import Line
from tui.widgets.rows import RowsPane

_FACTS = 7
"""Lines above the sentence and the source."""


class InspectorPane(RowsPane):
    """Shows an `Inspection`. Its cursor is the first line in sight: there is nothing to choose in it."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "inspector"
        self._inspection: Inspection | None = None
        self._lines: tuple[Line, ...] = ()
        self.set_empty((("no hook is selected, and none is open", "dim"),))

    def show(self, inspection: Inspection | None) -> None:
        """Shows what there is to say about a hook."""
        if inspection is self._inspection:
            return
        before, self._inspection = self._inspection, inspection
        same = before is not None and inspection is not None and before.action == inspection.action
        if not same:
            self.cursor = self.first = 0
            self._say_which()
        self._lay_out()

    def row_count(self) -> int:
        """Lines that there are."""
        return len(self._lines)

    def row_line(self, index: int, width: int) -> Line:
        """One line."""
        return self._lines[index]

    def row_role(self, index: int) -> str:
        """No line is lit."""
        return ""

    @property
    def selected_action(self) -> int:
        """Number of the hook's action; -1 if there is none."""
        return -1 if self._inspection is None else self._inspection.action.id

    def tell_selected(self) -> None:
        """Nothing: whoever scrolls here still looks at the same hook."""

    def on_resize(self) -> None:
        """Lays the lines out anew."""
        self._lay_out()

    def move_to(self, index: int) -> None:
        """Scrolls to a line."""
        self.first = self.cursor = min(max(0, index), max(0, self.row_count() - self.page))
        self._say_position()
        self.repaint()

    def _lay_out(self) -> None:
        width = self.size.width
        self._lines = inspector_lines(self._inspection, width) if self._inspection and width else ()
        self.move_to(self.first)

    def _say_which(self) -> None:
        """The name in the title: text of the recording, so no markup."""
        if self._inspection is None:
            self.border_title = "inspector"
        else:
            action = self._inspection.action
            name = f"{owner_look(action.owner_kind).letter} {plain_text(action.label, 120)}"
            self.border_title = Content(name)

    def _below(self) -> str:
        """What comes below the facts, as long as nothing of it is in sight."""
        if self._inspection is None or self.first + self.page > _FACTS:
            return ""
        parts = (("why", self._inspection.why), ("source", self._inspection.source.lines))
        return ", ".join(name for name, there in parts if there)

    def _say_position(self) -> None:
        below = self.row_count() - self.first - self.page
        said = f"↓ {self._below() or f'{below} more'}" if below > 0 else ""
        if self._inspection is not None and self._inspection.figures.open:
            said = f"open now{' · ' if said else ''}{said}"
        self.border_subtitle = said
