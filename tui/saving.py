"""What the key for exporting writes: what is shown, as a file that other tools read.

Each kind of pane has an answer to "what is shown": the calls of the log that the filter lets through, the calls of the
waterfall, the curves' values, the program's output; everything else stands for the whole timeline. The answers are
values, so that a thread can write them while the screen goes on.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from tracer.run.events import Int64Array
from tracer.run.metrics import Metrics
from tracer.run.text import plain_text
from tracer.run.trace import Trace
from tui.frame import Frame

_AXES = ("epoch", "step")


@dataclass(frozen=True)
class Saving:
    """One file to be.

    Attributes:
        what: what will be in it, in words.
        stem: of a name that says the same.
        suffix: with the dot.
        write: writes it; raises OSError.
    """

    what: str
    stem: str
    suffix: str
    write: Callable[[BinaryIO], None]


def saving_of(pane: str, frame: Frame) -> Saving | None:
    """What the key for exporting writes while a pane has the keys; None while there is nothing.

    Args:
        pane: its name in `tui.layout.PANES`.
        frame: what is shown.
    """
    if pane == "losses":
        return save_curves(frame.metrics, frame.metrics.names)
    if pane == "output":
        return save_output(frame.output)
    if frame.trace is None:
        return None
    if pane == "waterfall" and frame.bars is not None and frame.bars.stretch.rows[1] <= len(frame.trace):
        rows = np.arange(*frame.bars.stretch.rows)  # also those that are folded
        return save_calls(frame.trace, rows, "those of the waterfall", "waterfall")
    if pane == "log" and frame.log.chosen is not None:
        return save_calls(frame.trace, frame.log.chosen, f"/{plain_text(frame.log.query.text, 40)}", "log")
    return save_calls(frame.trace, None, "the whole timeline up to here", "hooks")


def save_calls(trace: Trace, rows: Int64Array | None, of: str, stem: str) -> Saving:
    """Calls as CSV, one row each.

    Args:
        trace: where they are.
        rows: which ones; None for all.
        of: what they are the calls of, in words.
        stem: of the file's name.
    """
    count = len(trace) if rows is None else len(rows)

    def write(out: BinaryIO) -> None:
        from tracer.export import csv as export

        chosen = np.arange(count) if rows is None else rows
        export.write_rows(trace, chosen, out)

    return Saving(f"{count:,} calls: {of}", stem, ".csv", write)


def save_curves(metrics: Metrics, names: Sequence[str]) -> Saving:
    """The rows in which one of these metrics was logged, as CSV with the columns epoch, step and the metrics'."""
    columns = [name for name in (*_AXES, *names) if name in metrics.columns]

    def write(out: BinaryIO) -> None:
        values = [metrics.columns[name] for name in columns]
        logged = ~np.all([np.isnan(metrics.columns[name]) for name in names], axis=0) if names else np.zeros(0, bool)
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        for row in np.flatnonzero(logged).tolist():
            writer.writerow([_cell(float(column[row])) for column in values])
        out.write(text.getvalue().encode())

    shown = ", ".join(plain_text(name, 30) for name in names[:3]) + (", …" if len(names) > 3 else "")
    return Saving(f"the curves' values: {shown or 'none yet'}", "metrics", ".csv", write)


def save_output(lines: Sequence[str]) -> Saving:
    """The last lines of the program's output, as text."""

    def write(out: BinaryIO) -> None:
        out.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))

    return Saving(f"the last {len(lines):,} lines of the output", "output", ".txt", write)


def _cell(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
