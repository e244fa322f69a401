"""What each hook takes in each kind of unit: exact counts, sums and medians, and how sure the medians are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracer.analyze.digest_units import UNITS, Units
from tracer.analyze.pauses import Pauses
from tracer.analyze.resample import DRAWS, FloatArray, block_count, drawn_typical, draws, typical
from tracer.run.events import Int64Array
from tracer.run.trace import Trace

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True)
class HookTimes:
    """The calls of an action in units of one kind that returned, pauses left out. Times in ns.

    Attributes:
        action: Its number.
        calls: How many.
        total_ns, self_ns: Sums; self time is without what these calls called.
        median_ns, self_median_ns: Of a call.
        typical_ns: Self time that a call typically takes (see `resample.typical`).
    """

    action: int
    calls: int
    total_ns: int
    self_ns: int
    median_ns: float
    self_median_ns: float
    typical_ns: float


@dataclass(frozen=True)
class UnitFigures:
    """The units of one kind.

    Attributes:
        kind: One of `UNITS`.
        units: How many there are.
        wall_ns: Time that they take together, from the beginning of each to that of what follows, pauses left out.
        median_ns: What one takes.
        typical_ns: What one typically takes (see `resample.typical`).
        blocks: Into how many blocks they were cut for resampling; 0 where they are too few.
        hooks: By action, in order.
    """

    kind: str
    units: int
    wall_ns: int
    median_ns: float
    typical_ns: float
    blocks: int
    hooks: tuple[HookTimes, ...]


@dataclass(frozen=True, eq=False)
class UnitTimes(UnitFigures):
    """The units of one kind, and how sure that is.

    Attributes:
        drawn: [DRAWS, 1 + hooks] logarithm of what is typical in each draw: of the unit, then of each hook's self time;
            nan where too few units have it.
    """

    drawn: npt.NDArray[np.float32]


def unit_times(
    trace: Trace, units: Units, rows: Int64Array | slice, piece: Int32Array, pauses: Pauses
) -> tuple[UnitTimes, ...]:
    """The times of these calls by kind of unit, for the kinds that have calls.

    Args:
        trace: Where they come from.
        units: Of the trace.
        rows: Which calls.
        piece: By row of the trace, the piece that it is in.
        pauses: Of the trace.
    """
    blocks = [block_count(int(count)) for count in units.count]
    block_of_piece = _blocks(units, blocks)
    group = units.kind.astype(np.int16)[piece[rows]] * np.int16(len(trace.actions)) + trace.action[rows]
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=len(UNITS) * len(trace.actions)))
    del group
    if not isinstance(rows, slice):
        order = rows[order]
    block = block_of_piece[piece[order]]
    found: list[UnitTimes] = []
    for number, kind in enumerate(UNITS):
        weights = draws(blocks[number]) if blocks[number] else None
        hooks, drawn = [], [_unit_draws(units, number, block_of_piece, weights)]
        for action in range(len(trace.actions)):
            index = number * len(trace.actions) + action
            part = slice(int(ends[index - 1]) if index else 0, int(ends[index]))
            times = _hook(trace, action, order[part], block[part], weights, pauses)
            if times is not None:
                hooks.append(times[0])
                drawn.append(times[1])
        if hooks:
            found.append(_unit_times(units, number, kind, blocks[number], hooks, drawn))
    return tuple(found)


def _blocks(units: Units, blocks: list[int]) -> npt.NDArray[np.int8]:
    """By piece, the block that its unit is in: neighbours in time, as many in each block."""
    many = np.array(blocks)[units.kind]
    return np.asarray(units.unit * many // np.maximum(units.count[units.kind], 1), np.int8)


def _hook(
    trace: Trace,
    action: int,
    rows: Int64Array,
    block: npt.NDArray[np.int8],
    weights: FloatArray | None,
    pauses: Pauses,
) -> tuple[HookTimes, FloatArray] | None:
    took_ns = trace.duration_ns[rows]
    if not len(took_ns):
        return None
    if (took_ns < 0).any():
        rows, block, took_ns = rows[took_ns >= 0], block[took_ns >= 0], took_ns[took_ns >= 0]
        if not len(rows):
            return None
    work_ns = pauses.work_ns(trace.start_ns[rows], took_ns)
    self_ns = trace.self_ns[rows]
    times = HookTimes(
        action=action,
        calls=len(rows),
        total_ns=int(work_ns.sum()),
        self_ns=int(self_ns.sum()),
        median_ns=float(np.median(work_ns)),
        self_median_ns=float(np.median(self_ns)),
        typical_ns=typical(self_ns),
    )
    none = np.full(DRAWS, np.nan)
    return times, none if weights is None else drawn_typical(self_ns, block.astype(np.int64), weights)


def _walls(units: Units, kind: int) -> tuple[Int64Array, Int64Array]:
    """By unit of a kind, how long it lasted; and its pieces."""
    own = np.flatnonzero(units.kind == kind)
    walls = np.bincount(units.unit[own], units.wall_ns[own], minlength=int(units.count[kind])).astype(np.int64)
    return walls, own


def _unit_draws(
    units: Units, kind: int, block_of_piece: npt.NDArray[np.int8], weights: FloatArray | None
) -> FloatArray:
    if weights is None:
        return np.full(DRAWS, np.nan)
    walls, own = _walls(units, kind)
    block = np.zeros(len(walls), np.int64)
    block[units.unit[own]] = block_of_piece[own]
    return drawn_typical(walls, block, weights)


def _unit_times(
    units: Units, number: int, kind: str, blocks: int, hooks: list[HookTimes], drawn: list[FloatArray]
) -> UnitTimes:
    walls, _ = _walls(units, number)
    return UnitTimes(
        kind=kind,
        units=len(walls),
        wall_ns=int(walls.sum()),
        median_ns=float(np.median(walls)),
        typical_ns=typical(walls),
        blocks=blocks,
        hooks=tuple(hooks),
        drawn=np.stack(drawn, 1, dtype=np.float32, casting="same_kind"),
    )
