"""Lightning's metrics.csv, read while Lightning writes it.

Three properties of the writer (fabric/loggers/csv_logs.py:228-264) shape the reader. A row holds what was logged
together, so most cells are empty. When a metric appears for the first time the whole file is rewritten in place with
one more column, and not atomically: it may be found empty or short. And rows do not come in order of `step`: validation
metrics logged per step count validation batches. So the file is read whole whenever it changed, columns go by name, and
rows are identified by their place.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tracer.run.events import Int64Array

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]

_AXES = ("epoch", "step")
_MAX_BYTES = 256 << 20
_MAX_COLUMNS = 10_000


@dataclass(frozen=True)
class Series:
    """One metric: the rows of the file in which it was logged, the steps there, and its values."""

    rows: Int64Array
    steps: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class Metrics:
    """The file's columns, one entry a row, nan where nothing was logged."""

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

    def to_pandas(self) -> "pd.DataFrame":
        """The same as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns))


class MetricsReader:
    """Reads the file again whenever it changed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._metrics = Metrics()

    def poll(self) -> Metrics:
        """What the file holds now. The same object as last time if nothing changed.

        While the file is missing, or is found shorter than it was (it is being rewritten), the last state stands.
        """
        try:
            status = self._path.stat() if self._path else None
            if status is None or (status.st_mtime_ns, status.st_size) == self._seen or status.st_size > _MAX_BYTES:
                return self._metrics
            text = self._path.read_text(encoding="utf-8", errors="replace") if self._path else ""
        except OSError:
            return self._metrics
        self._seen = (status.st_mtime_ns, status.st_size)
        metrics = parse_metrics(text)
        if len(metrics) >= len(self._metrics):
            self._metrics = metrics
        return self._metrics


def parse_metrics(text: str) -> Metrics:
    """Parses the text of a metrics.csv. A last line without its end is left for later; unreadable cells are nan."""
    complete = text[: text.rfind("\n") + 1]
    rows = csv.reader(io.StringIO(complete, newline=""))
    try:
        header = next(rows, [])[:_MAX_COLUMNS]
        cells = [row for row in rows if row]
    except csv.Error:
        return Metrics()
    columns = {
        name: np.array([_number(row[index]) if index < len(row) else np.nan for row in cells], np.float64)
        for index, name in enumerate(header)
    }
    return Metrics(columns)


def _number(cell: str) -> float:
    if not cell:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        return float("nan")
