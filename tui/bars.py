"""The progress bars as lines of text: one a loop, with what is done, how fast, and how long it will still take."""

from typing import Final

from tui.feed import STARTING
from tui.progress import Bar, Progress
from tui.text import Line, bar_cells, fit, left_text, rate_text

_LABEL, _RATE, _LEFT = 7, 10, 9
_UNKNOWN: Final = "╌"


def progress_lines(progress: Progress, width: int, state: str) -> tuple[Line, ...]:
    """The bars, one a line; a word about the state where there is none yet.

    Args:
        progress: what to show.
        width: cells to fill.
        state: of the run, as in `tui.frame.Frame`: only a running one has time left.
    """
    if not progress.bars:
        text = "no batches yet" if state in (STARTING, "running") else "no batches"
        return (((fit(text, width), "dim"),),)
    label = max(_LABEL, *(len(bar.label) + 1 for bar in progress.bars))
    paused = progress.paused and state == "running"
    return tuple(_bar_line(bar, width, label, state, paused) for bar in progress.bars)


def _bar_line(bar: Bar, width: int, label: int, state: str, paused: bool) -> Line:
    numbers = f"{bar.done}/{'?' if bar.total is None else bar.total}"
    counted = max(11, len(numbers) + 1)
    bars = max(4, width - label - counted - _RATE - _LEFT)
    share = bar.share
    filled, rest = bar_cells(share, bars) if share is not None else ("", _UNKNOWN * bars)
    waiting = state == "running" and share != 1 and (bar.total is not None or bar.left_s is not None)
    left = ("‖ paused", "warn") if paused else (left_text(bar.left_s) if waiting else "", "dim")
    return (
        (fit(bar.label, label), "bold"),
        (filled, "good" if share == 1 else "warn" if paused else "bar"),
        (rest, "bar-rest"),
        (f"{numbers:>{counted}}", ""),
        (f"{rate_text(bar.rate_per_s):>{_RATE}}", "dim"),
        (f"{left[0]:>{_LEFT}}", left[1]),
    )
