"""What the calls of one stretch usually take: the median of the same calls in the stretches before it.

"The same call" is the same action in the same place of the loop, and there the same time around: the second
`on_after_backward` of a batch is compared with the second ones of others.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LEAST: Final = 5
"""Fewer stretches than this have a median, but nobody can say what is unusual among them."""
FENCE: Final = 1.5
"""Beyond the upper quartile by so many times the range between the quartiles is Tukey's outlier."""
_LEAST_RATIO: Final = 1.1
_LEAST_SHARE: Final = 0.01
_NTH_BITS: Final = 20


@dataclass(frozen=True)
class Calls:
    """Some calls: one entry each, in order of their start.

    Attributes:
        stretch: Number of the stretch that a call is in.
        place: Of the call in the loop, as a number (a node of `LoopTree`).
        duration_ns: Time that it took.
    """

    stretch: Int64Array
    place: Int64Array
    duration_ns: Int64Array


@dataclass(frozen=True)
class Typical:
    """One entry for each call of a stretch.

    Attributes:
        of: How many stretches it is compared with.
        median_ns: What the call takes there; nan where there is no such call.
        slower: Whether it took longer here, beyond noise: past the upper fence of what it took there, by a tenth of
            the median, and by so much that the whole stretch feels it (1 %).
    """

    of: int
    median_ns: FloatArray
    slower: BoolArray


def typical(shown: Calls, before: Calls, whole_ns: int) -> Typical:
    """Compares the calls of one stretch with those of others.

    Args:
        shown: The calls of the stretch.
        before: The calls of the others.
        whole_ns: What the stretch took.
    """
    keys = _keys(before)
    order = np.lexsort((before.duration_ns, keys))
    keys, durations = keys[order], before.duration_ns[order]
    first = np.flatnonzero(np.concatenate((np.ones(min(len(keys), 1), np.bool_), keys[1:] != keys[:-1])))
    count = np.diff(np.append(first, len(keys)))
    wanted = _keys(shown)
    position = np.searchsorted(keys[first], wanted)
    known = np.flatnonzero(position < len(first))
    known = known[keys[first[position[known]]] == wanted[known]]
    group = position[known]
    low, middle, high = (_quantile(durations, first[group], count[group], share) for share in (0.25, 0.5, 0.75))
    here = shown.duration_ns[known]
    unusual = here > high + FENCE * (high - low)
    matters = (here > _LEAST_RATIO * middle) & (here - middle > _LEAST_SHARE * whole_ns)
    median_ns = np.full(len(wanted), np.nan)
    median_ns[known] = middle
    slower = np.zeros(len(wanted), np.bool_)
    slower[known] = unusual & matters & (count[group] >= LEAST)
    return Typical(len(np.unique(before.stretch)), median_ns, slower)


def _keys(calls: Calls) -> Int64Array:
    """A number for each call that is the same in every stretch: its place, and the how manieth time it is there."""
    order = np.lexsort((calls.place, calls.stretch))
    place, stretch = calls.place[order], calls.stretch[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (place[1:] != place[:-1]) | (stretch[1:] != stretch[:-1])
    position = np.arange(len(order))
    nth = np.empty(len(order), np.int64)
    nth[order] = position - np.maximum.accumulate(np.where(fresh, position, 0))
    return (calls.place << _NTH_BITS) | np.minimum(nth, (1 << _NTH_BITS) - 1)


def _quantile(sorted_ns: Int64Array, first: Int64Array, count: Int64Array, share: float) -> FloatArray:
    """A quantile of each group of `sorted_ns`, interpolated linearly."""
    place = (count - 1) * share
    below = np.floor(place).astype(np.int64)
    low = sorted_ns[first + below]
    high = sorted_ns[first + np.minimum(below + 1, count - 1)]
    return np.asarray(low + (high - low) * (place - below), np.float64)
