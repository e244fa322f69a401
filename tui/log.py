"""The log: every call in order, one a line. Which rows there are, and the text of one.

A widget asks for the rows that it shows and no others; a row is read from the trace's columns when it is asked for, so
that ten million of them cost as much as ten.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from rich.cells import cell_len

from tracer.run.events import Action, Int64Array
from tracer.run.layout import FUNCTIONS, PAUSE_HOOK, PAUSE_OWNER, STAGES
from tracer.run.trace import ERROR, OPEN, Trace
from tui.filter import LogFilter
from tui.matches import AllRows, Matches, MatchIndex
from tui.text import Line, clock_text, count_text, duration_text, fit, percent_text, tight_duration_text
from tui.view import hook_cells

_DURATION: Final = 9
_TIGHT: Final = 6
_STEP: Final = 10
_PLACE: Final = 17
_SHORT_PLACE: Final = 10
_HOUR_NS: Final = 3_600_000_000_000
_STAGES: Final = ("sanity", "train", "val", "test", "pred")
_LETTERS: Final = ("s", "b", "v", "t", "p")
"""What stands before the number of a batch where there is no room for the stage: `e1b812`, `e1v3`."""
_RAIL: Final = (("│", "faint"), ("├", "faint"), ("╞", "bold"))
"""The column of marks, by what changed since the row above: nothing, the batch, the epoch or more."""
_SIGNS: Final = {ERROR: ("✗", "bad"), OPEN: ("▶", "open")}
_LEAST_NAME: Final = 22
_SEARCH_S: Final = 0.04
"""How long a poll looks for rows that meet the filter: the first answer must be there within a tenth of a second."""


@dataclass(frozen=True)
class LogView:
    """The log at one moment.

    Attributes:
        trace: the spans so far; None before there are any.
        rows: those that are shown.
        query: the filter that chose them.
    """

    trace: Trace | None = None
    rows: AllRows | Matches = field(default_factory=AllRows)
    query: LogFilter = field(default_factory=LogFilter)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def searching(self) -> bool:
        """Whether the filter has not looked at all rows yet."""
        return isinstance(self.rows, Matches) and self.rows.looked_at < self.rows.of

    @property
    def title(self) -> str:
        """What is shown, in words: `log · 1,234 of 10.0 M calls · /on_train`."""
        calls = 0 if self.trace is None else len(self.trace)
        if isinstance(self.rows, AllRows):
            return f"log · {count_text(calls)} calls"
        so_far = f" so far, {percent_text(self.rows.looked_at / self.rows.of)} searched" if self.searching else ""
        return f"log · {count_text(len(self.rows))} of {count_text(calls)} calls{so_far} · /{self._short_query}"

    @property
    def _short_query(self) -> str:
        return fit(self.query.text, min(cell_len(self.query.text), 40))

    @property
    def chosen(self) -> Int64Array | None:
        """The rows that the filter lets through, as far as they have been found; None without a filter."""
        if isinstance(self.rows, AllRows):
            return None
        return np.concatenate((np.empty(0, np.int64), *self.rows.pieces))

    def action(self, position: int) -> int:
        """Number of the action of the row at a position; -1 if there is none."""
        if self.trace is None or not 0 <= position < len(self.rows):
            return -1
        return int(self.trace.action[self.rows.row(position)])


class LogSearch:
    """Works the log out from poll to poll: what its filter has found is kept until another takes its place."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._query = LogFilter()
        self._index = MatchIndex(self._query)

    def view(self, trace: Trace, query: LogFilter, near: int) -> LogView:
        """The log now.

        Args:
            trace: the spans so far, or, when a replay went back, up to an earlier moment.
            query: which of them to show.
            near: row that the user looks at; -1 for the newest.
        """
        if query != self._query:
            self._query, self._index = query, MatchIndex(query)
        if not query.terms:
            return LogView(trace, AllRows(len(trace)), query)
        at = near if near >= 0 else len(trace) - 1
        return LogView(trace, self._index.advance(trace, at, self._clock, _SEARCH_S), query)


@dataclass(frozen=True)
class LogColumns:
    """Cells of each column, 0 for one that there is no room for; and whether moments show microseconds."""

    time: int
    place: int
    step: int
    name: int
    took: int
    own: int
    micros: bool


@lru_cache(maxsize=64)
def log_columns(width: int, long: bool) -> LogColumns:
    """The columns for a width.

    Args:
        width: cells to fill, from 40 on.
        long: whether the run goes on for more than an hour.
    """
    micros = width >= 120
    time = (13 if long else 10) + (3 if micros else 0)
    roomy = width >= 72
    place = _PLACE if roomy else _SHORT_PLACE if width >= 54 else 0
    step = _STEP if width >= 132 else 0
    took = _DURATION if roomy else _TIGHT
    own = _DURATION if width >= 92 else 0
    name = max(0, width - 3 - time - place - step - took - own)
    return LogColumns(time, place, step, name, took, own, micros)


