"""The list of runs: the cursor stays on its run, wherever that comes to be."""

from collections.abc import Sequence
from pathlib import Path

from textual.message import Message

from tracer.run.listing import Listed
from tui.runs import ListWish, chosen_runs, run_line, runs_header
from tui.text import Line
from tui.widgets.rows import RowsPane


class RunsPane(RowsPane):
    """Shows the runs of a directory."""

    class Chosen(Message):
        """The selected run is to be opened."""

    def __init__(self, wish: ListWish, at: Path | None, *, id: str) -> None:
        """
        Args:
            wish: what to show.
            at: the run on which the cursor is to be.
            id: the widget's.
        """
        super().__init__(id=id)
        self.wish = wish
        self._at = at
        self._all: Sequence[Listed] = ()
        self._runs: tuple[Listed, ...] = ()

    @property
    def head_rows(self) -> int:
        """The header of the columns."""
        return 1

    @property
    def selected(self) -> Listed | None:
        """The run that the user points at."""
        return self._runs[self.cursor] if self.cursor < len(self._runs) else None

    def show(self, runs: Sequence[Listed], wish: ListWish) -> None:
        """Shows what is wanted of these runs."""
        self._all, self.wish = runs, wish
        self._runs = chosen_runs(runs, wish)
        at = next((index for index, run in enumerate(self._runs) if run.path == self._at), self.cursor)
        count = f"{len(self._runs)} of {len(runs)}" if wish.words else str(len(runs))
        self.border_title = f"runs · {count}"
        self.move_to(at)

    def move_to(self, index: int) -> None:
        """Puts the cursor on a run."""
        super().move_to(index)
        self._at = self.selected.path if self.selected is not None else self._at

    def row_count(self) -> int:
        """Runs that are shown."""
        return len(self._runs)

    def row_line(self, index: int, width: int) -> Line:
        """One run."""
        return run_line(self._runs[index], "", width)

    def row_role(self, index: int) -> str:
        """The cursor."""
        return "" if index != self.cursor else "cursor" if self.has_focus else "cursor-dim"

    def action_fold(self) -> None:
        """What enter does in a pane of rows: here it opens the run."""
        self.post_message(self.Chosen())

    def head_lines(self, width: int) -> tuple[Line, ...]:
        """What the columns are."""
        return (runs_header(width, self.wish),)
