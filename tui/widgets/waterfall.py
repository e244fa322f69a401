"""The last complete batch as bars over time."""

import numpy as np

from tui.text import Line
from tui.waterfall import BatchSpans, axis_line, longest, waterfall_line
from tui.widgets.rows import RowsPane


class WaterfallPane(RowsPane):
    """Shows `BatchSpans`: all of them, or, where they share the pane with the loop, the longest that fit."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "last batch"
        self.compact = False
        self._batch: BatchSpans | None = None
        self._rows = np.empty(0, np.int64)

    @property
    def head_rows(self) -> int:
        """The axis."""
        return 1

    def show(self, batch: BatchSpans | None) -> None:
        """Shows a batch; None while there is none."""
        if batch is self._batch:
            return
        self._batch = batch
        self._choose()

    def set_compact(self, compact: bool) -> None:
        """Whether only the longest spans are shown, without scrolling."""
        self.compact = compact
        self._choose()

    def row_count(self) -> int:
        """Spans that are shown."""
        return len(self._rows)

    def row_line(self, index: int, width: int) -> Line:
        """One span."""
        return waterfall_line(self._batch, int(self._rows[index]), width) if self._batch else ()

    def head_lines(self, width: int) -> tuple[Line, ...]:
        """The axis."""
        return (axis_line(self._batch, width),) if self._batch else ((),)

    @property
    def selected_action(self) -> int:
        """Number of the action in the selected row; -1 if there is none."""
        if self._batch is None or self.cursor >= len(self._rows):
            return -1
        return int(self._batch.action[self._rows[self.cursor]])

    def on_resize(self) -> None:
        """Chooses again what fits."""
        self._choose()

    def _choose(self) -> None:
        batch = self._batch
        if batch is None:
            self._rows = np.empty(0, np.int64)
            self.border_title = "last batch"
        else:
            self._rows = longest(batch, self.page) if self.compact else np.arange(len(batch))
            self.border_title = batch.title
        self.move_to(self.cursor)
        if batch is not None and len(self._rows) < len(batch):
            self.border_subtitle = f"the {len(self._rows)} longest of {len(batch)} · v shows all"
