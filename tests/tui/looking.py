"""A run at one moment, for tests of the plain modules: its trace, its loop, its pauses."""

from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len

from tests.analyze.streams import STARTED_AT, script_actions, taken_in
from tests.builders import Script, records
from tracer.analyze.loops import LoopTree
from tracer.analyze.pauses import Pauses
from tracer.run.build import TraceBuilder
from tracer.run.events import ActionTail, EventTail
from tracer.run.trace import Trace
from tui.outline import Bars, BarsFinder, BarsWish


@dataclass(frozen=True)
class Look:
    """What the poll hands to those who answer."""

    trace: Trace
    tree: LoopTree
    pauses: Pauses

    def bars(self, wish: BarsWish | None = None, ended: bool = True) -> Bars | None:
        """What a waterfall that was just opened shows."""
        return BarsFinder().find(self.trace, self.tree, self.pauses, wish or BarsWish(), ended)


def look_at(run: Path, events: int | None = None) -> Look:
    """A run directory after some of its events."""
    builder, tree, pauses = TraceBuilder(0, STARTED_AT), LoopTree(), Pauses()
    delta = builder.feed(EventTail(run).read()[:events], ActionTail(run).read())
    trace = builder.trace()
    tree.advance(trace, delta)
    pauses.advance(trace)
    return Look(trace, tree, pauses)


def look_at_script(play: Script) -> Look:
    """A script as far as it was played."""
    trace, tree = taken_in(records(play.events), script_actions(play))
    pauses = Pauses()
    pauses.advance(trace)
    return Look(trace, tree, pauses)


def line_width(line: tuple[tuple[str, str], ...]) -> int:
    """Cells that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def line_text(line: tuple[tuple[str, str], ...]) -> str:
    """A line without its colours."""
    return "".join(text for text, _ in line)
