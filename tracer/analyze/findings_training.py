"""The times of one training, as the searches among the times need them: batches, epochs, validations, pauses taken out.

Looked at is the stretch from the first epoch of training to the end of the last. What a tuner trains inside of a hook
lies before it, and deeper: it is no part of the training.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tracer.analyze.findings_base import FIT, BoolArray, Int64Array, Material
from tracer.run.events import Action


@dataclass(frozen=True)
class Stretches:
    """Some stretches of time, in order, none in another; in ns since the run's start."""

    start_ns: Int64Array
    end_ns: Int64Array

    def __len__(self) -> int:
        return len(self.start_ns)

    def contain(self, times_ns: Int64Array) -> BoolArray:
        """Which of these moments lie in one of the stretches."""
        if not len(self):
            return np.zeros(len(times_ns), np.bool_)
        index = np.searchsorted(self.start_ns, times_ns, side="right") - 1
        inside: BoolArray = (index >= 0) & (times_ns < self.end_ns[index])
        return inside


@dataclass(frozen=True)
class Training:
    """Times of the training in a trace. Empty if it holds none."""

    material: Material

    def work_ns(self, start_ns: Int64Array, end_ns: Int64Array) -> Int64Array:
        """Time from each start to its end without the pauses in it."""
        return self.material.pauses.work_ns(start_ns, end_ns - start_ns)

    def at(self, rows: Int64Array, name: str) -> Int64Array:
        """A field of the contexts of these spans; -1 where there is none."""
        trace = self.material.trace
        values = getattr(trace.contexts, name)
        context = trace.context[rows]
        if not len(values):
            return np.full(len(rows), -1, np.int64)
        return np.where(context >= 0, values[context], -1).astype(np.int64)

    def _outer(self, hook: str, kind: str) -> Int64Array:
        """Rows of the calls of a hook in `fit` that came to their end, without those that a tuner made."""
        trace = self.material.trace
        rows = self.material.rows(*self.material.actions(hook, kind=kind))
        rows = rows[(trace.duration_ns[rows] >= 0) & (self.at(rows, "function") == FIT)]
        outer: Int64Array = rows[trace.depth[rows] == trace.depth[rows].min(initial=1 << 30)]
        return outer

    @cached_property
    def epochs(self) -> Stretches:
        """The `run_training_epoch`s."""
        return self._stretches(self._outer("run_training_epoch", "loop"))

    @cached_property
    def batches(self) -> Int64Array:
        """Rows of the `run_training_batch`es within them."""
        rows = self._outer("run_training_batch", "loop")
        return rows[self.epochs.contain(self.material.trace.start_ns[rows])]

    @cached_property
    def batch_epoch(self) -> Int64Array:
        """For each of the batches, which of `epochs` it is in."""
        start_ns = self.material.trace.start_ns[self.batches]
        return np.asarray(np.searchsorted(self.epochs.start_ns, start_ns, side="right") - 1, np.int64)

    @cached_property
    def batch_ns(self) -> Int64Array:
        """Work time of each of the batches."""
        batches = self._stretches(self.batches)
        return self.work_ns(batches.start_ns, batches.end_ns)

    @cached_property
    def period_ns(self) -> Int64Array:
        """Work time from the start of each batch to that of the next one, of batches in one epoch."""
        start_ns = self.material.trace.start_ns[self.batches]
        same = self.batch_epoch[1:] == self.batch_epoch[:-1]
        return self.work_ns(start_ns[:-1][same], start_ns[1:][same])

    @cached_property
    def validations(self) -> Stretches:
        """From each `on_validation_start` of the module to its `on_validation_epoch_end`."""
        trace = self.material.trace
        ends = self._outer("on_validation_epoch_end", "module")
        starts = self._outer("on_validation_start", "module")
        end_ns = trace.start_ns[ends] + trace.duration_ns[ends]
        within = self.epochs.contain(trace.start_ns[ends])
        before = np.searchsorted(starts, ends) - 1
        known = within & (before >= 0)
        return Stretches(trace.start_ns[starts[before[known]]], end_ns[known])

    @cached_property
    def whole(self) -> tuple[int, int]:
        """From the start of the first epoch to the end of the last, its `on_train_epoch_end` included."""
        if not len(self.epochs):
            return 0, 0
        trace = self.material.trace
        last = self._outer("on_train_epoch_end", "module")[-1:]
        end = int((trace.start_ns[last] + trace.duration_ns[last]).max(initial=int(self.epochs.end_ns[-1])))
        return int(self.epochs.start_ns[0]), end

    @cached_property
    def whole_ns(self) -> int:
        """Work time of the training."""
        start, end = self.whole
        return int(self.work_ns(np.array([start]), np.array([end]))[0])

    @cached_property
    def validation_ns(self) -> int:
        """Work time of the validations in it."""
        return int(self.work_ns(self.validations.start_ns, self.validations.end_ns).sum())

    @cached_property
    def epochs_ns(self) -> int:
        """Work time of the epochs, without the validations in them."""
        return int(self.work_ns(self.epochs.start_ns, self.epochs.end_ns).sum()) - self.validation_ns

    def rows(self, actions: Iterable[Action]) -> Int64Array:
        """Rows of the calls of these actions that began in the training and ended."""
        trace = self.material.trace
        rows = self.material.rows(*actions)
        start, end = self.whole
        return rows[(trace.start_ns[rows] >= start) & (trace.start_ns[rows] < end) & (trace.duration_ns[rows] >= 0)]

    def covered_ns(self, rows: Int64Array) -> int:
        """Work time in these spans, that of one in another counted once."""
        spans = self._stretches(rows)
        if not len(rows):
            return 0
        before = np.concatenate(([-1], np.maximum.accumulate(spans.end_ns)[:-1]))
        outer = spans.start_ns >= before
        return int(self.work_ns(spans.start_ns[outer], spans.end_ns[outer]).sum())

    def self_ns(self, rows: Int64Array) -> int:
        """Self time of these spans."""
        return int(self.material.trace.self_ns[rows].sum())

    def _stretches(self, rows: Int64Array) -> Stretches:
        trace = self.material.trace
        return Stretches(trace.start_ns[rows], trace.start_ns[rows] + trace.duration_ns[rows])
