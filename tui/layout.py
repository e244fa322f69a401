"""Which panes of the session are on the screen, as a value: what the user chose, and what a size has room for.

Three sizes: narrow (from 80x24) shows one pane at a time, with their names in a line of tabs; wide (from 110x32) shows
the timeline with the inspector on the left and progress, losses and a table on the right; tall (from 50 lines) has room
for the waterfall below the loop as well. The style sheet does the rest by the classes named here.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

View = Literal["loop", "waterfall", "log"]
Bottom = Literal["hooks", "output", "paused"]

LEAST_WIDTH, LEAST_HEIGHT = 80, 24
_WIDE, _HIGH, _TALL = 110, 32, 50
VIEWS: Final[tuple[View, ...]] = ("loop", "waterfall", "log")


class Pane(NamedTuple):
    """A pane: its name in the tabs, and the id of the widget that takes the keys."""

    title: str
    focus: str


PANES: Final = {
    "loop": Pane("loop", "loop"),
    "waterfall": Pane("waterfall", "waterfall"),
    "log": Pane("log", "log"),
    "inspector": Pane("inspector", "inspector"),
    "losses": Pane("losses", "losses-plot"),
    "hooks": Pane("slowest hooks", "hooks"),
    "output": Pane("output", "output"),
    "paused": Pane("paused", "paused"),
}
"""In the order in which tab goes through them."""
BOTTOMS: Final[tuple[Bottom, ...]] = ("hooks", "output", "paused")


def is_narrow(width: int, height: int) -> bool:
    """Whether a terminal of this size has room for one pane only."""
    return width < _WIDE or height < _HIGH


@dataclass(frozen=True)
class Layout:
    """What the user wants to see.

    Attributes:
        width, height: of the terminal.
        view: of the timeline.
        pane: the one that has the keys; the only visible one where there is room for no more.
        inspector: whether the inspector is shown beside others.
        bottom: what is shown in the lower right.
        usual: what was shown there before training was paused; None while it is not.
    """

    width: int = 0
    height: int = 0
    view: View = "loop"
    pane: str = "loop"
    inspector: bool = True
    bottom: Bottom = "hooks"
    usual: Bottom | None = None

    @property
    def too_small(self) -> bool:
        """Whether nothing sensible can be shown."""
        return self.width < LEAST_WIDTH or self.height < LEAST_HEIGHT

    @property
    def narrow(self) -> bool:
        """Whether there is room for one pane only."""
        return is_narrow(self.width, self.height)

    @property
    def panes(self) -> tuple[str, ...]:
        """The panes that can be gone to, in order: the visible ones, or all where one is visible at a time."""
        there = [name for name in PANES if name != "paused" or self.usual is not None]
        return tuple(name for name in there if self.narrow or self._shows(name))

    @property
    def waterfall_below(self) -> bool:
        """Whether the waterfall shares the timeline's place with the loop."""
        return not self.narrow and self.view == "loop" and (not self.inspector or self.height >= _TALL)

    def _shows(self, name: str) -> bool:
        if name == "waterfall" and self.waterfall_below:
            return True
        if name in VIEWS:
            return name == self.view
        if name in BOTTOMS:
            return name == self.bottom
        return name != "inspector" or self.inspector

    def classes(self) -> dict[str, bool]:
        """The classes of the screen: which ones to set."""
        flags = {"small": self.too_small, "narrow": self.narrow, "tall": not self.narrow and self.height >= _TALL}
        return flags | {f"on-{name}": name == self.pane if self.narrow else self._shows(name) for name in PANES}

    def going_to(self, name: str) -> "Layout":
        """The layout in which a pane is visible and has the keys."""
        layout = replace(self, pane=name)
        if not layout._shows(name):
            layout = replace(layout, view=next((view for view in VIEWS if view == name), layout.view))
        layout = replace(layout, bottom=next((bottom for bottom in BOTTOMS if bottom == name), layout.bottom))
        return replace(layout, inspector=True) if name == "inspector" else layout

    def remembered(self, view: str, bottom: str, inspector: bool) -> "Layout":
        """The layout with what an earlier session was left with; names that are none are passed over."""
        there = next((name for name in VIEWS if name == view), self.view)
        below: Bottom = "output" if bottom == "output" else self.bottom
        return replace(self, view=there, pane=there, bottom=below, inspector=inspector)

    def next_view(self) -> "Layout":
        """The layout with the next view of the timeline."""
        if self.narrow and self.pane not in VIEWS:
            return replace(self, pane=self.view)
        name = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        return replace(self, view=name, pane=name)

    def turn_output(self) -> "Layout":
        """The output in place of the slowest hooks, or back."""
        shown = self.pane == "output" if self.narrow else self.bottom == "output"
        return self.going_to(("hooks" if self.usual is None else "paused") if shown else "output")

    def pause(self, paused: bool) -> "Layout":
        """Shows what there is to see of a paused training, and afterwards what was there before."""
        if paused == (self.usual is not None):
            return self
        if paused:
            return replace(self, usual=self.bottom, bottom="paused")
        bottom = (self.usual or "hooks") if self.bottom == "paused" else self.bottom
        return replace(self, usual=None, bottom=bottom, pane=bottom if self.pane == "paused" else self.pane)

    def step(self, by: int) -> "Layout":
        """The layout in which a neighbour of the current pane has the keys."""
        names = self.panes
        here = names.index(self.pane) if self.pane in names else 0
        return self.going_to(names[(here + by) % len(names)])

    def turn_inspector(self) -> "Layout":
        """Shows the inspector or hides it; where one pane is visible at a time, goes there and back."""
        if self.narrow:
            return self.going_to(self.view if self.pane == "inspector" else "inspector")
        layout = replace(self, inspector=not self.inspector)
        return layout if layout.pane in layout.panes else replace(layout, pane=self.view)
