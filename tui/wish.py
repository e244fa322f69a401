"""What the user is looking at, and so what the next poll has to work out.

The way of a question: a widget posts that something was chosen, the screen puts it into the wish and hands that to the
app, the app gives it to the session and polls at once, the poll works the answer out in its thread and puts it into the
frame, and the widget that asked paints it. Nobody waits, and no widget reads a trace that grows.
"""

from dataclasses import dataclass, field

from tui.filter import LogFilter
from tui.outline import BarsWish


@dataclass(frozen=True)
class Wish:
    """One value for all questions; the answers are fields of `tui.frame.Frame`.

    Attributes:
        action: number of the selected hook's action; -1 for "whatever is open now".
        row: row of the selected span in the trace; -1 where the selection is no single call.
        log_filter: which calls the log shows.
        bars: which stretch the waterfall shows.
    """

    action: int = -1
    row: int = -1
    log_filter: LogFilter = field(default_factory=LogFilter)
    bars: BarsWish = field(default_factory=BarsWish)
