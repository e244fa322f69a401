"""How far a run is: bars with rates and times left, from its contexts alone.

Without a clock of its own, so that the screen, `hooktrace train --no-tui` and a replay at any moment say the same. What
Lightning cannot know (the length of an iterable dataset, an endless `max_epochs=-1`) stays unknown here: a bar without
a total. Time in which the training was paused is no time of work: it slows no rate, and while it lasts nothing moves.
"""

import math
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from tracer.analyze.pauses import Pauses, is_pause
from tracer.run.info import RunInfo
from tracer.run.layout import FUNCTIONS
from tracer.run.trace import Contexts, Trace, function_name, stage_name
from tui.batches import TRAIN, Batches, Loop

_FIT = FUNCTIONS.index("fit")
_LABELS = {"sanity_check": "sanity check", "train": "epoch", "validate": "validation"}


@dataclass(frozen=True)
class Bar:
    """One progress bar.

    Attributes:
        label: what it counts: epoch, fit, validation, ...
        done: batches begun; never more than `total`.
        total: batches planned; None where nobody can know.
        rate_per_s: batches per second lately, pauses and other loops left out; None before there are two.
        left_s: seconds until it is full; None where unknown.
    """

    label: str
    done: int
    total: int | None
    rate_per_s: float | None
    left_s: float | None

    @property
    def share(self) -> float | None:
        """Done of total, 0 to 1; None without a total."""
        if not self.total:
            return None
        return min(1.0, self.done / self.total)


@dataclass(frozen=True)
class Progress:
    """Where a run is. Epochs and batches are counted from one; None stands for "none" or "unknown".

    Attributes:
        function: the trainer call: fit, validate, test, predict.
        stage: sanity_check, train, validate, test, predict.
        epoch, max_epochs: the current epoch of a fit and how many there will be.
        batch, batches: the current batch of the current loop and how many there will be.
        step: the global step.
        paused: whether the training waits at the gate, so that nothing moves.
        bars: the outermost last.
    """

    function: str | None = None
    stage: str | None = None
    epoch: int | None = None
    max_epochs: int | None = None
    batch: int | None = None
    batches: int | None = None
    step: int | None = None
    paused: bool = False
    bars: tuple[Bar, ...] = ()


class ProgressMeter:
    """Follows a growing trace; a poll costs what is new of it."""

    def __init__(self) -> None:
        self._pauses = Pauses()
        self._batches = Batches()
        self._trace: Trace | None = None

    def copy(self) -> "ProgressMeter":
        """The same, to be advanced from here."""
        twin = ProgressMeter()
        twin._pauses, twin._batches, twin._trace = deepcopy(self._pauses), deepcopy(self._batches), self._trace
        return twin

    def advance(self, trace: Trace) -> None:
        """Takes in what is new of a trace that continues the one before."""
        self._pauses.advance(trace)
        self._batches.advance(trace, self._pauses)
        self._trace = trace

    def progress(self, info: RunInfo | None, now_ns: int) -> Progress:
        """How far the run is.

        Args:
            info: what run.json says; None before it is there.
            now_ns: the moment, in ns since the run's start.
        """
        if self._trace is None or not len(self._trace.contexts):
            return Progress()
        contexts = self._trace.contexts
        in_fit = int(contexts.function[-1]) == _FIT
        waiting_ns = self._waiting_since()
        return Progress(
            function=function_name(int(contexts.function[-1])),
            stage=stage_name(int(contexts.stage[-1])),
            epoch=_counted(contexts.epoch[-1]) if in_fit else None,
            max_epochs=_limit(info, "max_epochs") if in_fit else None,
            batch=_counted(contexts.batch[-1]),
            batches=_known(contexts.planned[-1]),
            step=_known(contexts.global_step[-1]) if in_fit else None,
            paused=waiting_ns is not None,
            bars=tuple(self._bars(contexts, info, now_ns, now_ns if waiting_ns is None else waiting_ns)),
        )

    def _waiting_since(self) -> int | None:
        """Since when the training has been waiting at the gate; None if it goes on."""
        trace = self._trace
        for row in trace.open_rows if trace else ():
            if trace and is_pause(trace.actions[int(trace.action[row])]):
                return int(trace.start_ns[row])
        return None

    def _bars(self, contexts: Contexts, info: RunInfo | None, now_ns: int, stood_ns: int) -> list[Bar]:
        """The bars; the training has stood still since `stood_ns`, which is `now_ns` if it has not."""
        worked_ns = stood_ns - int(self._pauses.until(np.array([stood_ns]))[0])
        stage, in_batch = int(contexts.stage[-1]), contexts.batch[-1] >= 0
        loops = self._batches.loops
        bars = []
        if stage != TRAIN and stage in loops:
            bars.append(_loop_bar(loops[stage], stage, loops[stage].batch_ns(worked_ns if in_batch else None)))
        if int(contexts.function[-1]) == _FIT and TRAIN in loops:
            train = loops[TRAIN]
            batch_ns = train.batch_ns(worked_ns if in_batch and stage == TRAIN else None)
            bars.append(_loop_bar(train, TRAIN, batch_ns))
            elsewhere_ns = 0 if stage == TRAIN else worked_ns - (train.begun_ns or worked_ns)
            trained_s = (now_ns - self._batches.train_began_ns) / 1e9
            bars.append(_fit_bar(train, batch_ns, elsewhere_ns, info, trained_s))
        return bars


