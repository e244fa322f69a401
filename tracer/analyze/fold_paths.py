"""The loops around every context of a trace, as the fold writes them down.

`tracer.analyze.scopes` says where the loop stood. Two things are added here, because they decide what the pseudo-code
looks like: a validation between two batches of an epoch belongs into the turn of the batch that it follows (Lightning
runs it there, loops/training_epoch_loop.py `on_advance_end`), and dataloaders that are read one after another are
a loop around their batches.
"""

import numpy as np
import numpy.typing as npt

from tracer.analyze.scopes import SCOPES, Int64Array, ScopePaths
from tracer.run.trace import Contexts

BoolArray = npt.NDArray[np.bool_]
Int32Array = npt.NDArray[np.int32]

KINDS: tuple[str, ...] = (*(scope.label for scope in SCOPES), "dataloader")
"""What a turn can be a turn of; the index is its number in `LoopPaths.step`."""
EPOCH, BATCH, VALIDATION = (KINDS.index(name) for name in ("epoch", "batch", "validation"))
DATALOADER = len(SCOPES)
CALLS = KINDS.index("trainer") + 1
"""Kinds below this number are calls of the trainer."""
_LEVELS = 6


class LoopPaths:
    """The path of every context of a whole trace. Entry 0 stands for "no context", entry i + 1 for context i.

    Attributes:
        step: [entries, levels] index into `KINDS`, -1 beyond the path's end.
        key: [entries, levels] which turn it is: equal keys at equal steps mean the same turn.
        length: [entries] number of levels.
    """

    def __init__(self, contexts: Contexts) -> None:
        scopes = ScopePaths()
        scopes.advance(contexts)
        entries = len(contexts) + 1
        self.step = np.full((entries, _LEVELS), -1, np.int16)
        self.key = np.full((entries, _LEVELS), -1, np.int64)
        width = scopes.step.shape[1]
        self.step[:, :width] = scopes.step[:entries]
        self.key[:, :width] = scopes.key[:entries]
        self.length = scopes.length[:entries].copy()
        loader = np.concatenate(([-1], contexts.dataloader.astype(np.int64)))
        self._split_by_loader(loader)
        self._take_validation_in()

    def shared(self, left: Int32Array, right: Int32Array) -> Int32Array:
        """Number of leading levels that the paths of two arrays of entries have in common, turn for turn.

        Neighbours are mostly alike, so each stretch of equal pairs is looked at once.
        """
        first = np.flatnonzero(np.append(True, (left[1:] != left[:-1]) | (right[1:] != right[:-1]))[: len(left)])
        one, other = left[first], right[first]
        found = np.zeros(len(first), np.int32)
        same = np.ones(len(first), np.bool_)
        for level in range(_LEVELS):
            same &= (self.step[one, level] >= 0) & (self.step[one, level] == self.step[other, level])
            same &= self.key[one, level] == self.key[other, level]
            if not same.any():
                break
            found += same
        return np.repeat(found, np.diff(np.append(first, len(left))))

    def _split_by_loader(self, loader: Int64Array) -> None:
        """Puts the dataloader around the batches of evaluations that read several."""
        last = np.maximum(self.length - 1, 0)
        entry = np.arange(len(self.length))
        evaluated = (self.length > 0) & (self.step[entry, last] == BATCH) & (loader >= 0)
        visit = self.key[entry, last] >> 44
        several = np.unique(visit[evaluated & (loader > 0)])
        where = np.flatnonzero(evaluated & np.isin(visit, several))
        self._insert(where, self.length[where] - 1, DATALOADER, (visit[where] << 12) + loader[where])

    def _take_validation_in(self) -> None:
        """Moves validations that a batch of the same epoch follows into the turn of the batch before them."""
        in_epoch = self.step[:, 1] == EPOCH
        training = in_epoch & (self.step[:, 2] == BATCH)
        visiting = np.flatnonzero(in_epoch & (self.step[:, 2] == VALIDATION))
        if not len(visiting) or not training.any():
            return
        entry = np.arange(len(training))
        before = np.maximum.accumulate(np.where(training, entry, 0))[visiting]
        after = np.minimum.accumulate(np.where(training, entry, len(entry) - 1)[::-1])[::-1][visiting]
        epoch, call = self.key[visiting, 1], self.key[visiting, 0]
        follows = training[before] & (self.key[before, 1] == epoch)
        between = follows & training[after] & (self.key[after, 1] == epoch)
        inside = follows & np.isin(call, call[between])
        where = visiting[inside]
        self._insert(where, np.full(len(where), 2), BATCH, self.key[before[inside], 2])

    def _insert(self, where: Int64Array, level: Int64Array, step: int, key: Int64Array) -> None:
        """Gives the paths `where` one level more, before their present `level`."""
        if not len(where):
            return
        columns = np.arange(_LEVELS)
        source = np.where(columns > level[:, None], columns - 1, columns)
        at = columns == level[:, None]
        self.step[where] = np.where(at, step, np.take_along_axis(self.step[where], source, axis=1))
        self.key[where] = np.where(at, key[:, None], np.take_along_axis(self.key[where], source, axis=1))
        self.length[where] += 1
