"""Columns that grow: what `TraceBuilder` writes to and what a `Trace` looks at."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

_FIRST_CAPACITY = 1024


class Columns:
    """Named numpy arrays of one common length, appended to at the end in amortised constant time."""

    def __init__(self, types: Mapping[str, npt.DTypeLike]) -> None:
        self._arrays = {name: np.zeros(_FIRST_CAPACITY, dtype) for name, dtype in types.items()}
        self._length = 0
        self._capacity = _FIRST_CAPACITY

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> npt.NDArray[np.int64]:
        """The column's entries so far, writable. (Declared as int64 whatever the width: numpy widens on use.)"""
        return self._arrays[name][: self._length]

    def reserve(self, capacity: int) -> None:
        """Makes room for `capacity` entries; memory is taken only as they are written.

        Raises:
            MemoryError: there is no such room; nothing has changed then.
        """
        if capacity > self._capacity:
            grown = {name: np.zeros(capacity, old.dtype) for name, old in self._arrays.items()}
            for name, old in self._arrays.items():
                grown[name][: self._length] = old[: self._length]
            self._arrays, self._capacity = grown, capacity

    def extend(self, count: int) -> int:
        """Adds `count` entries of zero to every column; returns the index of the first."""
        first = self._length
        if first + count > self._capacity:
            self.reserve(max(2 * self._capacity, first + count))
        self._length += count
        return first

    def views(self) -> dict[str, npt.NDArray[np.int64]]:
        """Read-only views of the entries so far; they keep their length while the columns grow."""
        views = {name: array[: self._length] for name, array in self._arrays.items()}
        for view in views.values():
            view.flags.writeable = False
        return views
