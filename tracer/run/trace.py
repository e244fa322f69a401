"""A rank's spans in memory: `Trace`, the immutable form that every consumer takes.

How it comes to be lies in `tracer.run.build`; the table that people know it as lies in `tracer.run.table`.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tracer.run.events import Action, Int64Array
from tracer.run.layout import FUNCTIONS, STAGES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Int32Array = npt.NDArray[np.int32]
Int16Array = npt.NDArray[np.int16]
Int8Array = npt.NDArray[np.int8]

Status = Literal["ok", "error", "open"]
STATUS: tuple[Status, ...] = ("ok", "error", "open")
OK, ERROR, OPEN = 0, 1, 2


@dataclass(frozen=True)
class Contexts:
    """Where the loop stood, one entry for each time that changed. All arrays have one length; -1 means "none".

    Attributes:
        call: Number of the trainer call: 0, 1, ...
        function: Index into `layout.FUNCTIONS`.
        stage: Index into `layout.STAGES`.
        epoch, batch, global_step, dataloader: As Lightning counts them.
        planned: Batches that the current loop means to run; -1 where it cannot know.
        first_row: Row of the first span that starts in this context.
        start_ns: When it began, in ns since the run's start.
    """

    call: Int32Array
    function: Int8Array
    stage: Int8Array
    epoch: Int32Array
    batch: Int64Array
    global_step: Int64Array
    dataloader: Int32Array
    planned: Int64Array
    first_row: Int64Array
    start_ns: Int64Array

    def __len__(self) -> int:
        return len(self.call)


CONTEXT_FIELDS = tuple(field.name for field in fields(Contexts))


@dataclass(frozen=True)
class Span:
    """One hook call as plain values, for reading one at a time. None stands for "none" or "not yet"."""

    row: int
    parent: int | None
    action: Action
    stage: str | None
    epoch: int | None
    batch: int | None
    global_step: int | None
    dataloader: int | None
    depth: int
    start_ns: int
    duration_ns: int | None
    self_ns: int | None
    status: Status


@dataclass(frozen=True)
class Trace:
    """A rank's spans as columns, one entry a span, in order of their start.

    Attributes:
        rank: Global rank.
        actions: By number; every number in `action` has its entry.
        started_at: Wall time of the run's start, with its time zone.
        action: Number of the action.
        parent: Row of the enclosing span, -1 at the top.
        depth: 0 at the top.
        start_ns: In ns since the run's start.
        duration_ns, self_ns: In ns; -1 while the span is open. Self time is the duration without the children's.
        status: Index into `STATUS`.
        context: Index into `contexts`, -1 for spans before the first.
        contexts: Where the loop stood.
        now_ns: Time of the last event that was read.
        gap: What could not be read, in words; None if nothing is known to be missing.

    The columns of a trace that was taken from a run still being written share memory with later ones: a span that is
    open here may become closed. Nothing else changes.
    """

    rank: int
    actions: tuple[Action, ...]
    started_at: datetime
    action: Int16Array
    parent: Int32Array
    depth: Int32Array
    start_ns: Int64Array
    duration_ns: Int64Array
    self_ns: Int64Array
    status: Int8Array
    context: Int32Array
    contexts: Contexts
    open_rows: tuple[int, ...]
    now_ns: int
    gap: str | None = None

    def __len__(self) -> int:
        return len(self.action)

    def end_ns(self, row: int) -> int:
        """When a closed span ended, in ns since the run's start."""
        return int(self.start_ns[row]) + int(self.duration_ns[row])

    def ended(self) -> Int64Array:
        """Rows of the spans that ended, in the order in which they did: the inner ones first where ends are equal."""
        rows = np.flatnonzero(self.duration_ns >= 0)
        last_inside = _last_inside(self.depth)[rows]
        return rows[np.lexsort((-self.depth[rows], last_inside))]

    def column(self, name: str) -> Int64Array:
        """A field of `Contexts` spread over the spans: one number a span, -1 where there is none."""
        values = getattr(self.contexts, name).astype(np.int64)
        if not len(values):
            return np.full(len(self), -1, np.int64)
        return np.where(self.context >= 0, values[self.context], -1)

    def span(self, row: int) -> Span:
        """The span at `row`, which may be negative to count from the end.

        Raises:
            IndexError: there is no such row.
        """
        row = range(len(self))[row]
        here = {
            name: self._context_value(name, row) for name in ("stage", "epoch", "batch", "global_step", "dataloader")
        }
        stage = here["stage"]
        return Span(
            row=row,
            parent=_none_if_negative(self.parent[row]),
            action=self.actions[self.action[row]],
            stage=None if stage is None else STAGES[stage],
            epoch=here["epoch"],
            batch=here["batch"],
            global_step=here["global_step"],
            dataloader=here["dataloader"],
            depth=int(self.depth[row]),
            start_ns=int(self.start_ns[row]),
            duration_ns=_none_if_negative(self.duration_ns[row]),
            self_ns=_none_if_negative(self.self_ns[row]),
            status=STATUS[self.status[row]],
        )

    def _context_value(self, name: str, row: int) -> int | None:
        index = int(self.context[row])
        return None if index < 0 else _none_if_negative(getattr(self.contexts, name)[index])

    def wall_time(self, time_ns: int) -> datetime:
        """The wall time of a moment given in ns since the run's start."""
        return self.started_at + timedelta(microseconds=time_ns // 1000)

    def to_pandas(self) -> "pd.DataFrame":
        """The spans as a DataFrame with the columns of `tracer.run.table.COLUMNS`."""
        from tracer.run.table import to_pandas

        return to_pandas(self)

    def to_arrow(self) -> "pa.Table":
        """The spans as an Arrow table with the columns of `tracer.run.table.COLUMNS`."""
        from tracer.run.table import spans_table

        return spans_table(self)


def _last_inside(depth: Int32Array) -> Int64Array:
    """For each row the last row that lies in it, itself if none does: what follows there is not deeper."""
    last = np.empty(len(depth), np.int64)
    for level in range(int(depth.max(initial=-1)) + 1):
        not_deeper = np.flatnonzero(depth <= level)
        here = depth[not_deeper] == level
        last[not_deeper[here]] = np.append(not_deeper[1:], len(depth))[here] - 1
    return last


def function_name(index: int) -> str | None:
    """Name of a trainer function by its index in a context; None for -1."""
    return FUNCTIONS[index] if 0 <= index < len(FUNCTIONS) else None


def stage_name(index: int) -> str | None:
    """Name of a stage by its index in a context; None for -1."""
    return STAGES[index] if 0 <= index < len(STAGES) else None


def _none_if_negative(value: "np.integer[npt.NBitBase] | int") -> int | None:
    return None if value < 0 else int(value)