def _loop_bar(loop: Loop, stage: int, batch_ns: float | None) -> Bar:
    name = stage_name(stage) or ""
    total = loop.planned if loop.planned >= 0 else None
    if total is not None:
        total = max(total, loop.done)
    left_s = None if total is None or batch_ns is None else (total - loop.done) * batch_ns / 1e9
    return Bar(_LABELS.get(name, name), loop.done, total, _rate(batch_ns), left_s)


def _fit_bar(train: Loop, batch_ns: float | None, elsewhere_ns: int, info: RunInfo | None, trained_s: float) -> Bar:
    """The bar of the whole fit, in training batches.

    Args:
        train: its batches.
        batch_ns: time of one.
        elsewhere_ns: if the last one is over and something else goes on: time since it began.
        info: what run.json says.
        trained_s: time since the first epoch began, on the clock of the wall.
    """
    length = train.planned if train.planned > 0 else None
    accumulated = _limit(info, "accumulate_grad_batches") or 1
    if length is None:  # what came before a resumed run is known in steps only
        done = train.count + max(0, train.first_step) * accumulated
    else:
        done = max(0, train.round) * length + train.done
    max_epochs, max_steps = _limit(info, "max_epochs"), _limit(info, "max_steps")
    totals = [max_epochs * length] if max_epochs is not None and length is not None else []
    if max_steps is not None:
        totals.append(_batches_of_steps(train, max_steps, length, accumulated))
    total = max(min(totals), done) if totals else None
    left_s = None
    if total is not None and batch_ns is not None:
        left_s = ((total - done) * batch_ns + _other_work_ns(train, batch_ns, elsewhere_ns, total - done)) / 1e9
    max_time_s = _seconds(info, "max_time")
    if max_time_s is not None:
        left_s = max(0.0, min(max_time_s - trained_s, max_time_s if left_s is None else left_s))
    return Bar("fit", done, total, None, left_s)


def _batches_of_steps(train: Loop, steps: int, length: int | None, accumulated: int) -> int:
    """How many batches make so many global steps. Lightning steps at the last batch of an epoch in any case
    (loops/training_epoch_loop.py, `_should_accumulate`), and several optimizers count several steps a batch."""
    if accumulated == 1:
        a_batch = (train.step - train.first_step) / (train.count - 1) if train.count > 1 else 1.0
        return steps if a_batch <= 0 or round(a_batch) == 1 else round(steps / a_batch)
    if length is None:
        return steps * accumulated
    epochs, rest = divmod(steps, -(-length // accumulated))
    return epochs * length + min(rest * accumulated, length)


def _other_work_ns(train: Loop, batch_ns: float, elsewhere_ns: int, left: int) -> float:
    """Time that validations and the like are still going to take, as they did so far.

    Once an epoch is over its share of such time stands for every epoch; before, what each batch took on average.
    """
    current_ns = max(0.0, train.other_ns - train.earlier_ns - (train.others - train.earlier) * batch_ns)
    current_ns += max(0.0, elsewhere_ns - batch_ns)
    if train.rounds < 2 or train.planned <= 0:
        before_ns = max(0.0, train.earlier_ns - train.earlier * batch_ns)
        return (before_ns + current_ns) / max(1, train.count) * left
    epoch_ns = max(0.0, train.earlier_ns - train.earlier * batch_ns) / (train.rounds - 1)
    whole_epochs = max(0, left - (train.planned - train.done)) / train.planned
    return whole_epochs * epoch_ns + max(0.0, epoch_ns - current_ns)


def _rate(batch_ns: float | None) -> float | None:
    return None if batch_ns is None else 1e9 / batch_ns


def _limit(info: RunInfo | None, name: str) -> int | None:
    """A positive whole trainer argument; None where it is absent or -1, which means "no limit"."""
    value = info.trainer.get(name) if info else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _seconds(info: RunInfo | None, name: str) -> float | None:
    value = info.trainer.get(name) if info else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value < math.inf else None


def _counted(value: "np.integer") -> int | None:
    return int(value) + 1 if value >= 0 else None


def _known(value: "np.integer") -> int | None:
    return int(value) if value >= 0 else None
