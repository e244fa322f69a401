"""The explained loop as a tree to fold and to go through, and panes of words beside it."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tracer.analyze.fold_lines import FoldedLine
from tui.actions import actions_for
from tui.explained import Row, explained_header, explained_line, shown_rows, tree_rows
from tui.text import Line
from tui.widgets.rows import RowsPane


class ExplainedPane(RowsPane):
    """Shows the folded loop of a run that may go on: what is selected and folded stays so."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, action.id, action.label, show=False, tooltip=action.tooltip, id=action.id)
        for action in actions_for("explained")
    ]

    class Chosen(Message):
        """The user wants to see the latest call of a line; `index` is the line's."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: Sequence[FoldedLine] = ()
        self._rows: tuple[Row, ...] = ()
        self._shown: tuple[Row, ...] = ()
        self._level: int | None = None
        self._turned: set[int] = set()  # keys of rows that are folded where their level is not, or the other way round
        self._say_level()

    @property
    def head_rows(self) -> int:
        """The header of the columns."""
        return 1

    @property
    def selected(self) -> Row | None:
        """The row that the user points at; None while there are none."""
        return self._shown[self.cursor] if self.cursor < len(self._shown) else None

    @property
    def deepest(self) -> int:
        """How many levels there are."""
        return max((row.line.depth + 1 for row in self._rows), default=1)

    def show(self, lines: Sequence[FoldedLine]) -> None:
        """Shows these lines."""
        if lines is not self._lines:
            selected, self._lines = self.selected, lines
            self._rows = tree_rows(lines)
            self._arrange(selected)

    def row_count(self) -> int:
        """Lines that are not folded away."""
        return len(self._shown)

    def row_line(self, index: int, width: int) -> Line:
        """One line."""
        row = self._shown[index]
        return explained_line(row, width, row.parent and self._is_folded(row))

    def row_role(self, index: int) -> str:
        """The cursor."""
        if index != self.cursor:
            return ""
        return "cursor" if self.has_focus else "cursor-dim"

    def head_lines(self, width: int) -> tuple[Line, ...]:
        """What the columns are."""
        return (explained_header(width),)

    def action_jump(self) -> None:
        """To the latest call of the selected line."""
        if self.selected is not None:
            self.post_message(self.Chosen(self.selected.index))

    def action_level_more(self) -> None:
        """One level more."""
        self._go_to_level((self._level or self.deepest) + 1)

    def action_level_less(self) -> None:
        """One level less."""
        self._go_to_level((self._level or self.deepest) - 1)

    def action_close_row(self) -> None:
        """Hides what is inside the selected line; of one with nothing inside, goes to the line around it."""
        row = self.selected
        if row is None:
            return
        if row.parent and not self._is_folded(row):
            self._turn(row)
            return
        above = (at for at in range(self.cursor - 1, -1, -1) if self._shown[at].line.depth < row.line.depth)
        self.action_select(next(above, self.cursor))

    def action_open_row(self) -> None:
        """Shows what is inside the selected line."""
        row = self.selected
        if row is not None and row.parent and self._is_folded(row):
            self._turn(row)

    def _turn(self, row: Row) -> None:
        self._turned ^= {row.key}
        self._arrange(row)

    def _go_to_level(self, level: int) -> None:
        self._level = None if level >= self.deepest else max(1, level)
        self._turned = set()
        self._arrange(self.selected)

    def _is_folded(self, row: Row) -> bool:
        below_level = self._level is not None and row.line.depth >= self._level - 1
        return below_level != (row.key in self._turned)

    def _arrange(self, selected: Row | None) -> None:
        """Works out the visible rows anew and puts the cursor back on its line, or on what now hides it."""
        self._shown = shown_rows(self._rows, {row.index for row in self._rows if row.parent and self._is_folded(row)})
        if selected is not None:
            here = next((row.index for row in self._rows if row.key == selected.key), selected.index)
            self.cursor = max((at for at, row in enumerate(self._shown) if row.index <= here), default=0)
        self._say_level()
        self.move_to(self.cursor)
        self.tell_selected()

    def _say_level(self) -> None:
        shown = "all levels" if self._level is None else f"{self._level} of {self.deepest} levels"
        title = f"the loop as it ran · {shown}"
        if self.border_title != title:
            self.border_title = title


class WordsPane(RowsPane):
    """Lines to read and to scroll through; there is nothing to choose in it."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = Content(title)
        self._of: object = None
        self._make: Callable[[int], tuple[Line, ...]] = lambda width: ()
        self._lines: tuple[Line, ...] = ()

    def show(self, of: object, make: Callable[[int], tuple[Line, ...]]) -> None:
        """Shows lines.

        Args:
            of: what they are made of; the same again changes nothing.
            make: makes them for a width.
        """
        if of != self._of:
            self._of, self._make = of, make
            self.first = self.cursor = 0
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

    def tell_selected(self) -> None:
        """Nothing: reading is no choice."""

    def on_resize(self) -> None:
        """Lays the lines out anew."""
        self._lay_out()

    def move_to(self, index: int) -> None:
        """Scrolls to a line."""
        self.first = self.cursor = min(max(0, index), max(0, self.row_count() - self.page))
        self._say_position()
        self.repaint()

    def _lay_out(self) -> None:
        self._lines = self._make(self.size.width) if self.size.width else ()
        self.move_to(self.first)

    def _say_position(self) -> None:
        below = self.row_count() - self.first - self.page
        said = f"↓ {below} more" if below > 0 else ""
        if self.border_subtitle != said:
            self.border_subtitle = said
