"""How fast the loop of a run turns: batches a second, and what lies between two epochs of training."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracer.analyze.digest_units import TRAINING_BATCH, UNITS, Units

_TRAIN = UNITS.index(TRAINING_BATCH)


@dataclass(frozen=True)
class Pace:
    """Times in ns, pauses left out; None where there is nothing to measure.

    Attributes:
        whole_ns: Of the whole recording.
        batches: How many training batches there are.
        batches_per_s: How many of them a second, while they run.
        between: How many gaps there are between two epochs of training.
        between_ns: The median gap: from the end of an epoch's last batch to the beginning of the next one's first.
    """

    whole_ns: int
    batches: int = 0
    batches_per_s: float | None = None
    between: int = 0
    between_ns: float | None = None


def pace(units: Units, wanted: npt.NDArray[np.bool_]) -> Pace:
    """The pace of a run, of the pieces that are `wanted`."""
    whole_ns = int(units.wall_ns[wanted].sum())
    training = np.flatnonzero((units.kind == _TRAIN) & wanted)
    if not len(training):
        return Pace(whole_ns)
    spent_ns = int(units.wall_ns[training].sum())
    passed_ns = np.cumsum(units.wall_ns)
    first, second = training[:-1], training[1:]
    turned = units.epoch[second] == units.epoch[first] + 1
    gaps_ns = (passed_ns[second] - units.wall_ns[second] - passed_ns[first])[turned]
    batches = int(units.count[_TRAIN])
    return Pace(
        whole_ns,
        batches,
        batches * 1e9 / spent_ns if spent_ns else None,
        len(gaps_ns),
        float(np.median(gaps_ns)) if len(gaps_ns) else None,
    )
