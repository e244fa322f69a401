"""CSV: one row a span, with the columns of `tracer.run.table`, in portions: memory does not grow with the run."""

from collections.abc import Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import WriteOptions, write_csv

from tracer.run.events import Int64Array
from tracer.run.table import COLUMNS, spans_table
from tracer.run.trace import Trace

_ROWS = 1 << 17


def write(traces: Sequence[Trace], out: BinaryIO) -> None:
    """Writes the spans of these ranks as UTF-8 with a header line and `\\n` line ends.

    Missing values are empty cells. `wall_time` is UTC in ISO 8601 with microseconds, ending in Z. Cells are in quotes
    only where names make that necessary.

    Raises:
        OSError: `out` cannot be written to.
    """
    _write_header(out)
    for trace in traces:
        _write_spans(trace, None, out)


def write_rows(trace: Trace, rows: Int64Array, out: BinaryIO) -> None:
    """Writes the spans at these rows of one trace, in the same form.

    Raises:
        OSError: `out` cannot be written to.
    """
    _write_header(out)
    _write_spans(trace, rows, out)


def _write_header(out: BinaryIO) -> None:
    out.write((",".join(COLUMNS) + "\n").encode())


def _write_spans(trace: Trace, rows: Int64Array | None, out: BinaryIO) -> None:
    options = WriteOptions(include_header=False, quoting_style="needed" if _needs_quotes(trace) else "none")
    count = len(trace) if rows is None else len(rows)
    for start in range(0, count, _ROWS):
        portion = slice(start, min(start + _ROWS, count))
        table = spans_table(trace, portion if rows is None else rows[portion])
        write_csv(_with_plain_texts(table), out, options)


def _needs_quotes(trace: Trace) -> bool:
    names = (text for action in trace.actions for text in (action.owner, action.hook))
    return any(character in text for text in names for character in ',"\r\n')


def _with_plain_texts(table: pa.Table) -> pa.Table:
    """The table with times as text: Arrow's own CSV form of a time has a space where ISO 8601 has a T, and is slow."""
    position = table.schema.get_field_index("wall_time")
    text = table.column(position).cast(pa.timestamp("us")).cast(pa.string())
    iso = pc.binary_join_element_wise(pc.binary_replace_slice(text, 10, 11, "T"), "Z", "")
    return table.set_column(position, "wall_time", iso)
