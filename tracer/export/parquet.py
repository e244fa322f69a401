"""Parquet: the table of spans, typed and small. One file, or for several ranks a directory partitioned by rank."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tracer.export.selection import PORTION, Part, Request
from tracer.run.table import COLUMNS, SCHEMA, spans_table

_GROUP: Final = 2 * PORTION
_TEXTS: Final = ("stage", "owner_kind", "owner", "hook", "status")
# What grows steadily is small as differences. Durations are not: their upper bytes repeat, their lower ones are noise,
# and taking them apart byte by byte lets the compression see that.
_SPLIT: Final = ("parent", "duration_ns", "self_ns")
_ENCODINGS: Final = {
    name: "BYTE_STREAM_SPLIT" if name in _SPLIT else "DELTA_BINARY_PACKED" for name in COLUMNS if name not in _TEXTS
}
FILE: Final = "spans.parquet"


def write(request: Request, out: BinaryIO) -> None:
    """Writes the spans as one file with the columns of `tracer.run.table`.

    Raises:
        OSError: `out` cannot be written to.
    """
    _write(request.parts(), out, COLUMNS)


def write_folder(request: Request, folder: Path) -> None:
    """Writes a directory a rank, `rank=N/`, as pandas, pyarrow, DuckDB and Spark know partitions.

    The rank is in the directory's name and, as usual, not in the file; readers give it back as the last column.

    Raises:
        OSError: the files cannot be written.
    """
    for part in request.parts():
        partition = folder / f"rank={part.trace.rank}"
        partition.mkdir()
        with (partition / FILE).open("wb") as file:
            _write([part], file, tuple(name for name in COLUMNS if name != "rank"))


def _write(parts: Iterable[Part], out: BinaryIO, columns: tuple[str, ...]) -> None:
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    encodings = {name: encoding for name, encoding in _ENCODINGS.items() if name in columns}
    with pq.ParquetWriter(
        out, schema, compression="zstd", compression_level=3, use_dictionary=list(_TEXTS), column_encoding=encodings
    ) as writer:
        for part in parts:
            for rows in part.portions(_GROUP):
                writer.write_table(spans_table(part.trace, rows).select(columns), row_group_size=_GROUP)
