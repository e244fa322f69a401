"""Repeats of one training whose times are made up, thousands of calls a millisecond: what differs between two is noise.

The noise is what recordings of real trainings show, and more of it: every call has jitter of its own, some take many
times as long, neighbouring batches share a load that wanders, a run drifts as a whole, begins with a warm-up, and no
two runs of the same program are equally fast.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.analyze.streams import taken_in
from tests.builders import MS, mark
from tracer.run.events import Action
from tracer.run.layout import FUNCTIONS, STAGES, TIME_BITS, Mark
from tracer.run.trace import Trace

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Call:
    """A call of every batch: whose, what it takes by itself, and how many of the calls after it are inside."""

    owner_kind: str
    owner: str
    hook: str
    cost_ms: float
    inside: int = 0

    @property
    def label(self) -> str:
        return f"{self.owner}.{self.hook}" if self.owner else self.hook


def _everyone(hook: str) -> list[Call]:
    small = (("EarlyStopping", 0.004), ("TQDMProgressBar", 0.012), ("ModelCheckpoint", 0.02))
    return [*(Call("callback", owner, hook, cost) for owner, cost in small), Call("module", "ConvNet", hook, 0.002)]


BATCH: Final = (
    Call("loop", "_TrainingEpochLoop", "train_dataloader_next", 0.4),
    Call("strategy", "SingleDeviceStrategy", "batch_to_device", 0.05),
    *_everyone("on_train_batch_start"),
    Call("loop", "", "run_training_batch", 0.08, 15),
    Call("module", "ConvNet", "optimizer_step", 0.1, 14),
    Call("loop", "Adam", "step", 1.8, 13),
    Call("strategy", "SingleDeviceStrategy", "training_step", 0.2, 1),
    Call("module", "ConvNet", "forward", 4.0),
    Call("module", "ConvNet", "optimizer_zero_grad", 0.12),
    Call("strategy", "SingleDeviceStrategy", "backward", 0.16, 5),
    *_everyone("on_before_backward"),
    Call("module", "ConvNet", "backward", 4.8),
    *_everyone("on_before_optimizer_step"),
    *_everyone("on_train_batch_end"),
)
ACTIONS: Final = tuple(Action(number, call.owner_kind, call.owner, 0, call.hook) for number, call in enumerate(BATCH))


def repeat(seed: int, slower: Mapping[str, float] | None = None, batches: int = 500, noise: float = 1.0) -> Trace:
    """One run of the training.

    Args:
        seed: Of the noise.
        slower: By label, by how much calls take longer.
        batches: How many there are.
        noise: How much of the noise; 0 is a machine without any.
    """
    random = np.random.default_rng(seed)
    costs = np.array([call.cost_ms * (slower or {}).get(call.label, 1.0) for call in BATCH]) * MS
    jitter = np.exp(noise * random.uniform(0.1, 0.25, len(BATCH)) * random.standard_normal((batches, len(BATCH))))
    rare = random.random(jitter.shape) < 0.005 * noise
    jitter[rare] *= np.minimum(1 + 3 * random.pareto(1.2, rare.sum()), 100)
    layout = np.exp(0.005 * noise * random.standard_normal(len(BATCH)))
    took = costs * layout * jitter * _load(random, batches, noise)[:, None]
    return _trace(took.astype(np.int64))


def _load(random: np.random.Generator, batches: int, noise: float) -> FloatArray:
    """By batch, how much longer everything takes."""
    wander = _wander(random, batches, 0.97, 0.07) + _wander(random, batches, 0.3, 0.08)
    drift = random.uniform(-0.05, 0.05) * np.linspace(-1, 1, batches) + 0.03 * random.standard_normal()
    warm_up = np.log1p(2 * np.exp(-np.arange(batches) / 5))
    return np.asarray(np.exp(noise * (wander + drift + warm_up)), np.float64)


def _wander(random: np.random.Generator, batches: int, keep: float, spread: float) -> FloatArray:
    """A random walk back to zero that forgets all but `keep` of itself from one batch to the next."""
    steps = random.standard_normal(batches) * spread * np.sqrt(1 - keep**2)
    steps[0] = spread * random.standard_normal()
    kernel = keep ** np.arange(min(batches, 400))
    return np.asarray(np.convolve(steps, kernel)[:batches], np.float64)


def _trace(took_ns: npt.NDArray[np.int64]) -> Trace:
    """The trace of a fit of one epoch in which the calls take these times by themselves: [batches, calls]."""
    order, gaps = _records()
    batches = len(took_ns)
    waits = np.where(gaps >= 0, took_ns[:, np.maximum(gaps, 0)], 300)
    times = np.cumsum(waits.ravel()).reshape(batches, -1)
    events = (order << TIME_BITS) + times
    number = ((Mark.BATCH << TIME_BITS) + np.arange(batches) + 1)[:, None]
    begin = [
        mark(Mark.CALL, FUNCTIONS.index("fit")),
        mark(Mark.STAGE, STAGES.index("train")),
        mark(Mark.STEP, 0),
        mark(Mark.EPOCH, 0),
    ]
    stream = np.concatenate((np.array(begin, np.int64), np.hstack((number, events)).ravel()))
    return taken_in(stream, ACTIONS)[0]


def _records() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The codes of a batch's records; and for each the call whose own time passes before it, -1 for none."""
    codes: list[int] = []
    gaps: list[int] = []

    def play(first: int, last: int) -> None:
        index = first
        while index < last:
            behind = index + 1 + BATCH[index].inside
            codes.append(index)
            gaps.append(-1)
            play(index + 1, behind)
            codes.append(~index)
            gaps.append(index)
            index = behind

    play(0, len(BATCH))
    return np.array(codes, np.int64), np.array(gaps, np.int64)
