"""Lightning's metrics.csv, read while Lightning writes it.

Three properties of the writer (fabric/loggers/csv_logs.py:228-264) shape the reader. A row holds what was logged
together, so most cells are empty. When a metric appears for the first time the whole file is rewritten in place with
one more column, and not atomically: it may be found empty or short. And rows do not come in order of `step`: validation
metrics logged per step count validation batches. So columns go by name, rows are identified by their place, and only
what was appended is parsed, as long as the header and the end of what is known stand unchanged in the file.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from tracer.run.columns import Columns
from tracer.run.events import Int64Array
from tracer.run.files import open_regular

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]

_AXES = ("epoch", "step")
_MAX_BYTES = 256 << 20
_MAX_COLUMNS = 10_000
_TAIL_BYTES = 4096
"""So much before the end of what was read must be as it was, else the file is another one."""


@dataclass(frozen=True)
class Series:
    """One metric: the rows of the file in which it was logged, the steps there, and its values."""

    rows: Int64Array
    steps: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class Metrics:
    """The file's columns by name, one entry a row, nan where nothing was logged.

    Where nan itself was logged the entry is a nan whose sign bit is set, so that every selection of rows can still
    tell the two apart.
    """

    columns: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics, in the file's order."""
        return tuple(name for name in self.columns if name not in _AXES)

    def series(self, name: str) -> Series:
        """The rows in which `name` was logged (none, if there is no such metric). Values may be infinite."""
        if name not in self.columns:
            return Series(np.empty(0, np.int64), np.empty(0), np.empty(0))
        values = self.columns[name]
        rows = np.flatnonzero(~np.isnan(values))
        steps = self.columns.get("step", np.arange(len(values), dtype=np.float64))
        return Series(rows, steps[rows], values[rows])

    def not_finite(self, name: str) -> int:
        """How often infinity or nan was logged as `name`."""
        values = self.columns.get(name, np.empty(0))
        return int((np.isinf(values) | (np.isnan(values) & np.signbit(values))).sum())

    def to_pandas(self) -> "pd.DataFrame":
        """The same as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns))


class MetricsReader:
    """Follows a file that grows, and that is rewritten now and then."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._rows = _Rows()
        self._metrics = Metrics()

    def poll(self) -> Metrics:
        """What the file holds now. The same object as last time if nothing changed.

        While the file is missing, or holds only the first part of what is known (it is being rewritten), the last
        state stands. Costs what was appended; a rewritten file is parsed whole.
        """
        with suppress(OSError):
            self._follow()
        return self._metrics

    def _follow(self) -> None:
        if self._path is None:
            return
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._seen or status.st_size > _MAX_BYTES:
            return
        with open_regular(self._path) as file:
            appended = self._rows.continued_in(file)
            if appended is None:
                rows = _Rows()
                file.seek(0)
                rows.take(file.read())
                if rows.continued_in(file) is None:
                    return  # rewritten while it was read: what came may be of two files
                self._rows = rows
            else:
                self._rows.take(appended)
        self._seen = stamp
        metrics = self._rows.metrics(self._metrics)
        if not _is_first_part(metrics, self._metrics):
            self._metrics = metrics


class _Rows:
    """The rows of one file, taken in portion by portion."""

    def __init__(self) -> None:
        self._header = b""
        self._tail = b""
        self._size = 0
        self._index: dict[str, int] = {}
        self._columns = Columns({})
        self._broken = False

    def continued_in(self, file: BinaryIO) -> bytes | None:
        """What the file has after the rows taken; None if they are not its beginning.

        The bytes are read before the beginning is looked at, so that a rewrite in between cannot go unnoticed.
        """
        if not self._header:
            return None
        file.seek(self._size)
        appended = file.read()
        file.seek(0)
        if file.read(len(self._header)) != self._header:
            return None
        file.seek(self._size - len(self._tail))
        return appended if file.read(len(self._tail)) == self._tail else None

    def take(self, data: bytes) -> None:
        """Takes the whole records at the beginning of `data`; the last one may be cut."""
        ends = _record_ends(data)
        if not len(ends):
            return
        begin = 0
        if not self._header:
            begin = int(ends[0])
            self._header = data[:begin]
            names = next(iter(_records(self._header)), [])[:_MAX_COLUMNS]
            self._index = {name: place for place, name in enumerate(names)}
            self._columns = Columns(dict.fromkeys(self._index, np.float64))
        end = int(ends[-1])
        self._size += end
        self._tail = (self._tail + data[:end])[-_TAIL_BYTES:]
        self._append(data[begin:end])

    def _append(self, data: bytes) -> None:
        cells: list[list[str]] = []
        try:
            if not self._broken:
                cells.extend(row for row in _records(data) if row)
        except csv.Error:
            self._broken = True  # no reader knows what comes after
        if not cells or not self._index:
            return
        first = self._columns.extend(len(cells))
        for name, place in self._index.items():
            numbers = [_number(row[place]) if place < len(row) else np.nan for row in cells]
            self._columns[name][first:] = np.array(numbers, np.float64)

    def metrics(self, known: Metrics) -> Metrics:
        """The rows taken so far; `known` itself if it has as many of the same columns."""
        metrics = Metrics(cast(Mapping[str, FloatArray], self._columns.views()))
        unchanged = len(metrics) == len(known) and tuple(metrics.columns) == tuple(known.columns)
        return known if unchanged and _same(metrics.columns, known.columns) else metrics


def parse_metrics(text: str) -> Metrics:
    """Parses the text of a metrics.csv. A last line without its end is left for later; unreadable cells are nan."""
    rows = _Rows()
    rows.take(text.encode("utf-8", "replace"))
    return rows.metrics(Metrics())


def _record_ends(data: bytes) -> Int64Array:
    """Where the records of `data` end: behind each line feed that is not between quotes."""
    array = np.frombuffer(data, np.uint8)
    feeds = np.flatnonzero(array == ord("\n"))
    if b'"' in data:
        quotes = np.flatnonzero(array == ord('"'))
        feeds = feeds[np.searchsorted(quotes, feeds) % 2 == 0]
    return feeds + 1


def _records(data: bytes) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline=""))


def _is_first_part(metrics: Metrics, known: Metrics) -> bool:
    """Whether `metrics` says nothing that `known` does not say: a part of the same file, still being rewritten."""
    rows = len(metrics)
    if rows >= len(known):
        return metrics is known
    if not known.columns.keys() <= metrics.columns.keys():
        return False  # a rewrite adds columns and takes none away
    return _same({name: values[:rows] for name, values in known.columns.items()}, metrics.columns)


def _same(some: Mapping[str, FloatArray], others: Mapping[str, FloatArray]) -> bool:
    return all(np.array_equal(values, others[name], equal_nan=True) for name, values in some.items())


def _number(cell: str) -> float:
    """The number in a cell; nan for an empty or unreadable one, and for `nan` the one with its sign bit set."""
    if not cell:
        return math.nan
    try:
        number = float(cell)
    except ValueError:
        return math.nan
    return -math.nan if math.isnan(number) else number
