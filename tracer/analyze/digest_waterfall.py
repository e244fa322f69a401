"""The spans of one batch that stands for all: the one that took the median time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tracer.analyze.digest_times import UnitTimes
from tracer.analyze.digest_units import UNITS, Units
from tracer.run.trace import Trace

_BATCHES: Final = UNITS[:5]
_MOST: Final = 400


@dataclass(frozen=True)
class Bar:
    """A span of the batch, in order of its start.

    Attributes:
        label: Owner and hook. Text from the recording: untrusted.
        owner_kind: Of its owner.
        depth: 0 for the outermost of the batch.
        start_ns: Since the batch began.
        duration_ns: Time that it took.
    """

    label: str
    owner_kind: str
    depth: int
    start_ns: int
    duration_ns: int


def median_batch(
    trace: Trace, units: Units, times: Sequence[UnitTimes], piece: npt.NDArray[np.int32]
) -> tuple[Bar, ...]:
    """The first 400 spans that returned of the batch nearest to the median, of the first kind of batch that ran."""
    unit = next((one for one in times if one.kind in _BATCHES), None)
    if unit is None:
        return ()
    own = np.flatnonzero(units.kind == UNITS.index(unit.kind))
    walls = np.bincount(units.unit[own], units.wall_ns[own])
    chosen = own[units.unit[own] == int(np.argmin(np.abs(walls - unit.median_ns)))]
    bounds = np.searchsorted(piece, np.stack((chosen, chosen + 1)))
    rows = np.concatenate([np.arange(first, last) for first, last in bounds.T])[:_MOST]
    rows = rows[trace.duration_ns[rows] >= 0]
    if not len(rows):
        return ()
    outermost, begin = int(trace.depth[rows].min()), int(trace.start_ns[rows[0]])
    return tuple(_bar(trace, row, outermost, begin) for row in rows.tolist())


def _bar(trace: Trace, row: int, outermost: int, begin: int) -> Bar:
    action = trace.actions[trace.action[row]]
    return Bar(
        action.label,
        action.owner_kind,
        int(trace.depth[row]) - outermost,
        int(trace.start_ns[row]) - begin,
        int(trace.duration_ns[row]),
    )
