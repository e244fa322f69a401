"""The table of spans that people know: one row a span, the same columns in the same order wherever one appears.

CSV, Parquet, pandas: they all come from the Arrow table made here, so that they cannot come to differ.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tracer.run.events import Int64Array
from tracer.run.layout import OWNER_KINDS, STAGES
from tracer.run.trace import STATUS, Trace

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "seq",
    "parent",
    "rank",
    "stage",
    "epoch",
    "batch",
    "global_step",
    "dataloader",
    "owner_kind",
    "owner",
    "instance",
    "hook",
    "depth",
    "start_ns",
    "wall_time",
    "duration_ns",
    "self_ns",
    "status",
)
"""Names and order of the columns."""


_TEXT = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    **dict.fromkeys(("stage", "owner_kind", "owner", "hook", "status"), _TEXT),
    "wall_time": pa.timestamp("us", "UTC"),
}
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.int64())) for name in COLUMNS])
"""Their Arrow types."""

Rows = slice | Int64Array
"""Which rows of a trace: from the first to the last of a slice without a step, or those of an array."""


def spans_table(trace: Trace, rows: Rows | None = None) -> pa.Table:
    """The spans at `rows` (default: all) as an Arrow table with the columns of `COLUMNS`.

    Its schema is `SCHEMA`: integers are 64 bit wide and null where there is no value; texts are dictionaries;
    `wall_time` is a UTC timestamp in microseconds.
    """
    rows = slice(0, len(trace)) if rows is None else rows
    action = trace.action[rows]
    columns: dict[str, Any] = {
        "seq": pa.array(np.arange(*rows.indices(len(trace))) if isinstance(rows, slice) else rows.astype(np.int64)),
        "parent": _nullable(trace.parent[rows]),
        "rank": pa.array(np.full(len(action), trace.rank)),
        "stage": _chosen(_context(trace, "stage", rows), STAGES),
        **{name: _nullable(_context(trace, name, rows)) for name in ("epoch", "batch", "global_step", "dataloader")},
        **{name: _of_action(trace, name, action) for name in ("owner_kind", "owner", "instance", "hook")},
        "depth": pa.array(trace.depth[rows].astype(np.int64)),
        "start_ns": pa.array(trace.start_ns[rows]),
        "wall_time": _wall_time(trace, rows),
        "duration_ns": _nullable(trace.duration_ns[rows]),
        "self_ns": _nullable(trace.self_ns[rows]),
        "status": _chosen(trace.status[rows], STATUS),
    }
    return pa.table([columns[name] for name in COLUMNS], schema=SCHEMA)


def to_pandas(trace: Trace) -> "pd.DataFrame":
    """A trace as a DataFrame: nullable `Int64` where a value may be missing, categories for texts."""
    import pandas as pd

    frame: pd.DataFrame = spans_table(trace).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def _context(trace: Trace, name: str, rows: Rows) -> Any:
    values = getattr(trace.contexts, name)
    index = trace.context[rows]
    if not len(values):
        return np.full(len(index), -1, np.int64)
    return np.where(index >= 0, values[index], -1).astype(np.int64)


def _nullable(values: Any) -> pa.Array:
    return pa.array(values.astype(np.int64), mask=values < 0)


def _chosen(index: Any, names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32), mask=index < 0), list(names))


def _of_action(trace: Trace, name: str, action: Any) -> pa.Array:
    values = [getattr(entry, name) for entry in trace.actions]
    if name == "instance":
        return pa.array(np.asarray(values, np.int64)[action])
    names = tuple(dict.fromkeys((*OWNER_KINDS, *values) if name == "owner_kind" else values))
    codes = {text: code for code, text in enumerate(names)}
    return _chosen(np.asarray([codes[value] for value in values], np.int32)[action], names)


def _wall_time(trace: Trace, rows: Rows) -> pa.Array:
    epoch_us = int(trace.started_at.timestamp()) * 1_000_000 + trace.started_at.microsecond
    return pa.array(epoch_us + trace.start_ns[rows] // 1000, pa.timestamp("us", "UTC"))
