"""Findings about times that change while the training goes on: a slow start, slower hooks, gaps between epochs.

Whether a hook got slower is asked of medians: its calls are cut into up to 64 portions in order, so that no outlier
counts. Pettitt's rank test (A. N. Pettitt, Applied Statistics 28, 1979) says where the level changes and how surely.
A machine that gets slower as a whole slows all hooks: what a hook did beyond that is its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tracer.analyze.findings_base import Finding, Int64Array, Material
from tracer.analyze.findings_time import LEAST_NS, PART, spent
from tracer.analyze.findings_training import Training

Floats = npt.NDArray[np.float64]

_SLOW_START: Final = 3.0
"""A first batch that takes so many times the usual is a slow start;"""
_START_SHARE: Final = 0.05
"""worth telling from this share of the training on."""
_BETWEEN_SHARE: Final = 0.25
_PORTIONS: Final = 64
_FEWEST: Final = 24
"""Of fewer calls no change is claimed."""
_SLOWER: Final = 1.5
"""So many times slower than before, beyond what everything else became, is a change worth telling;"""
_ALL_SLOWER: Final = 2.0
"""or everything so many times,"""
_DRIFT_SHARE: Final = 0.05
"""if it costs this share of the training."""
_DRIFT_LEAST_NS: Final = LEAST_NS // 2
_CHANCE: Final = 1e-4
"""How probable such a change may be by chance."""


def warm_up(material: Material) -> Iterator[Finding]:
    """The first batches take much longer than those that follow."""
    times = material.training.batch_ns
    if len(times) < 8:
        return
    usual = float(np.median(times[len(times) // 4 :]))
    slow = times > _SLOW_START * usual
    count = len(times) if slow.all() else int(slow.argmin())
    extra = int(times[:count].sum() - count * usual)
    whole = material.training.whole_ns
    if not count or extra < LEAST_NS or extra < _START_SHARE * whole:
        return
    which = "the first batch" if count == 1 else f"the first {count} batches"
    yield Finding(
        id="warm-up",
        title=f"warm-up: {which} took {spent(extra)} longer than usual",
        what="Caches, kernels and compiled code are made ready at first. It happens once, so leave it out of a timing.",
        evidence=(
            f"{which}: {spent(times[:count].mean())} each; the usual: {spent(usual)}",
            f"{extra / whole:.0%} of a training of {spent(whole)}",
        ),
        next_step="nothing, in a training that is long; for many short ones keep caches (torch.compile) between runs",
        sure="certain",
        hooks=("run_training_batch",),
        time_ns=extra,
        share=extra / whole,
    )


def between_epochs(material: Material) -> Iterator[Finding]:
    """The time between the last batch of an epoch and the first of the next, validation not counted, is a large one."""
    training = material.training
    gaps = _between(training)
    if not len(gaps.work_ns):
        return
    total, usual = int(gaps.work_ns.sum()), float(np.median(gaps.work_ns))
    in_batches = float(np.median(np.bincount(training.batch_epoch, training.batch_ns)))
    if total < LEAST_NS or usual < _BETWEEN_SHARE * in_batches:
        return
    filling, uncovered = _filling(training, gaps)
    largest = [item for item in sorted(filling.items(), key=lambda item: -item[1])[:3] if item[1] >= PART * total]
    loader = uncovered + sum(time_ns for label, time_ns in filling.items() if label.endswith("train_dataloader_next"))
    names_loader = loader >= total / 2
    yield Finding(
        id="between-epochs",
        title=f"{spent(usual)} pass between epochs, beside {spent(in_batches)} in an epoch's batches",
        what="From the end of an epoch's last batch to the first of the next, without the validation in between.",
        evidence=(
            f"{len(gaps.work_ns)} times, {spent(total)} in all",
            *(f"{label}: {spent(time_ns)}, {time_ns / total:.0%} of it" for label, time_ns in largest),
            f"in no call, as when a DataLoader starts workers: {spent(uncovered)}, {uncovered / total:.0%} of it",
        ),
        next_step=(
            "set persistent_workers=True in the DataLoader, so that its workers are not started anew for each epoch"
            if names_loader
            else f"look at {largest[0][0]}"
            if largest
            else "look at what is called between them, there are many calls"
        ),
        sure="likely" if names_loader else "certain",
        hooks=tuple(label for label, _ in largest),
        time_ns=total,
        share=total / training.whole_ns,
    )


@dataclass(frozen=True)
class _Gaps:
    """From the last batch of each epoch to the first of the next."""

    start_ns: Int64Array
    end_ns: Int64Array
    work_ns: Int64Array
    """Without pauses and validations."""


def _between(training: Training) -> _Gaps:
    trace = training.material.trace
    batches, epoch, call = training.batches, training.batch_epoch, training.at(training.batches, "call")
    last = np.flatnonzero((epoch[1:] != epoch[:-1]) & (call[1:] == call[:-1]))
    start_ns = trace.start_ns[batches[last]] + trace.duration_ns[batches[last]]
    end_ns = trace.start_ns[batches[last + 1]]
    work_ns = training.work_ns(start_ns, end_ns)
    validations = training.validations
    index = np.searchsorted(start_ns, validations.start_ns, side="right") - 1
    inside = (index >= 0) & (validations.end_ns <= end_ns[index]) if len(start_ns) else np.zeros(len(index), np.bool_)
    validating = training.work_ns(validations.start_ns[inside], validations.end_ns[inside])
    np.subtract.at(work_ns, index[inside], validating)
    return _Gaps(start_ns, end_ns, work_ns)


def _filling(training: Training, gaps: _Gaps) -> tuple[dict[str, int], int]:
    """What fills these gaps: self time by action, and what lies in no call."""
    trace = training.material.trace
    index = np.maximum(np.searchsorted(gaps.start_ns, trace.start_ns, side="right") - 1, 0)
    closed = trace.duration_ns >= 0
    within = closed & (trace.start_ns >= gaps.start_ns[index])
    within &= trace.start_ns + trace.duration_ns <= gaps.end_ns[index]
    rows = np.flatnonzero(within)
    rows = rows[~training.validations.contain(trace.start_ns[rows])]
    own = np.bincount(trace.action[rows], trace.self_ns[rows], minlength=len(trace.actions)).astype(np.int64)
    paused = {action.id for action in training.material.pause_actions}
    filling = {action.label: int(own[action.id]) for action in trace.actions if action.id not in paused}
    return filling, max(0, int(gaps.work_ns.sum()) - sum(filling.values()))


@dataclass(frozen=True)
class _Change:
    """A hook that got slower."""

    action: int
    row: int
    """Its first slow call."""
    before_ns: float
    after_ns: float
    first_ns: float
    last_ns: float
    calls: int
    """Since then."""
    steady: bool
    """Whether it went on getting slower, rather than from one level to another."""
    everything: float
    """How many times slower all the rest became."""

    @property
    def extra_ns(self) -> int:
        return int((self.after_ns - self.before_ns * max(1.0, self.everything)) * self.calls)


def drift(material: Material) -> Iterator[Finding]:
    """Hooks that got slower over the training, and from when on; or everything, if it is no single hook."""
    training = material.training
    if len(training.batches) < _FEWEST:
        return
    changes = [change for change in _changes(training) if _is_worth(change, training)]
    for change in sorted(changes, key=lambda change: -change.extra_ns):
        yield _drift(material, change)
    if not changes:
        yield from _slower_run(training)


def _is_worth(change: _Change, training: Training) -> bool:
    slower = change.after_ns >= _SLOWER * change.before_ns * max(1.0, change.everything)
    return slower and change.extra_ns >= max(_DRIFT_LEAST_NS, _DRIFT_SHARE * training.whole_ns)


def _changes(training: Training) -> Iterator[_Change]:
    """The changes for the worse of all actions that take long enough to matter."""
    trace = training.material.trace
    paused = {action.id for action in training.material.pause_actions}
    rows = training.rows(action for action in trace.actions if action.id not in paused)
    rows = rows[np.argsort(trace.action[rows], kind="stable")]
    action = trace.action[rows]
    bounds = np.flatnonzero(np.diff(action)) + 1
    for own in np.split(rows, bounds):
        if len(own) >= _FEWEST and training.self_ns(own) >= _DRIFT_SHARE * training.whole_ns:
            change = _change(training, own)
            if change is not None:
                yield change


def _change(training: Training, rows: Int64Array) -> _Change | None:
    trace = training.material.trace
    levels, edges = _portions(trace.self_ns[rows])
    split = _split(levels)
    if split is None:
        return None
    before, after = float(np.median(levels[:split])), float(np.median(levels[split:]))
    row = int(rows[edges[split]])
    ends = max(1, len(levels) // 8)
    return _Change(
        action=int(trace.action[row]),
        row=row,
        before_ns=before,
        after_ns=after,
        first_ns=float(np.median(levels[:ends])),
        last_ns=float(np.median(levels[-ends:])),
        calls=len(rows) - int(edges[split]),
        steady=_is_steady(levels, split),
        everything=_everything(training, int(trace.start_ns[row]), before, after, len(rows)),
    )


def _portions(values: Int64Array) -> tuple[Floats, Int64Array]:
    """Medians of the values in up to 64 portions, and where each portion begins."""
    count = min(_PORTIONS, len(values))
    edges = np.arange(count) * len(values) // count
    return np.array([np.median(part) for part in np.split(values, edges[1:])]), edges


def _split(levels: Floats) -> int | None:
    """Where the level rises for good; None if it does not, as far as Pettitt's test can tell."""
    count = len(levels)
    ranks = np.argsort(np.argsort(levels, kind="stable"), kind="stable") + 1
    statistic = 2 * np.cumsum(ranks)[:-1] - np.arange(1, count) * (count + 1)
    split = int(statistic.argmin())
    chance = np.exp(-6 * float(statistic[split]) ** 2 / (count**3 + count**2)) if statistic[split] < 0 else 1.0
    before, tail = np.median(levels[: split + 1]), np.median(levels[-max(1, count // 4) :])
    if chance > _CHANCE or tail < (1 + _SLOWER) / 2 * before:
        return None
    return split + 1


def _is_steady(levels: Floats, split: int) -> bool:
    """Whether a line describes the levels better than a step does."""
    places = np.arange(len(levels))
    line = np.polyval(np.polyfit(places, levels, 1), places)
    step = np.where(places < split, np.median(levels[:split]), np.median(levels[split:]))
    return bool(np.abs(levels - line).sum() < np.abs(levels - step).sum())


def _everything(training: Training, moment_ns: int, before: float, after: float, calls: int) -> float:
    """How many times slower the batches became at a moment, the hook's own part in them taken out."""
    trace = training.material.trace
    start_ns = trace.start_ns[training.batches][:-1][training.batch_epoch[1:] == training.batch_epoch[:-1]]
    early = start_ns < moment_ns
    if not early.any() or early.all():
        return 1.0
    each = calls / len(training.batches) if calls >= len(training.batches) // 2 else 0.0
    rest_before = float(np.median(training.period_ns[early])) - before * each
    rest_after = float(np.median(training.period_ns[~early])) - after * each
    return rest_after / rest_before if min(rest_before, rest_after) > 0 else 1.0


def _drift(material: Material, change: _Change) -> Finding:
    trace = material.trace
    label = trace.actions[change.action].label
    ratio = change.after_ns / change.before_ns if change.before_ns else float("inf")
    where = _place(material, change.row)
    if change.steady:
        title = f"{label} got slower and slower: {spent(change.first_ns)} to {spent(change.last_ns)} a call"
    else:
        title = f"{label} takes {ratio:.1f} times as long from {where} on"
    return Finding(
        id="drift",
        title=title,
        what="The loop asks for no more as it goes on: something piles up in there, or waits for something else.",
        evidence=(
            f"until {where}: {spent(change.before_ns)} a call; from then on {spent(change.after_ns)} "
            f"({change.calls:,} calls, {spent(change.extra_ns)} more in all)",
            f"everything else in a batch: {change.everything:.2f} times as long",
        ),
        next_step="look for a list that grows, losses kept with their graphs, or files and plots that get longer",
        sure="certain" if change.everything < _SLOWER else "likely",
        hooks=(label,),
        time_ns=change.extra_ns,
        share=change.extra_ns / material.training.whole_ns,
    )


def _slower_run(training: Training) -> Iterator[Finding]:
    periods = training.period_ns
    if len(periods) < _FEWEST:
        return
    levels, edges = _portions(periods)
    split = _split(levels)
    if split is None:
        return
    before, after = float(np.median(levels[:split])), float(np.median(levels[split:]))
    extra = int((after - before) * (len(periods) - int(edges[split])))
    if after < _ALL_SLOWER * before or extra < max(LEAST_NS, _DRIFT_SHARE * training.whole_ns):
        return
    yield Finding(
        id="slower-run",
        title=f"everything takes {after / before:.1f} times as long after {split / len(levels):.0%} of the batches",
        what="No single hook got slower, all did: it is rather the machine than the program.",
        evidence=(f"a batch: {spent(before)} before, {spent(after)} after, {spent(extra)} more in all",),
        next_step="look for other programs, a throttled or shared processor, or memory that is swapped out",
        sure="likely",
        hooks=("run_training_batch",),
        time_ns=extra,
        share=extra / training.whole_ns,
    )


def _place(material: Material, row: int) -> str:
    span = material.trace.span(row)
    parts = (("epoch", span.epoch), ("batch", span.batch))
    return ", ".join(f"{name} {value}" for name, value in parts if value is not None) or "then"
