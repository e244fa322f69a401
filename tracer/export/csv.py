"""CSV: one row a span, with the columns of `tracer.run.table`, in portions: memory does not grow with the run."""

from typing import BinaryIO, Final

import pyarrow as pa
from pyarrow.csv import WriteOptions, write_csv

from tracer.export.lines import iso_times
from tracer.export.selection import Part, Request
from tracer.run.events import Int64Array
from tracer.run.table import COLUMNS, spans_table
from tracer.run.trace import Trace

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula, and obeys."""


def write(request: Request, out: BinaryIO) -> None:
    """Writes the spans as UTF-8 with a header line and `\\n` line ends.

    Missing values are empty cells. `wall_time` is UTC in ISO 8601 with microseconds, ending in Z. Cells are in quotes
    only where names make that necessary. A name that a spreadsheet would run as a formula has a `'` before it.

    Raises:
        OSError: `out` cannot be written to.
    """
    _write_header(out)
    for part in request.parts():
        _write_spans(part, out)


def write_rows(trace: Trace, rows: Int64Array, out: BinaryIO) -> None:
    """Writes the spans at these rows of one trace, in the same form.

    Raises:
        OSError: `out` cannot be written to.
    """
    _write_header(out)
    _write_spans(Part(trace, rows), out)


def _write_header(out: BinaryIO) -> None:
    out.write((",".join(COLUMNS) + "\n").encode())


def _write_spans(part: Part, out: BinaryIO) -> None:
    options = WriteOptions(include_header=False, quoting_style="needed" if _needs_quotes(part.trace) else "none")
    for rows in part.portions():
        write_csv(_with_plain_texts(spans_table(part.trace, rows)), out, options)


def _needs_quotes(trace: Trace) -> bool:
    names = (text for action in trace.actions for text in (action.owner, action.hook))
    return any(character in text for text in names for character in ',"\r\n')


def _with_plain_texts(table: pa.Table) -> pa.Table:
    """The table with names that are only names, and with times as text."""
    for name in ("owner", "hook"):
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, _harmless(table.column(position).combine_chunks()))
    position = table.schema.get_field_index("wall_time")
    return table.set_column(position, "wall_time", iso_times(table.column(position)))


def _harmless(names: pa.DictionaryArray) -> pa.DictionaryArray:
    texts = [f"'{text}" if text.startswith(_FORMULA) else text for text in names.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(names.indices, pa.array(texts, pa.string()))
