"""How far a run is: bars with rates and times left, from its contexts alone.

Pure, so that the screen, `hooktrace train --no-tui` and a replay at any moment say the same. What Lightning cannot know
(the length of an iterable dataset, an endless `max_epochs=-1`) stays unknown here: a bar without a total.
"""

from dataclasses import dataclass

import numpy as np

from tracer.run.events import Int64Array
from tracer.run.info import RunInfo
from tracer.run.layout import STAGES
from tracer.run.trace import Contexts, Trace, function_name, stage_name

_SANITY, _TRAIN = STAGES.index("sanity_check"), STAGES.index("train")
_RATE_BATCHES = 50
_PATIENCE_NS = 2_000_000_000
"""Events of a live run arrive in portions: a shorter silence says nothing."""
_LABELS = {"sanity_check": "sanity check", "train": "epoch", "validate": "validation"}


@dataclass(frozen=True)
class Bar:
    """One progress bar.

    Attributes:
        label: what it counts: epoch, fit, validation, ...
        done: batches begun.
        total: batches planned; None where nobody can know.
        rate_per_s: batches per second lately; None before there are two.
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
        bars: the outermost last.
    """

    function: str | None = None
    stage: str | None = None
    epoch: int | None = None
    max_epochs: int | None = None
    batch: int | None = None
    batches: int | None = None
    step: int | None = None
    bars: tuple[Bar, ...] = ()


def progress_of(trace: Trace | None, info: RunInfo | None, now_ns: int) -> Progress:
    """How far the run is.

    Args:
        trace: its spans so far; None before there are any.
        info: what run.json says; None before it is there.
        now_ns: the moment, in ns since the run's start.
    """
    if trace is None or not len(trace.contexts):
        return Progress()
    contexts = trace.contexts
    last = len(contexts) - 1
    function = function_name(int(contexts.function[last]))
    in_fit = function == "fit"
    return Progress(
        function=function,
        stage=stage_name(int(contexts.stage[last])),
        epoch=_counted(contexts.epoch[last]) if in_fit else None,
        max_epochs=_limit(info, "max_epochs") if in_fit else None,
        batch=_counted(contexts.batch[last]),
        batches=_known(contexts.planned[last]),
        step=_known(contexts.global_step[last]) if in_fit else None,
        bars=tuple(_bars(contexts, info, now_ns)),
    )


def _bars(contexts: Contexts, info: RunInfo | None, now_ns: int) -> list[Bar]:
    last = len(contexts) - 1
    call = int(contexts.call[last])
    in_fit = function_name(int(contexts.function[last])) == "fit"
    first = int(np.searchsorted(contexts.call, call))
    bars = []
    stage = int(contexts.stage[last])
    if stage >= 0 and stage != _TRAIN:
        bars.append(_loop_bar(contexts, _last_stretch(contexts, first), now_ns))
    # Before the first epoch and after the last there is a stage, but no epoch that could make progress.
    in_epochs = (contexts.stage[first:] == _TRAIN) & (contexts.epoch[first:] >= 0)
    if in_fit and len(train := first + np.flatnonzero(in_epochs)):
        epoch = train[contexts.epoch[train] == contexts.epoch[train[-1]]]
        bars.append(_loop_bar(contexts, epoch, now_ns))
        bars.append(_fit_bar(contexts, train, bars[-1], info, now_ns))
    return bars


def _last_stretch(contexts: Contexts, first: int) -> Int64Array:
    """The contexts at the end that are all of one stage and epoch, at most back to `first`."""
    same = (contexts.stage[first:] == contexts.stage[-1]) & (contexts.epoch[first:] == contexts.epoch[-1])
    breaks = np.flatnonzero(~same)
    return np.arange(first + (int(breaks[-1]) + 1 if len(breaks) else 0), len(contexts))


def _loop_bar(contexts: Contexts, rows: Int64Array, now_ns: int) -> Bar:
    """The bar of the one loop that the contexts `rows` belong to."""
    stage = stage_name(int(contexts.stage[rows[-1]])) or ""
    inside = rows[contexts.batch[rows] >= 0]
    label = _LABELS.get(stage, stage)
    total = _known(contexts.planned[rows[-1]])
    if not len(inside):
        return Bar(label, 0, total, None, None)
    loader = contexts.dataloader[inside]
    begun = inside[
        np.flatnonzero(np.append(True, np.diff(contexts.batch[inside]) != 0) | np.append(True, np.diff(loader) != 0))
    ]
    done = int(contexts.batch[inside].max()) + 1 if loader[-1] <= 0 else len(begun)
    rate = _rate(contexts, begun, rows, now_ns)
    return Bar(label, done, total, rate, _left(total, done, rate))


def _rate(contexts: Contexts, begun: Int64Array, rows: Int64Array, now_ns: int) -> float | None:
    """Batches per second over the last ones. Time spent elsewhere (a validation in between) does not count."""
    recent = begun[-_RATE_BATCHES - 1 :]
    if len(recent) < 2:
        return None
    starts = contexts.start_ns[recent]
    steps = np.diff(starts)
    # Where the contexts between two batches are not all of this loop, another loop ran in between.
    undisturbed = np.diff(recent) == np.diff(np.searchsorted(rows, recent))
    steps = steps[undisturbed]
    total_ns = int(steps.sum())
    if not len(steps) or total_ns <= 0:
        return None
    waiting_ns = now_ns - int(starts[-1])
    if rows[-1] == len(contexts) - 1 and waiting_ns > max(_PATIENCE_NS, 3 * total_ns / len(steps)):
        return len(steps) / ((total_ns + waiting_ns) / 1e9)  # the last batch takes long: say so while it does
    return len(steps) / (total_ns / 1e9)


def _fit_bar(contexts: Contexts, train: Int64Array, epoch: Bar, info: RunInfo | None, now_ns: int) -> Bar:
    """The bar of the whole fit, in training batches; its time left includes validations as they were so far."""
    number, first_epoch = int(contexts.epoch[train[-1]]), int(contexts.epoch[train[0]])
    max_epochs = _limit(info, "max_epochs")
    total = None if max_epochs is None or epoch.total is None else epoch.total * max_epochs
    steps = _limit(info, "max_steps")
    if steps is not None and (total is None or steps * _accumulated(info) < total):
        total = steps * _accumulated(info)
    done = number * (epoch.total or 0) + epoch.done if epoch.total is not None else epoch.done
    here = done - first_epoch * (epoch.total or 0)
    passed_s = (now_ns - int(contexts.start_ns[train[0]])) / 1e9
    rate = here / passed_s if here > 1 and passed_s > 0 else None
    return Bar("fit", done, total, None, _left(total, done, rate))


def _accumulated(info: RunInfo | None) -> int:
    return _limit(info, "accumulate_grad_batches") or 1


def _left(total: int | None, done: int, rate_per_s: float | None) -> float | None:
    if total is None or not rate_per_s:
        return None
    return max(0, total - done) / rate_per_s


def _limit(info: RunInfo | None, name: str) -> int | None:
    """A positive whole trainer argument; None where it is absent or -1, which means "no limit"."""
    value = info.trainer.get(name) if info else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _counted(value: "np.integer") -> int | None:
    return int(value) + 1 if value >= 0 else None


def _known(value: "np.integer") -> int | None:
    return int(value) if value >= 0 else None
