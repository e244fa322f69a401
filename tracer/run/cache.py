"""The spans of a long finished run as a Parquet file beside its stream, which opens faster than the stream is read.

A copy: derived, and safe to delete. It is believed only if it says that it was made from the very files that are there,
by this version, and if what it holds can be a trace at all. Whatever is wrong with it, or with writing it, the stream
is read instead.
"""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tracer.run.build import SPAN_TYPES, with_unknown
from tracer.run.contexts import CONTEXT_TYPES
from tracer.run.events import Action, Int64Array, stream_records
from tracer.run.files import is_regular
from tracer.run.layout import MAX_ACTIONS, events_file
from tracer.run.trace import OPEN, STATUS, Contexts, Trace

if TYPE_CHECKING:
    import pyarrow.parquet as pq

WORTH_RECORDS: Final = 2_000_000
"""A shorter stream is read about as fast as pyarrow is imported."""
_FORMAT: Final = 1
_GROUP: Final = 1 << 20
"""Rows written and read at a time."""
_KEY: Final = b"hooktrace"
_CONTEXT: Final = "context."
_TYPES: Final[Mapping[str, Any]] = {**SPAN_TYPES, **{_CONTEXT + name: kind for name, kind in CONTEXT_TYPES.items()}}

_Columns = Mapping[str, Int64Array]


def cache_file(rank: int) -> str:
    """Name of the cache of a rank."""
    return f"spans-{rank}.parquet"


def stamp(run_dir: Path, rank: int) -> str | None:
    """What tells the stream of a rank from any other or later one; None if a cache is not worth it."""
    if stream_records(run_dir, rank) < WORTH_RECORDS:
        return None
    parts, segment = [], 0
    while is_regular(path := run_dir / events_file(rank, segment)):
        status = path.stat()
        parts.append((status.st_size, status.st_mtime_ns))
        segment += 1
    return json.dumps({"format": _FORMAT, "segments": parts})


def load(run_dir: Path, rank: int, mark: str, started_at: datetime, actions: tuple[Action, ...]) -> Trace | None:
    """The trace that was kept; None if there is none, or not one of this stream.

    Args:
        run_dir: The run's directory.
        rank: Global rank.
        mark: From `stamp`.
        started_at: As run.json says.
        actions: As the list of actions says.
    """
    path = run_dir / cache_file(rank)
    if not is_regular(path):
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            said = json.loads((file.schema_arrow.metadata or {}).get(_KEY, b"{}"))
            if said.get("stamp") != mark:
                return None
            contexts = int(said["contexts"])
            if not 0 <= contexts <= file.metadata.num_rows:
                return None
            return _trace(_read(file, contexts), int(said["now_ns"]), rank, started_at, actions)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, AttributeError):
        return None


def store(run_dir: Path, mark: str, trace: Trace) -> None:
    """Keeps a trace for the next time, if it can be; a reader meanwhile finds the file of before or none.

    Args:
        run_dir: The run's directory.
        mark: From `stamp`, taken before the stream was read.
        trace: All of the stream.
    """
    if len(trace.contexts) > len(trace):
        return  # they share the rows of the file
    import pyarrow as pa

    path = run_dir / cache_file(trace.rank)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError, pa.ArrowException):
        try:
            _write(temporary, mark, trace)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _write(path: Path, mark: str, trace: Trace) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    said = {"stamp": mark, "contexts": len(trace.contexts), "now_ns": trace.now_ns}
    types = [(name, pa.from_numpy_dtype(np.dtype(kind))) for name, kind in _TYPES.items()]
    schema = pa.schema(types, {_KEY: json.dumps(said)})
    encoding = dict.fromkeys(_TYPES, "DELTA_BINARY_PACKED")
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False, column_encoding=encoding) as writer:
        for first in range(0, len(trace), _GROUP):
            columns = _group(trace, slice(first, first + _GROUP))
            # By way of buffers: `pa.array` would import pandas.
            arrays = [
                pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)])
                for (_, kind), column in zip(types, columns, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), len(columns[0]))


def store_behind(run_dir: Path, mark: str, trace: Trace) -> None:
    """As `store`, while the caller goes on; the process does not end before that is done."""
    threading.Thread(target=store, args=(run_dir, mark, trace), name="hooktrace-cache").start()


def _group(trace: Trace, rows: slice) -> list[Int64Array]:
    """Some rows of all columns, those of the contexts filled up to the length of the others."""
    columns = [np.ascontiguousarray(getattr(trace, name)[rows]) for name in SPAN_TYPES]
    for name, kind in CONTEXT_TYPES.items():
        there = getattr(trace.contexts, name)[rows]
        filled = np.zeros(len(columns[0]), kind)
        filled[: len(there)] = there
        columns.append(filled)
    return columns


def _read(file: "pq.ParquetFile", contexts: int) -> _Columns:
    """The columns of a file, a group of rows at a time, so that little is in memory twice."""
    rows = file.metadata.num_rows
    columns = {name: np.empty(rows if name in SPAN_TYPES else contexts, kind) for name, kind in _TYPES.items()}
    first = 0
    for group in range(file.num_row_groups):
        names = [name for name, column in columns.items() if first < len(column)]
        table = file.read_row_group(group, columns=names)
        for name in names:
            chunk = table.column(name).combine_chunks()
            here = columns[name][first : first + len(chunk)]
            if chunk.null_count or chunk.type.to_pandas_dtype() is not here.dtype.type:
                raise ValueError(f"{name} is not the column that was written")
            here[:] = np.frombuffer(chunk.buffers()[1], here.dtype, len(here))
        first += len(table)
    return columns


def _trace(
    columns: _Columns, now_ns: int, rank: int, started_at: datetime, actions: tuple[Action, ...]
) -> Trace | None:
    spans = {name: columns[name] for name in SPAN_TYPES}
    contexts = {name: columns[_CONTEXT + name] for name in CONTEXT_TYPES}
    if not _is_sound(spans, len(contexts["call"])):
        return None
    for column in columns.values():
        column.flags.writeable = False
    return Trace(
        rank=rank,
        actions=with_unknown(actions, int(spans["action"].max(initial=-1))),
        started_at=started_at,
        contexts=Contexts(**contexts),  # type: ignore[arg-type]  # narrower integers
        open_rows=tuple(np.flatnonzero(spans["status"] == OPEN).tolist()),
        now_ns=now_ns,
        **spans,  # type: ignore[arg-type]
    )


def _is_sound(spans: _Columns, contexts: int) -> bool:
    """Whether the columns can be a trace: whoever walks it must come to an end."""
    rows = np.arange(len(spans["action"]), dtype=np.int32)
    within = (
        (spans["action"], 0, MAX_ACTIONS),
        (spans["status"], 0, len(STATUS)),
        (spans["context"], -1, contexts),
        (spans["depth"], 0, max(1, len(rows))),
        (spans["parent"], -1, max(1, len(rows))),
    )
    return (
        all(column.min(initial=low) >= low and column.max(initial=low) < high for column, low, high in within)
        and bool((spans["parent"] < rows).all())
        and bool((spans["start_ns"][1:] >= spans["start_ns"][:-1]).all())
        and bool(((spans["duration_ns"] < 0) == (spans["status"] == OPEN)).all())
    )
