"""The list of runs as rows: which ones, in which order, and the text of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rich.cells import cell_len

from tracer.run.listing import Listed
from tracer.run.text import plain_text
from tui.header import MARKS
from tui.text import Line, clock_text, count_text, fit, fit_name

_STATE, _STARTED, _TOOK, _MODEL, _SPANS = 15, 18, 9, 16, 9
_ROOMY: Final = 96

SORTS: Final[dict[str, Callable[[Listed], Any]]] = {
    "start": lambda run: run.started_at,
    "duration": lambda run: run.duration_s,
    "name": lambda run: run.name,
    "state": lambda run: run.state,
    "model": lambda run: run.model,
    "calls": lambda run: run.spans,
}
"""By what the list can be sorted."""
_DOWNWARDS: Final = frozenset({"start", "duration", "calls"})
"""What is sorted from the greatest down, unless it is turned round."""


@dataclass(frozen=True)
class ListWish:
    """What of the list the user wants to see.

    Attributes:
        words: all of which a run's name, model or state must contain.
        sort: a key of `SORTS`.
        turned: whether the order is turned round.
    """

    words: str = ""
    sort: str = "start"
    turned: bool = False

    def next_sort(self) -> "ListWish":
        """Sorted by the next thing."""
        names = list(SORTS)
        return replace(self, sort=names[(names.index(self.sort) + 1) % len(names)], turned=False)


def chosen_runs(runs: Sequence[Listed], wish: ListWish) -> tuple[Listed, ...]:
    """The runs that are shown, in order."""
    words = wish.words.lower().split()
    kept = [run for run in runs if all(word in f"{run.name} {run.model} {run.state}".lower() for word in words)]
    downwards = (wish.sort in _DOWNWARDS) != wish.turned
    return tuple(sorted(kept, key=SORTS[wish.sort], reverse=downwards))


def runs_header(width: int, wish: ListWish) -> Line:
    """What the columns are, and by which one the rows are sorted."""

    def head(word: str, room: int, align: str = "left") -> str:
        arrow = ("▼" if (wish.sort in _DOWNWARDS) != wish.turned else "▲") if wish.sort == word else ""
        return fit(f"{word}{arrow}", room, align)

    model = head("model", _MODEL) if width >= _ROOMY else ""
    left = f"  {head('state', _STATE)}"
    right = f"{head('start', _STARTED)}{head('duration', _TOOK, 'right')}  {model}{head('calls', _SPANS, 'right')}"
    return ((left + head("name", max(0, width - len(left) - len(right))) + right, "head"),)


def run_line(run: Listed, mark: str, width: int) -> Line:
    """One run.

    Args:
        run: the run.
        mark: its letter in a comparison; empty for none.
        width: cells to fill.
    """
    sign, role = MARKS.get(run.state, (plain_text(run.state, 12), "warn"))
    model = fit(run.model, _MODEL - 1) + " " if width >= _ROOMY else ""
    started = fit(f"{run.started_at.astimezone():%Y-%m-%d %H:%M}", _STARTED)
    right = f"{clock_text(run.duration_s * 1e9):>{_TOOK}}  {model}{count_text(run.spans):>{_SPANS}}"
    room = max(0, width - 2 - _STATE - _STARTED - cell_len(right))
    return (
        (f"{mark:<2}", "key"),
        (fit(sign, _STATE), role),
        (fit_name(run.name, room - 1) + " ", ""),
        (started + right, "dim"),
    )
