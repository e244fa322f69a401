"""Widgets that paint lines made by plain functions: the base of all panes but the plot.

Textual's own tables and logs repaint everything when anything changes. These paint the visible rows alone, once for
each update that really changed something.
"""

from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.palette import styles
from tui.text import Line


@lru_cache(maxsize=512)
def _style(role: str, dark: bool) -> Style:
    return Style.parse(text) if (text := styles(dark)[role]) else Style.null()


def to_strip(line: Line, width: int, base: Style, row: str = "", dark: bool = True) -> Strip:
    """A line as Textual paints it.

    Args:
        line: the cells.
        width: cells to fill; what is longer is cut, what is shorter padded.
        base: the widget's own colours.
        row: a role whose background holds for the whole row.
        dark: whether the theme is.
    """
    under = base + _style(row, dark) if row else base
    segments = [
        Segment("".join(text for text, _ in cells), under + _style(role, dark))
        for role, cells in groupby(line, key=itemgetter(1))
    ]
    return Strip(segments).adjust_cell_length(width, under)


def _regions(rows: list[int], width: int) -> list[Region]:
    """Whole lines as regions, neighbours in one: each region costs, however small."""
    regions: list[Region] = []
    for y in rows:
        last = regions[-1] if regions else None
        if last is not None and last.bottom == y:
            regions[-1] = last.grow((0, 0, 1, 0))
        else:
            regions.append(Region(0, y, width, 1))
    return regions


class Lines(Widget):
    """Holds the lines that are visible and repaints those that changed."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._painted: list[tuple[Line, str]] = []
        self._base: Style | None = None

    def put(self, lines: list[tuple[Line, str]]) -> None:
        """Shows these lines, each with the role of its row; repaints where they differ from what is shown.

        Naming the regions matters: a refresh of the whole widget also renders its border and padding anew.
        """
        before, self._painted = self._painted, lines
        length = max(len(before), len(lines))
        changed = [y for y in range(length) if before[y : y + 1] != lines[y : y + 1]]
        if changed:
            self.refresh(*_regions(changed, self.size.width))

    @property
    def text(self) -> str:
        """What it shows, as plain text."""
        return "\n".join("".join(text for text, _ in line) for line, _ in self._painted)

    def notify_style_update(self) -> None:
        """Forgets the colours, which the focus or another theme changed."""
        super().notify_style_update()
        self._base = None

    def render_line(self, y: int) -> Strip:
        """One line."""
        if self._base is None:
            self._base = self.rich_style
        line, role = self._painted[y] if y < len(self._painted) else ((), "")
        return to_strip(line, self.size.width, self._base, role, self.app.current_theme.dark)


class LineView(Lines):
    """A few lines, given whole."""

    DEFAULT_CSS = "LineView { height: 1; }"

    def show(self, *lines: Line) -> None:
        """Shows these lines."""
        self.put([(line, "") for line in lines])
