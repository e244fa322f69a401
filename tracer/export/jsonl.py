"""JSON lines: one object a span and line, with the columns of `tracer.run.table` as keys, for scripts and log tools."""

from typing import BinaryIO, Final

from tracer.export.lines import LINES, json_texts, write_lines
from tracer.export.selection import Request
from tracer.run.table import COLUMNS, spans_table

_KEYS: Final = tuple(f'{"," if place else "{"}"{name}":' for place, name in enumerate(COLUMNS))


def write(request: Request, out: BinaryIO) -> None:
    """Writes the spans as ASCII; all keys are in every line, in the columns' order, with `null` for what is missing.

    Raises:
        OSError: `out` cannot be written to.
    """
    for part in request.parts():
        for rows in part.portions(LINES):
            table = spans_table(part.trace, rows)
            cells = [json_texts(table.column(name)) for name in COLUMNS]
            write_lines([piece for pair in zip(_KEYS, cells, strict=True) for piece in pair] + ["}\n"], out)
