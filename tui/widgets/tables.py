"""The slowest hooks and the program's own output."""

from tracer.analyze.stats import LiveHookStat
from tui.hooks import hooks_header, hooks_line
from tui.text import Line, fit
from tui.widgets.rows import RowsPane


class HooksPane(RowsPane):
    """Actions by self time, most first."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "slowest hooks · by self time"
        self._stats: tuple[LiveHookStat, ...] = ()

    @property
    def head_rows(self) -> int:
        """The header of the columns."""
        return 1

    def show(self, stats: tuple[LiveHookStat, ...]) -> None:
        """Shows these actions."""
        if stats is not self._stats:
            self._stats = stats
            self.move_to(self.cursor)

    def row_count(self) -> int:
        """Actions that are shown."""
        return len(self._stats)

    def row_line(self, index: int, width: int) -> Line:
        """One action."""
        return hooks_line(self._stats[index], width)

    def head_lines(self, width: int) -> tuple[Line, ...]:
        """What the columns are."""
        return (hooks_header(width),)

    @property
    def selected_action(self) -> int:
        """Number of the action in the selected row; -1 if there is none."""
        return self._stats[self.cursor].action.id if self.cursor < len(self._stats) else -1


class OutputPane(RowsPane):
    """What the program wrote to its terminal. It stays at the end until the user goes up."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "output"
        self._output: tuple[str, ...] = ()

    def show(self, output: tuple[str, ...]) -> None:
        """Shows these lines."""
        if output is not self._output:
            at_end = self.cursor >= len(self._output) - 1
            self._output = output
            self.move_to(len(output) - 1 if at_end else self.cursor)

    def row_count(self) -> int:
        """Lines that are kept."""
        return len(self._output)

    def row_line(self, index: int, width: int) -> Line:
        """One line."""
        return ((fit(self._output[index], width), ""),)
