"""Durations in bins of equal ratio: quantiles of any number of calls in a few kilobytes.

A bin is one of 32 equal parts of an octave, as HdrHistogram has them: counts are exact, every quantile is right to
within `RELATIVE_ERROR`, and the result does not depend on the order or the portions in which durations came.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tracer.run.layout import TIME_BITS

Int64Array = npt.NDArray[np.int64]

_PART_BITS: Final = 5
_FRACTION_BITS: Final = 52
_EXPONENT_BIAS: Final = 1023
_LONGEST_NS: Final = (1 << TIME_BITS) - 1
_BINS: Final = (TIME_BITS << _PART_BITS) + 1
RELATIVE_ERROR: Final = 1 / (2 << _PART_BITS)
"""A quantile is at most this part of its true value away from it (1.6 %)."""
TREND_BUCKETS: Final = 64
_FIRST_BUCKET_NS: Final = 1 << 20


class DurationHistogram:
    """Counts durations; says their quantiles."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self.count = 0
        self.total_ns = 0
        self.min_ns = _LONGEST_NS
        self.max_ns = 0

    def add(self, durations_ns: Int64Array) -> None:
        """Takes in durations of at least 0 ns, in any order."""
        if not len(durations_ns):
            return
        self._counts += np.bincount(_bin_of(durations_ns), minlength=_BINS)
        self.count += len(durations_ns)
        self.total_ns += int(durations_ns.sum())
        self.min_ns = min(self.min_ns, int(durations_ns.min()))
        self.max_ns = max(self.max_ns, int(durations_ns.max()))

    def quantile_ns(self, share: float) -> float | None:
        """The duration that `share` (0 to 1) of all are at most; None if there are none.

        Between two calls it is interpolated linearly, as numpy does by default.
        """
        if not self.count:
            return None
        reached = np.cumsum(self._counts)
        place = (self.count - 1) * share
        below = int(place)
        low, high = (self._value_at(reached, rank) for rank in (below, min(below + 1, self.count - 1)))
        return low + (high - low) * (place - below)

    def spread(self, columns: int) -> tuple[int, ...]:
        """Calls in `columns` bins of equal ratio from the shortest to the longest; empty if there are none.

        There are fewer columns where the durations lie too close together to be told apart.
        """
        used = np.flatnonzero(self._counts)
        if not len(used):
            return ()
        between = self._counts[used[0] : used[-1] + 1]
        return tuple(int(part.sum()) for part in np.array_split(between, min(columns, len(between))))

    def _value_at(self, reached: Int64Array, rank: int) -> float:
        """The middle of the bin that holds the call of this rank, as far as durations went."""
        index = int(np.searchsorted(reached, rank, side="right"))
        return min(max(_middle_ns(index), self.min_ns), self.max_ns)


def _bin_of(durations_ns: Int64Array) -> Int64Array:
    """0 for no time, else the octave and its part: both stand at the top of the bits of a float."""
    bits = np.clip(durations_ns, 0, _LONGEST_NS).astype(np.float64).view(np.int64)
    index = (bits >> (_FRACTION_BITS - _PART_BITS)) - (_EXPONENT_BIAS << _PART_BITS) + 1
    return np.asarray(np.maximum(index, 0), np.int64)


def _middle_ns(index: int) -> float:
    """The middle of the whole numbers in a bin."""
    if index == 0:
        return 0.0
    octave, part = divmod(index - 1, 1 << _PART_BITS)
    whole = 1 << _PART_BITS
    least = -(-((whole + part) << octave) // whole)
    after = -(-((whole + part + 1) << octave) // whole)
    return (least + after - 1) / 2


@dataclass(frozen=True)
class Trend:
    """Mean durations over time.

    Attributes:
        bucket_ns: Time that each of `mean_ns` is of; the first begins with the run.
        mean_ns: Mean duration of the calls that began then; nan where none did.
    """

    bucket_ns: int = _FIRST_BUCKET_NS
    mean_ns: tuple[float, ...] = ()


class TrendBuckets:
    """Mean durations in at most `TREND_BUCKETS` equal portions of the run, which become longer as it does."""

    def __init__(self) -> None:
        self._bucket_ns = _FIRST_BUCKET_NS
        self._count = np.zeros(TREND_BUCKETS, np.int64)
        self._sum_ns = np.zeros(TREND_BUCKETS, np.int64)

    def add(self, start_ns: Int64Array, durations_ns: Int64Array) -> None:
        """Takes in calls by when they began."""
        if not len(start_ns):
            return
        latest_ns = int(start_ns.max())
        while latest_ns // self._bucket_ns >= TREND_BUCKETS:
            self._bucket_ns *= 2
            self._count, self._sum_ns = _in_pairs(self._count), _in_pairs(self._sum_ns)
        bucket = start_ns // self._bucket_ns
        self._count += np.bincount(bucket, minlength=TREND_BUCKETS)
        np.add.at(self._sum_ns, bucket, durations_ns)

    def trend(self) -> Trend:
        """The means, up to the last portion with a call."""
        used = np.flatnonzero(self._count)
        stop = int(used[-1]) + 1 if len(used) else 0
        count = self._count[:stop]
        means = np.where(count > 0, self._sum_ns[:stop] / np.maximum(count, 1), np.nan)
        return Trend(self._bucket_ns, tuple(means.tolist()))


def _in_pairs(values: Int64Array) -> Int64Array:
    return np.concatenate((values.reshape(-1, 2).sum(axis=1), np.zeros(len(values) // 2, np.int64)))
