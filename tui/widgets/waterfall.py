"""A batch, an epoch or a validation as bars over time."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from textual.binding import Binding, BindingType
from textual.message import Message

from tracer.analyze.stretches import STRETCH_SCOPES, StretchScope
from tui.actions import actions_for
from tui.outline import Bars, BarsWish
from tui.text import Line, duration_text
from tui.waterfall import EMPTY, axis_line, bars_title, waterfall_line
from tui.widgets.rows import RowsPane
from tui.window import Rows, Run, Window, longest, rows_in

_CLOSER = 0.5
_STEP = 0.25
_NO_ROWS = Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_))


class WaterfallPane(RowsPane):
    """Shows `Bars`: those in a window in time, or, where they share the pane with the loop, the longest that fit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, action.id, action.label, show=False, tooltip=action.tooltip, id=action.id)
        for action in actions_for("waterfall")
    ]

    class Asked(Message):
        """The user wants other bars."""

        def __init__(self, wish: BarsWish) -> None:
            super().__init__()
            self.wish = wish

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.compact = False
        self.window = Window()
        self.grouped = True
        self._wish = BarsWish()
        self._bars: Bars | None = None
        self._rows = _NO_ROWS
        self._choose()

    @property
    def head_rows(self) -> int:
        """The axis."""
        return 1

    def show(self, bars: Bars | None, wish: BarsWish) -> None:
        """Shows a stretch, or that there is none of what was asked for.

        Args:
            bars: what there is.
            wish: what they are the answer to.
        """
        if bars is self._bars and bars is not None:
            return
        if bars is None or self._bars is None or bars.stretch.scope != self._bars.stretch.scope:
            self.window = Window()
        self._bars = bars
        if bars is None:
            self.set_empty(((EMPTY[wish.scope], "dim"),))
        self._choose()

    def set_compact(self, compact: bool) -> None:
        """Whether only the longest spans are shown, without scrolling."""
        self.compact = compact
        self._choose()

    def row_count(self) -> int:
        """Bars that are shown."""
        return len(self._rows)

    def row_line(self, index: int, width: int) -> Line:
        """One bar."""
        return waterfall_line(self._bars, self._rows, index, self.window, width) if self._bars else ()

    def head_lines(self, width: int) -> tuple[Line, ...]:
        """The axis."""
        return (axis_line(self._bars, self.window, width),) if self._bars else ((),)

    @property
    def selected_action(self) -> int:
        """Number of the action in the selected row; -1 if there is none."""
        run = self._selected()
        return -1 if run is None or run.is_parts or self._bars is None else int(self._bars.action[run.first])

    @property
    def selected_row(self) -> int:
        """Row in the trace of the span in the selected row; -1 if it is none."""
        run = self._selected()
        return -1 if run is None or run.is_parts or self._bars is None else int(self._bars.row[run.first])

    def on_resize(self) -> None:
        """Chooses again what fits."""
        self._choose()

    def action_scope(self) -> None:
        """The next kind of stretch: a batch, an epoch, a validation."""
        following = (STRETCH_SCOPES.index(self._wish.scope) + 1) % len(STRETCH_SCOPES)
        self._ask(replace(self._wish, scope=STRETCH_SCOPES[following]))

    def action_pin(self) -> None:
        """Holds what is shown, or follows the latest again."""
        held = self._wish.pin_ns is None and self._bars is not None
        self._ask(replace(self._wish, pin_ns=self._bars.began_ns if held and self._bars else None))

    def action_compare(self) -> None:
        """What the spans usually take, or no longer."""
        self._ask(replace(self._wish, compare=not self._wish.compare))

    def action_bars_in(self) -> None:
        """Half of what is shown, around the selected row."""
        self._look_at(self.window.zoomed(_CLOSER, self._centre()))

    def action_bars_out(self) -> None:
        """Twice as much."""
        self._look_at(self.window.zoomed(1 / _CLOSER, self._centre()))

    def action_bars_whole(self) -> None:
        """All of it."""
        self._look_at(Window())

    def action_bars_left(self) -> None:
        """What was before."""
        self._look_at(self.window.moved(-_STEP))

    def action_bars_right(self) -> None:
        """What comes after."""
        self._look_at(self.window.moved(_STEP))

    def action_fold(self) -> None:
        """Looks at the selected bar alone; a batch and a validation open as what they are."""
        run = self._selected()
        if run is None or self._bars is None:
            return
        if run.is_parts and run.single:
            scope: StretchScope = "validation" if self._bars.parts.batches[run.first] else "batch"
            self._ask(replace(self._wish, scope=scope, pin_ns=int(self._bars.parts.at_ns[run.first])))
        else:
            self._look_at(self.window.around(*self._extent(run)))

    def action_fold_all(self) -> None:
        """Callbacks that are asked for the same hook as one row, or each on its own."""
        self.grouped = not self.grouped
        self._look_at(self.window)

    def _ask(self, wish: BarsWish) -> None:
        self._wish = wish
        self.post_message(self.Asked(wish))

    def _look_at(self, window: Window) -> None:
        run = self._selected()
        self.window = window
        self._choose()
        if run is not None:
            again = (self._rows.is_parts == run.is_parts) & (self._rows.first <= run.first)
            again &= self._rows.behind > run.first
            self.move_to(int(np.flatnonzero(again)[0]) if again.any() else self.cursor)

    def _centre(self) -> float:
        """The middle of the selected bar if it is in sight, else of the window, as a share of the length."""
        run = self._selected()
        first, last = self._extent(run) if run is not None else (0.0, 1.0)
        first, last = max(first, self.window.first), min(last, self.window.last)
        return (first + last) / 2 if first <= last else (self.window.first + self.window.last) / 2

    def _extent(self, run: Run) -> tuple[float, float]:
        """From where to where a bar goes, as shares of the length."""
        if self._bars is None:
            return self.window.first, self.window.last
        times = self._bars.parts if run.is_parts else self._bars
        stop_ns = times.start_ns[run.behind - 1] + times.duration_ns[run.behind - 1]
        return float(times.start_ns[run.first] / self._bars.length_ns), float(stop_ns / self._bars.length_ns)

    def _selected(self) -> Run | None:
        return self._rows.of(self.cursor) if self.cursor < len(self._rows) else None

    def _choose(self) -> None:
        bars = self._bars
        self.border_title = f"waterfall · {self._wish.scope}" if bars is None else bars_title(bars)
        if bars is None:
            self._rows = _NO_ROWS
        elif self.compact and not len(bars.parts):
            self._rows = longest(bars, self.page)
        else:
            self._rows = rows_in(bars, self.window, self.page // 2, self.grouped)
        self.move_to(self.cursor)

    def _say_position(self) -> None:
        """Says what part of it is in sight."""
        bars, count = self._bars, len(self._rows)
        said = []
        if bars is not None and not self.window.is_whole:
            times = [duration_text(share * bars.length_ns) for share in (self.window.first, self.window.last)]
            said.append(f"{times[0]} to {times[1]} · 0 shows all")
        if bars is not None and bars.typical is not None and len(bars.parts):
            said.append("batches vs the median one here")
        if bars is not None and self.compact and count < len(bars):
            said.append(f"the {count} longest of {len(bars)} · v shows all")
        elif count > self.page:
            said.append(f"{self.first + 1}-{min(count, self.first + self.page)} of {count}")
        self.border_subtitle = " · ".join(said)