def columns_of(view: LogView, width: int) -> LogColumns:
    """The columns for a width and a run."""
    return log_columns(width, view.trace is not None and view.trace.now_ns >= _HOUR_NS)


def log_header(columns: LogColumns) -> Line:
    """The line above the rows."""
    words = (("time", columns.time), ("where", columns.place), ("step", columns.step))
    left = "".join(fit(word, room) for word, room in words)
    own = f"{'self':>{columns.own}}" if columns.own else ""
    return ((f"  {left} {fit('hook', columns.name)}{'took':>{columns.took}}{own}", "head"),)


def log_line(view: LogView, position: int, columns: LogColumns) -> Line:
    """One row: mark, time, place, sign, hook and owner by depth, duration, self time.

    The place is bright where it differs from that of the row above, which may be far away under a filter.
    """
    trace = view.trace
    if trace is None:
        return ()
    row = view.rows.row(position)
    above = view.rows.row(position - 1) if position else -1
    context = int(trace.context[row])
    change = place_change(trace, int(trace.context[above]) if position else None, context)
    status = int(trace.status[row])
    action = trace.actions[int(trace.action[row])]
    return (
        _RAIL[change],
        (f" {_time_text(int(trace.start_ns[row]), columns)}", "dim"),
        (_place_text(trace, context, columns), "" if change else "faint"),
        _SIGNS.get(status, (" ", "")),
        *_name(action, int(trace.depth[row]), columns.name),
        (_took_text(int(trace.duration_ns[row]), columns.took), ""),
        (_took_text(int(trace.self_ns[row]), columns.own), "dim"),
    )


def place_change(trace: Trace, above: int | None, context: int) -> int:
    """What a row's context changes: 2 for epoch, stage or call, 1 for the batch, 0 for nothing.

    Args:
        trace: the spans.
        above: number of the context of the row above; None for the first row.
        context: number of the context of the row; -1 for none.
    """
    if above is None:
        return 2
    if above == context or context < 0:
        return 0
    contexts = trace.contexts
    columns = (contexts.call, contexts.stage, contexts.epoch)
    if above < 0 or any(column[above] != column[context] for column in columns):
        return 2
    batch = contexts.batch[context] >= 0 and contexts.batch[above] != contexts.batch[context]
    return int(batch or contexts.dataloader[above] != contexts.dataloader[context])


def _time_text(time_ns: int, columns: LogColumns) -> str:
    """A moment as `01:23.456`, with hours where there are any and microseconds where there is room."""
    text = clock_text(time_ns)
    fraction = f"{time_ns // 1000 % 1_000_000:06}"
    text = f"{text}.{fraction if columns.micros else fraction[:3]}"
    return fit(text[-(columns.time - 1) :], columns.time)


def _took_text(time_ns: int, room: int) -> str:
    """A duration as a column has room for it; nothing while the call is open."""
    text = "" if time_ns < 0 or not room else tight_duration_text(time_ns) if room == _TIGHT else duration_text(time_ns)
    return text.rjust(room)


def _place_text(trace: Trace, context: int, columns: LogColumns) -> str:
    """Where the loop stood, in the words of the line that goes there: `train e2b812   s2530`."""
    room = columns.place + columns.step
    if not room or context < 0:
        return " " * room
    contexts = trace.contexts
    stage, epoch, batch = (int(column[context]) for column in (contexts.stage, contexts.epoch, contexts.batch))
    in_fit = int(contexts.function[context]) == FUNCTIONS.index("fit")
    known = 0 <= stage < len(STAGES)
    number = f"e{epoch + 1}" if epoch >= 0 and in_fit and stage > 0 else ""
    if columns.place < _PLACE:
        letter = _LETTERS[stage] if known and (batch >= 0 or stage != 1) else ""
        return fit(f"{number}{letter}{batch + 1 if batch >= 0 else ''}", room - 1) + " "
    number += f"b{batch + 1}" if batch >= 0 else ""
    name = _STAGES[stage] if known else ""
    step = int(contexts.global_step[context])
    text = fit(f"{name:<6} {number}", columns.place - 1) + " "
    return text + fit(f"s{step}" if step >= 0 and in_fit else "", columns.step)


def _name(action: Action, depth: int, width: int) -> Line:
    indent = min(depth * (2 if width >= 56 else 1), max(0, width - _LEAST_NAME))
    if action.owner == PAUSE_OWNER and action.hook == PAUSE_HOOK:
        text = f"{' ' * indent}‖ paused "
        return ((fit(f"{text}{'╌' * max(0, width - len(text) - 1)}", width), "warn"),)
    return ((" " * indent, ""), *hook_cells(action, max(2, width - indent)))
