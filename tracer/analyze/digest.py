"""What a comparison needs to know of a run: its loop, its calls and its times, in a few hundred kilobytes.

Working it out takes seconds for a run of millions of calls; comparing two of them, milliseconds. A digest is plain
data: it can be kept beside the run, and sent from one process to another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tracer.analyze.digest_pace import Pace, pace
from tracer.analyze.digest_times import UnitTimes, unit_times
from tracer.analyze.digest_units import Units
from tracer.analyze.digest_waterfall import Bar, median_batch
from tracer.analyze.fold_lines import FoldedLine, explain_lines
from tracer.analyze.pauses import Pauses, is_pause
from tracer.run.events import Action, Int64Array
from tracer.run.info import CallbackInfo
from tracer.run.layout import STAGES
from tracer.run.trace import Trace


@dataclass(frozen=True)
class Calls:
    """How often an action was called in one place.

    Attributes:
        action: Its number.
        path: The loops around, such as "fit > epoch > batch"; empty outside of all loops.
        count: Calls there.
    """

    action: int
    path: str
    count: int


@dataclass(frozen=True)
class Digest:
    """A rank's run as comparisons see it. Texts come from the recording: untrusted.

    Attributes:
        rank: Global rank.
        stage: The one stage that it is about; None for all.
        stages: Those that the run has, in order.
        spans: How many there are.
        actions: By number.
        lines: The folded loop.
        turns: By path of a loop, how many turns it took, outermost first.
        calls: By action and place, in the order in which they first came.
        times: By kind of unit, of those that ran.
        pace: How fast the loop turns.
        waterfall: The spans of a median training batch (of another stage where there is no training).
        gap: What is missing of the recording, in words; None if nothing is.
    """

    rank: int
    stage: str | None
    stages: tuple[str, ...]
    spans: int
    actions: tuple[Action, ...]
    lines: tuple[FoldedLine, ...]
    turns: Mapping[str, int]
    calls: tuple[Calls, ...]
    times: tuple[UnitTimes, ...]
    pace: Pace
    waterfall: tuple[Bar, ...]
    gap: str | None = None


def digest(
    trace: Trace, trainer: Mapping[str, Any], stage: str | None = None, callbacks: Sequence[CallbackInfo] = ()
) -> Digest:
    """Looks at a whole trace once.

    Args:
        trace: One rank's spans.
        trainer: Its trainer's arguments with their values, as run.json has them.
        stage: Look at one stage only, of `layout.STAGES`; without spans in it, the digest is nearly empty.
        callbacks: What run.json says of the callbacks, whose arguments may explain conditions of the loop.
    """
    pauses = Pauses()
    pauses.advance(trace)
    units = Units(trace, pauses)
    wanted = np.full(len(units.stage), True) if stage is None else units.stage == STAGES.index(stage)
    piece = units.piece[trace.context + 1]
    rows = _rows(trace, wanted, piece)
    times = unit_times(trace, units, rows, piece, pauses)
    return Digest(
        rank=trace.rank,
        stage=stage,
        stages=tuple(STAGES[number] for number in dict.fromkeys(units.stage.tolist()) if number >= 0),
        spans=len(trace),
        actions=trace.actions,
        lines=explain_lines(trace, trainer, stage=stage, callbacks=callbacks) if len(trace) else (),
        turns=units.turns if stage is None else _turns_in(units, wanted),
        calls=_calls(trace, units, rows, piece),
        times=times,
        pace=pace(units, wanted),
        waterfall=median_batch(trace, units, times, piece),
        gap=trace.gap,
    )


def _rows(trace: Trace, wanted: npt.NDArray[np.bool_], piece: npt.NDArray[np.int32]) -> Int64Array | slice:
    """The calls to look at: no pauses, and those in the pieces that are wanted."""
    paused = np.array([is_pause(action) for action in trace.actions], np.bool_)
    if wanted.all() and not paused.any():
        return slice(None)
    return np.flatnonzero(wanted[piece] & ~paused[trace.action])


def _turns_in(units: Units, wanted: npt.NDArray[np.bool_]) -> dict[str, int]:
    """The loops that are in, or around, what is wanted."""
    inside = {units.paths[number] for number in np.unique(units.path[wanted]).tolist()}
    return {
        path: turns
        for path, turns in units.turns.items()
        if any(f"{one} > ".startswith(f"{path} > ") for one in inside)
    }


def _calls(trace: Trace, units: Units, rows: Int64Array | slice, piece: npt.NDArray[np.int32]) -> tuple[Calls, ...]:
    many = len(units.paths)
    place = trace.action[rows].astype(np.int32) * many + units.path.astype(np.int32)[piece[rows]]
    counts = np.bincount(place, minlength=many * len(trace.actions))
    found = np.flatnonzero(counts).tolist()
    first = np.zeros(len(counts), np.int64)
    first[place[::-1]] = np.arange(len(place))[::-1]  # of several assignments to one place the last one stays
    found.sort(key=lambda number: int(first[number]))
    return tuple(Calls(number // many, units.paths[number % many], int(counts[number])) for number in found)
