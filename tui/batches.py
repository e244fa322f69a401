"""The batches of the running trainer call: how many have begun, how fast, and how much time went elsewhere.

Everything is kept as a few numbers a stage and taken from the new contexts alone, with array operations: a run of a
million batches costs as much a poll as one of a hundred. Times are those of work: without the pauses before them.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tracer.analyze.pauses import Pauses
from tracer.run.events import Int64Array
from tracer.run.layout import STAGES
from tracer.run.trace import Contexts, Trace

BoolArray = npt.NDArray[np.bool_]

TRAIN = STAGES.index("train")
_RECENT = 51
_ENOUGH = 3
"""With so many ordinary batches the first of a stretch no longer counts: it pays for workers and compilation."""
_PATIENCE_NS = 2_000_000_000
"""Events of a live run arrive in portions: a shorter silence says nothing."""


def _none() -> Int64Array:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class _Rows:
    """Contexts of one stage: their places, and what belongs to each."""

    at: Int64Array
    round: Int64Array
    stretch: Int64Array
    worked_ns: Int64Array

    def only(self, which: BoolArray) -> "_Rows":
        return _Rows(self.at[which], self.round[which], self.stretch[which], self.worked_ns[which])


@dataclass
class Loop:
    """The batches of one stage.

    A round is an epoch of training, or one run of an evaluation loop. A stretch is an unbroken part of one.

    Attributes:
        round: which round the stage is in.
        rounds: rounds of which a batch has begun.
        planned: batches of this round; -1 where nobody can know.
        count: batches begun in all rounds.
        reached: by dataloader, the highest index of a batch of this round.
        first_step, step: the global step at the first batch and at the last one.
        other_ns, others: time from one batch to the next where that was no ordinary batch (a validation came between,
            or the first batch of a stretch), and how often that was.
        earlier_ns, earlier: the same until this round began.
    """

    round: int = -1
    rounds: int = 0
    planned: int = -1
    count: int = 0
    reached: dict[int, int] = field(default_factory=dict)
    first_step: int = 0
    step: int = 0
    other_ns: int = 0
    others: int = 0
    earlier_ns: int = 0
    earlier: int = 0
    _key: tuple[int, ...] = (-1, -1, -1)
    _begun_ns: Int64Array = field(default_factory=_none)
    _stretch: Int64Array = field(default_factory=_none)
    _first: Int64Array = field(default_factory=_none)

    @property
    def done(self) -> int:
        """Batches of this round that have begun."""
        return sum(self.reached.values()) + len(self.reached)

    @property
    def begun_ns(self) -> int | None:
        """When the last batch began; None before the first."""
        return int(self._begun_ns[-1]) if len(self._begun_ns) else None

    def take(self, rows: _Rows, contexts: Contexts) -> None:
        """Takes the next contexts of this stage."""
        self.planned = int(contexts.planned[rows.at[-1]])
        if rows.round[-1] != self.round:
            self.round, self.reached = int(rows.round[-1]), {}
        rows = rows.only(contexts.batch[rows.at] >= 0)
        keys = np.stack((rows.round, contexts.dataloader[rows.at], contexts.batch[rows.at]), axis=1).astype(np.int64)
        here = keys[keys[:, 0] == self.round]
        for loader in np.unique(here[:, 1]).tolist():
            self.reached[loader] = max(self.reached.get(loader, -1), int(here[here[:, 1] == loader, 2].max()))
        new = (np.diff(keys, axis=0, prepend=np.array([self._key])) != 0).any(axis=1)
        if new.any():
            self._begin(rows.only(new), contexts)
            self._key = tuple(keys[new][-1].tolist())

    def _begin(self, rows: _Rows, contexts: Contexts) -> None:
        """Counts batches that began."""
        steps = contexts.global_step[rows.at]
        if not self.count:
            self.first_step = int(steps[0])
        self.count, self.step = self.count + len(rows.at), int(steps[-1])
        first = np.diff(rows.stretch, prepend=self._stretch[-1:] if len(self._stretch) else -1) != 0
        carried = len(self._begun_ns[-1:])
        lengths = np.diff(np.append(self._begun_ns[-1:], rows.worked_ns))
        other = _other(np.append(self._first[-1:], first))
        entered = np.flatnonzero(np.diff(rows.round, prepend=self._key[0]))
        if len(entered):
            self.rounds += len(entered)
            before = slice(0, int(entered[-1]) + carried)
            self.earlier_ns = self.other_ns + int(lengths[before][other[before]].sum())
            self.earlier = self.others + int(other[before].sum())
        self.other_ns += int(lengths[other].sum())
        self.others += int(other.sum())
        self._begun_ns = np.append(self._begun_ns, rows.worked_ns)[-_RECENT:]
        self._stretch = np.append(self._stretch, rows.stretch)[-_RECENT:]
        self._first = np.append(self._first, first)[-_RECENT:]

    def batch_ns(self, waiting_since_ns: int | None = None) -> float | None:
        """Mean time of a batch lately, without what came between two of them; None before there are two.

        Args:
            waiting_since_ns: the moment, if the last batch is still going on: one that takes long counts while it does.
        """
        lengths = np.diff(self._begun_ns)
        ordinary = lengths[~_other(self._first)]
        if len(ordinary) < _ENOUGH:
            ordinary = lengths[self._first[1:] == 0]
        total, count = int(ordinary.sum()), len(ordinary)
        if not count or total <= 0:
            return None
        if waiting_since_ns is not None:
            waited = waiting_since_ns - int(self._begun_ns[-1])
            total += waited if waited > max(_PATIENCE_NS, 3 * total / count) else 0
        return total / count


def _other(first: Int64Array) -> BoolArray:
    """Of the ways from each batch to the next: which begin or end with the first batch of a stretch."""
    return np.not_equal(first[1:], 0) | np.not_equal(first[:-1], 0)


class Batches:
    """The loops of the trainer call that is going on."""

    def __init__(self) -> None:
        self.loops: dict[int, Loop] = {}
        self.train_began_ns = 0
        self._seen = 0
        self._call = -1
        self._here = (-2, -2)
        self._stretch = 0

    def advance(self, trace: Trace, pauses: Pauses) -> None:
        """Takes in what is new of a trace that continues the one before; `pauses` has done so already."""
        contexts = trace.contexts
        first, self._seen = self._seen, len(contexts)
        if first == self._seen:
            return
        if contexts.call[-1] != self._call:
            self._call = int(contexts.call[-1])
            self.loops = {}
            self._here = (-2, -2)
            first = max(first, int(np.searchsorted(contexts.call, self._call)))
        stage, epoch = (values[first:].astype(np.int64) for values in (contexts.stage, contexts.epoch))
        moved = (np.diff(stage, prepend=self._here[0]) != 0) | (np.diff(epoch, prepend=self._here[1]) != 0)
        stretch = self._stretch + np.cumsum(moved)
        self._here, self._stretch = (int(stage[-1]), int(epoch[-1])), int(stretch[-1])
        starts = contexts.start_ns[first:]
        worked = starts - pauses.until(starts)
        for number in np.unique(stage).tolist():
            # Before the first epoch and after the last the stage is training, but there is no epoch to make progress.
            which = (stage == number) & (epoch >= 0) if number == TRAIN else stage == number
            if number >= 0 and which.any():
                self._take(number, _Rows(first + np.arange(len(stage)), stretch, stretch, worked), which, trace)

    def _take(self, stage: int, rows: _Rows, which: BoolArray, trace: Trace) -> None:
        contexts = trace.contexts
        if stage not in self.loops:
            self.loops[stage] = Loop()
            if stage == TRAIN:
                self.train_began_ns = int(contexts.start_ns[rows.at[which][0]])
        rows = rows.only(which)
        if stage == TRAIN:
            rows = _Rows(rows.at, contexts.epoch[rows.at].astype(np.int64), rows.stretch, rows.worked_ns)
        self.loops[stage].take(rows, contexts)
