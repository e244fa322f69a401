"""The log: every call in order. It stays at the newest until the user goes up."""

from textual import events
from textual.content import Content

from tui.jump import next_call, position_of
from tui.log import LogView, columns_of, log_header, log_line
from tui.seek import Target
from tui.text import Line, count_text
from tui.widgets.rows import RowsPane


class LogPane(RowsPane):
    """Shows a `LogView`. The cursor is on a call, wherever that comes to be while a filter fills in."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.follow = True
        self._view = LogView()
        self._row = -1  # of the call that the user has put the cursor on
        self._told = (-1, -1)  # what was said to be selected
        self._bar = range(0)  # visible rows beside which the scroll bar is
        self._title = ""

    @property
    def head_rows(self) -> int:
        """The header of the columns."""
        return 1

    @property
    def view(self) -> LogView:
        """What is shown."""
        return self._view

    def show(self, view: LogView) -> None:
        """Shows the log as it is now; keeps the cursor on its call, or on the next one that is shown."""
        filtered = view.query != self._view.query
        self._view = view
        below = self.cursor - self.first
        if self.follow:
            self._go_to_end()
        elif len(view):
            self.cursor = min(view.rows.position(self._row), len(view) - 1)
            self.first = max(0, self.cursor - (self.page // 2 if filtered else below))
            self.keep_in_sight(self.cursor)
            self._tell_if_changed()
        self._say_position()
        if self.is_on_screen:
            self._say_title()
            self.repaint()

    def on_show(self) -> None:
        """Paints what came while it was hidden."""
        self._say_title()
        self.repaint()

    def set_follow(self, follow: bool) -> None:
        """Whether the newest call is kept in sight."""
        if follow == self.follow:
            return
        self.follow = follow
        if follow:
            self._go_to_end()
            self.repaint()
            self.tell_selected()
        self._say_position()

    def go_to(self, target: Target) -> None:
        """Moves the cursor to a place.

        Raises:
            NotFoundError: there is none such in the log.
        """
        self._jump(position_of(self._view, target, self.cursor))

    def has_row(self, row: int) -> bool:
        """Whether a row of the trace is shown."""
        position = self._view.rows.position(row)
        return position < len(self._view) and self._view.rows.row(position) == row

    def go_to_row(self, row: int) -> None:
        """Moves the cursor to a row of the trace, at once or when the filter lets it through."""
        self.set_follow(False)
        self._row = row
        if self.has_row(row):
            self._jump(self._view.rows.position(row))

    def step(self, forward: bool) -> str | None:
        """Moves the cursor to the next or the previous call of the selected hook.

        Returns:
            None, or why there is none.
        """
        action = self.selected_action
        if self._view.trace is None or action < 0:
            return "the log shows no call"
        found = next_call(self._view, self.cursor, [action], forward)
        if found is None:
            label = self._view.trace.actions[action].label
            among = ", as far as the filter shows" if self._view.query.terms else ""
            return f"{label} is not called again so far{among}" if forward else f"{label} was not called before{among}"
        self._jump(found)
        return None

    def repaint(self) -> None:
        """Works out where the scroll bar is, then the visible lines."""
        count, page = len(self._view), self.page
        height = max(1, page * page // count) if count > page else 0
        top = self.first * (page - height) // (count - page) if height else 0
        self._bar = range(top, top + height)
        super().repaint()

    def row_count(self) -> int:
        """Calls that are shown."""
        return len(self._view)

    def row_line(self, index: int, width: int) -> Line:
        """One call, and beside it a piece of the scroll bar."""
        line = log_line(self._view, index, columns_of(self._view, width - 1))
        return (*line, ("┃", "head") if index - self.first in self._bar else (" ", ""))

    def row_role(self, index: int) -> str:
        """The cursor, once the user has moved it."""
        if index != self.cursor or self.follow:
            return ""
        return "cursor" if self.has_focus else "cursor-dim"

    def head_lines(self, width: int) -> tuple[Line, ...]:
        """What the columns are."""
        return ((*log_header(columns_of(self._view, width - 1)), (" ", "")),)

    @property
    def selected_action(self) -> int:
        """Number of the action that is called in the selected row; -1 if there is none."""
        return self._view.action(self.cursor)

    @property
    def selected_row(self) -> int:
        """The selected row; -1 if there is none."""
        return self._view.rows.row(self.cursor) if self.cursor < len(self._view) else -1

    def tell_selected(self) -> None:
        """Posts what the user points at: while the pane follows, whatever is open."""
        self._told = (-1, -1) if self.follow else (self.selected_action, self.selected_row)
        self.post_message(self.Selected(self, *self._told))

    def _tell_if_changed(self) -> None:
        """Says so if a filter, or a replay that went back, has put another call under the cursor."""
        if self.has_focus and self._told[1] != self.selected_row:
            self.tell_selected()

    def action_select(self, index: int) -> None:
        """Moves the cursor; the pane stays there from now on, unless it follows and there is nowhere to go."""
        if not self.follow or index < len(self._view) - 1:
            self._select(index)

    def action_bottom(self) -> None:
        """The newest call, and all that come after it."""
        self.set_follow(True)

    def on_click(self, event: events.Click) -> None:
        """Selects the row that was clicked; on the scroll bar, the part of the log that lies there."""
        offset = event.get_content_offset(self)
        if offset is None or offset.x < self.size.width - 1:
            super().on_click(event)
        elif offset.y >= self.head_rows and len(self._view):
            self.action_select((offset.y - self.head_rows) * (len(self._view) - 1) // max(1, self.page - 1))

    def _select(self, position: int) -> None:
        self.set_follow(False)
        self.move_to(position)
        self._row = self.selected_row
        self.tell_selected()

    def _jump(self, position: int) -> None:
        """Selects a row that may be far away: then with some of what was called before it in sight."""
        if not self.first <= position < self.first + self.page:
            self.first = max(0, position - self.page // 3)
        self._select(position)

    def _go_to_end(self) -> None:
        self.cursor = max(0, len(self._view) - 1)
        self._row = self.selected_row
        self.first = max(0, len(self._view) - self.page)

    def _say_title(self) -> None:
        """Names the filter and what it found. (Setting a title repaints the border: only when it changed.)"""
        title = self._view.title
        if title != self._title:
            self._title = title
            self.border_title = Content(title)
        self.set_empty(((self._nothing(), "dim"),))

    def _nothing(self) -> str:
        if not self._view.query.terms:
            return "nothing was called yet"
        return "searching…" if self._view.searching else "no call meets the filter: / changes it"

    def _say_position(self) -> None:
        """Where in the log it is."""
        count = len(self._view)
        position = "following · ↑ stays" if self.follow else f"{self.cursor + 1:,} of {count_text(count)} · f follows"
        if self.border_subtitle != position:
            self.border_subtitle = position
