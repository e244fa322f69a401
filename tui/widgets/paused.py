"""What there is to see of a training that is paused."""

from tui.sight import Sight, sight_lines
from tui.text import Line
from tui.widgets.rows import RowsPane


class PausedPane(RowsPane):
    """Shows a `Sight`; each stop is shown from its top."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "paused"
        self._sight: Sight | None = None
        self._lines: tuple[Line, ...] = ()

    def show(self, sight: Sight | None) -> None:
        """Shows a stop; None keeps the last one until the next is there."""
        if sight is None or sight is self._sight:
            return
        self._sight = sight
        self.border_title = f"paused · stop {sight.stop}"
        self._arrange()
        self.move_to(0)

    def on_resize(self) -> None:
        """Fits the lines to the width."""
        self._arrange()
        super().on_resize()

    def row_count(self) -> int:
        """Lines about this stop."""
        return len(self._lines)

    def row_line(self, index: int, width: int) -> Line:
        """One line."""
        return self._lines[index]

    def row_role(self, index: int) -> str:
        """The cursor, as a mark for reading on."""
        return "cursor" if index == self.cursor and index and self.has_focus else ""

    def _arrange(self) -> None:
        self._lines = () if self._sight is None else sight_lines(self._sight, max(20, self.size.width))
