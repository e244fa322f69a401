"""A pane of rows with a cursor: the loop, the waterfall, the slowest hooks and the output are made of it.

An update costs what is visible, however much there is: only rows in sight become text.
"""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.actions import actions_for
from tui.text import Line
from tui.widgets.lines import Lines


class RowsPane(Lines, can_focus=True):
    """Rows below fixed head lines. Subclasses say how many there are and what they look like."""

    DEFAULT_CSS = "RowsPane { border: round $panel; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, action.id, action.label, show=False, tooltip=action.tooltip, id=action.id)
        for action in actions_for("rows")
    ]

    class Selected(Message):
        """The user points at something else. `action` is its number, -1 for "whatever is open"; `row` is that of the
        span in the trace, -1 if it is no single call."""

        def __init__(self, pane: "RowsPane", action: int, row: int = -1) -> None:
            super().__init__()
            self.pane = pane
            self.action = action
            self.row = row

        @property
        def control(self) -> "RowsPane":
            """The pane."""
            return self.pane

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self.first = 0
        self._empty: tuple[Line, ...] = ()

    def row_count(self) -> int:
        """How many rows there are."""
        return 0

    def row_line(self, index: int, width: int) -> Line:
        """The row at `index`."""
        return ((" " * width, ""),)

    def row_role(self, index: int) -> str:
        """A role whose background a row gets; empty for none."""
        return "cursor" if index == self.cursor and self.has_focus else ""

    def head_lines(self, width: int) -> tuple[Line, ...]:
        """Lines that do not scroll, at most as many as `head_rows`."""
        return ()

    @property
    def head_rows(self) -> int:
        """How many lines do not scroll."""
        return 0

    @property
    def page(self) -> int:
        """How many rows are visible."""
        return max(1, self.size.height - self.head_rows)

    def set_empty(self, *lines: Line) -> None:
        """What to say while there are no rows."""
        if lines != self._empty:
            self._empty = lines
            self.repaint()

    def repaint(self) -> None:
        """Works out the visible lines anew and paints those that changed."""
        width, height = self.size
        count = self.row_count()
        if not width:
            return
        if not count:
            self.put([(line, "") for line in self._empty[:height]])
            return
        heads = [(line, "") for line in self.head_lines(width)]
        last = min(count, self.first + self.page)
        rows = [(self.row_line(index, width), self.row_role(index)) for index in range(self.first, last)]
        self.put([*heads, *rows])

    def move_to(self, index: int) -> None:
        """Puts the cursor on a row and the row into sight."""
        self.cursor = min(max(0, index), max(0, self.row_count() - 1))
        self.keep_in_sight(self.cursor)
        self.repaint()

    def keep_in_sight(self, index: int) -> None:
        """Scrolls as little as it takes to show a row."""
        lowest = max(0, self.row_count() - self.page)
        self.first = min(max(self.first, index - self.page + 1), index, lowest)
        self._say_position()

    def _say_position(self) -> None:
        count = self.row_count()
        last = min(count, self.first + self.page)
        position = f"{self.first + 1}-{last} of {count}" if count > self.page else ""
        if self.border_subtitle != position:
            self.border_subtitle = position

    def on_resize(self) -> None:
        """Keeps the cursor in sight."""
        self.keep_in_sight(self.cursor)
        self.repaint()

    def on_focus(self) -> None:
        """Lights the cursor."""
        self.repaint()

    def on_blur(self) -> None:
        """Takes the light off it."""
        self.repaint()

    def on_click(self, event: events.Click) -> None:
        """Selects the row that was clicked."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y >= self.head_rows and self.row_count():
            self.action_select(self.first + offset.y - self.head_rows)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.action_select(self.cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.action_select(self.cursor - 3)

    def action_select(self, index: int) -> None:
        """Moves the cursor because the user said so."""
        self.move_to(index)
        self.tell_selected()

    def tell_selected(self) -> None:
        """Posts what the user points at."""
        self.post_message(self.Selected(self, self.selected_action, self.selected_row))

    def action_cursor_up(self) -> None:
        """The row above."""
        self.action_select(self.cursor - 1)

    def action_cursor_down(self) -> None:
        """The row below."""
        self.action_select(self.cursor + 1)

    def action_page_up(self) -> None:
        """A page up."""
        self.action_select(self.cursor - self.page)

    def action_page_down(self) -> None:
        """A page down."""
        self.action_select(self.cursor + self.page)

    def action_top(self) -> None:
        """The first row."""
        self.action_select(0)

    def action_bottom(self) -> None:
        """The last row."""
        self.action_select(self.row_count() - 1)

    def action_fold(self) -> None:
        """Nothing, in panes whose rows contain nothing."""

    def action_fold_all(self) -> None:
        """Nothing, in panes whose rows contain nothing."""

    @property
    def selected_action(self) -> int:
        """Number of the action in the selected row; -1 if it has none."""
        return -1

    @property
    def selected_row(self) -> int:
        """Row in the trace of the span in the selected row; -1 if it is no single call."""
        return -1
