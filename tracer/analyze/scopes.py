"""Which loops stand around a moment of the training: the scope path of every context of a trace.

Lightning's calls do not say which loop they belong to; the marks in the stream do. This module turns the marks into
paths such as fit > epoch > batch, and gives every turn of every loop a key of its own, so that "the next batch" and
"the same batch, after the validation in between" can be told apart.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tracer.run.layout import FUNCTIONS, STAGES
from tracer.run.trace import Contexts

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ScopeKind = Literal["call", "stage", "loop"]


@dataclass(frozen=True)
class Scope:
    """A kind of loop, as it appears in a path."""

    kind: ScopeKind
    label: str


SCOPES: tuple[Scope, ...] = (
    *(Scope("call", name) for name in FUNCTIONS),
    Scope("call", "trainer"),
    Scope("stage", "sanity check"),
    Scope("stage", "validation"),
    Scope("loop", "epoch"),
    Scope("loop", "batch"),
)
_UNKNOWN_CALL = len(FUNCTIONS)
_SANITY, _VALIDATION, _EPOCH, _BATCH = range(_UNKNOWN_CALL + 1, len(SCOPES))
MAX_DEPTH = 4
_FIT = FUNCTIONS.index("fit")
_STAGE_SANITY, _STAGE_TRAIN, _STAGE_VALIDATE = (STAGES.index(name) for name in ("sanity_check", "train", "validate"))


class ScopePaths:
    """The scope path of every context, taken in as the contexts appear.

    Entry 0 stands for "no context", entry i + 1 for context i.

    Attributes:
        step: [entries, MAX_DEPTH] index into `SCOPES` by level, -1 beyond the path's end.
        key: [entries, MAX_DEPTH] which turn of that loop it is; equal keys mean the same turn.
        length: [entries] number of levels.
    """

    def __init__(self) -> None:
        self.step = np.full((1, MAX_DEPTH), -1, np.int16)
        self.key = np.full((1, MAX_DEPTH), -1, np.int64)
        self.length = np.zeros(1, np.int64)
        self._size = 1
        self._epoch_code = self._visit_code = -1
        self._epoch_turn = self._visit = 0

    def __len__(self) -> int:
        return self._size

    def advance(self, contexts: Contexts) -> None:
        """Takes in the contexts that were added since the last call."""
        first, last = self._size - 1, len(contexts)
        if last <= first:
            return
        self._reserve(last + 1)
        new = slice(self._size, last + 1)
        self._size = last + 1
        call, function, stage, epoch, batch, loader = (
            getattr(contexts, name)[first:last].astype(np.int64)
            for name in ("call", "function", "stage", "epoch", "batch", "dataloader")
        )
        in_fit = (call >= 0) & (function == _FIT)
        sanity = (call >= 0) & (stage == _STAGE_SANITY)
        in_epoch = in_fit & (epoch >= 0) & ((stage == _STAGE_TRAIN) | (stage == _STAGE_VALIDATE))
        training = in_fit & (stage == _STAGE_TRAIN)
        in_batch = (call >= 0) & (stage >= 0) & (batch >= 0)
        epoch_turn = self._count_epochs(in_epoch, call << 32 | epoch)
        visit = self._count_visits(~training & (stage >= 0), (call << 36) + ((epoch + 1) << 4) + stage)
        paths = _Pusher(self.step[new], self.key[new], self.length[new])
        known = (function >= 0) & (function < _UNKNOWN_CALL)
        paths.push(call >= 0, np.where(known, function, _UNKNOWN_CALL), call)
        paths.push(in_epoch, _EPOCH, call << 32 | epoch)
        paths.push(sanity, _SANITY, visit)
        paths.push(in_fit & (stage == _STAGE_VALIDATE), _VALIDATION, visit)
        eval_key = (visit << 44) + ((loader + 1) << 32) + batch
        paths.push(in_batch, _BATCH, np.where(training, (epoch_turn << 32) + batch, eval_key))

    def shared(self, left: Int64Array, right: Int64Array) -> Int64Array:
        """Number of leading levels that the paths of two arrays of entries have in common, turn for turn."""
        same = (self.step[left] == self.step[right]) & (self.key[left] == self.key[right]) & (self.step[left] >= 0)
        return np.asarray(np.logical_and.accumulate(same, axis=1).sum(axis=1), np.int64)

    def _reserve(self, size: int) -> None:
        room = len(self.length)
        if size <= room:
            return
        extra = max(size, 2 * room) - room
        self.step = np.concatenate((self.step, np.full((extra, MAX_DEPTH), -1, np.int16)))
        self.key = np.concatenate((self.key, np.full((extra, MAX_DEPTH), -1, np.int64)))
        self.length = np.concatenate((self.length, np.zeros(extra, np.int64)))

    def _count_epochs(self, within: BoolArray, code: Int64Array) -> Int64Array:
        """A number for each entry `within` an epoch that grows when a new epoch begins."""
        turn = np.zeros(len(code), np.int64)
        if within.any():
            codes = code[within]
            changed = codes != np.concatenate(([self._epoch_code], codes[:-1]))
            turn[within] = self._epoch_turn + np.cumsum(changed)
            self._epoch_code, self._epoch_turn = int(codes[-1]), int(turn[within][-1])
        return turn

    def _count_visits(self, within: BoolArray, code: Int64Array) -> Int64Array:
        """A number for each entry that grows when an evaluation begins; training in between ends one."""
        codes = np.where(within, code, -1)
        changed = within & (codes != np.concatenate(([self._visit_code], codes[:-1])))
        visit = self._visit + np.cumsum(changed)
        self._visit_code, self._visit = int(codes[-1]), int(visit[-1])
        return visit


@dataclass(frozen=True)
class _Pusher:
    """Appends one level to some of the paths at a time."""

    step: npt.NDArray[np.int16]
    key: Int64Array
    length: Int64Array

    def push(self, where: BoolArray, step: Int64Array | int, key: Int64Array) -> None:
        entries = np.flatnonzero(where)
        level = self.length[entries]
        self.step[entries, level] = step if isinstance(step, int) else step[entries]
        self.key[entries, level] = key[entries]
        self.length[entries] += 1
