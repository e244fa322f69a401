"""The units of a run that are compared and resampled as wholes: batches, and what lies between them.

The contexts of a trace cut its time into pieces: each lasts from its first span to that of the next. Every piece is in
one unit: a batch of a stage, what an epoch does outside of its batches, or the rest of the run.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tracer.analyze.pauses import Pauses
from tracer.analyze.scopes import SCOPES, ScopePaths
from tracer.run.events import Int64Array
from tracer.run.layout import STAGES
from tracer.run.trace import Trace

UNITS: Final = (
    "training batch",
    "validation batch",
    "sanity check batch",
    "test batch",
    "prediction batch",
    "epoch",
    "run",
)
"""Kinds of units. An "epoch" is one of `fit` without its batches; the "run" is all that is left."""
TRAINING_BATCH: Final = "training batch"
_TRAIN, _EPOCH, _RUN = (UNITS.index(name) for name in (TRAINING_BATCH, "epoch", "run"))
_OF_STAGE: Final = {"train": 0, "validate": 1, "sanity_check": 2, "test": 3, "predict": 4}
_EPOCH_SCOPE: Final = next(number for number, scope in enumerate(SCOPES) if scope.label == "epoch")


class Units:
    """The pieces of a trace. Piece 0 is what lies before the first context; the others are contexts that have spans.

    Attributes:
        piece: By context plus one, its piece; 0 for those without spans.
        kind: By piece, index into `UNITS`.
        unit: By piece, number of its unit among those of its kind.
        count: By kind, how many units there are.
        stage: By piece, index into `layout.STAGES`; -1 where there is none.
        path: By piece, index into `paths`.
        paths: Loops around pieces, such as "fit > epoch > batch"; empty outside of all loops.
        turns: By path of a loop, how many turns it took, outermost first.
        epoch: By piece, number of the epoch of `fit` that it is in, counted over the run; -1 outside.
        start_ns: By piece, when its first span began.
        wall_ns: By piece, how long it lasted, pauses left out.
    """

    def __init__(self, trace: Trace, pauses: Pauses) -> None:
        """Cuts the trace, given all pauses in it."""
        contexts = trace.contexts
        scopes = ScopePaths()
        scopes.advance(contexts)
        behind = np.append(contexts.first_row[1:], len(trace))[: len(contexts)]
        filled = np.flatnonzero(behind > contexts.first_row)
        self.piece = np.zeros(len(contexts) + 1, np.int32)
        self.piece[filled + 1] = np.arange(1, len(filled) + 1)
        entries = np.append(0, filled + 1)
        self.stage, batch = (
            np.append(-1, column[filled]).astype(np.int64) for column in (contexts.stage, contexts.batch)
        )
        self._step, self._key, self._length = scopes.step[entries], scopes.key[entries], scopes.length[entries]
        self.kind = self._kinds(batch)
        self.epoch = self._epochs()
        self.unit, self.count = self._numbered()
        self.path, self.paths = self._named_paths()
        self.turns = self._counted_turns()
        first_row = np.append(0, contexts.first_row[filled])
        self.start_ns = trace.start_ns[first_row] if len(trace) else np.zeros(len(first_row), np.int64)
        until = pauses.until(np.append(self.start_ns, trace.now_ns))
        self.wall_ns = np.diff(np.append(self.start_ns, trace.now_ns) - until)

    def _kinds(self, batch: Int64Array) -> Int64Array:
        of_stage = np.array([*(_OF_STAGE[name] for name in STAGES), _RUN])
        in_epoch = (self._step == _EPOCH_SCOPE).any(axis=1)
        in_batch = (batch >= 0) & (self.stage >= 0)
        return np.where(in_batch, of_stage[self.stage], np.where(in_epoch, _EPOCH, _RUN)).astype(np.int64)

    def _epochs(self) -> Int64Array:
        level = np.argmax(self._step == _EPOCH_SCOPE, axis=1)
        inside = (self._step == _EPOCH_SCOPE).any(axis=1)
        epoch = np.full(len(inside), -1, np.int64)
        epoch[inside] = _turn(self._key[inside, level[inside]])
        return epoch

    def _numbered(self) -> tuple[Int64Array, Int64Array]:
        """By piece the number of its unit; by kind how many units there are.

        A batch that a validation interrupts is one batch: only pieces of its own kind tell when the next one begins.
        """
        unit = np.zeros(len(self.kind), np.int64)
        count = np.zeros(len(UNITS), np.int64)
        innermost = self._key[np.arange(len(self.kind)), np.maximum(self._length - 1, 0)]
        for kind in np.unique(self.kind).tolist():
            own = np.flatnonzero(self.kind == kind)
            if kind == _RUN:
                count[kind] = 1
                continue
            unit[own] = _turn(self.epoch[own] if kind == _EPOCH else innermost[own])
            count[kind] = int(unit[own[-1]]) + 1
        return unit, count

    def _named_paths(self) -> tuple[Int64Array, list[str]]:
        number, different = _paths(self._step)
        return number, [_named(steps) for steps in different]

    def _counted_turns(self) -> dict[str, int]:
        turns: dict[str, int] = {}
        for level in range(self._step.shape[1]):
            number, different = _paths(self._step[:, : level + 1])
            for index, steps in enumerate(different):
                if steps[-1] >= 0:
                    turns[_named(steps)] = int(_turn(self._key[number == index, level])[-1]) + 1
        first = {name: int(np.argmax(self.path == number)) for number, name in enumerate(self.paths)}
        return dict(sorted(turns.items(), key=lambda item: (_first_inside(item[0], first), item[0].count(">"))))


def _paths(step: npt.NDArray[np.int16]) -> tuple[Int64Array, list[list[int]]]:
    """By row of `step` which of the different paths it is; and these paths."""
    base = len(SCOPES) + 1
    code = np.zeros(len(step), np.int64)
    for level in range(step.shape[1]):
        code = code * base + step[:, level] + 1
    seen = np.bincount(code) > 0
    number = np.cumsum(seen) - 1
    first = {int(one): int(np.argmax(code == one)) for one in np.flatnonzero(seen)}
    return number[code], [step[row].tolist() for row in first.values()]


def _named(steps: list[int]) -> str:
    return " > ".join(SCOPES[step].label for step in steps if step >= 0)


def _first_inside(path: str, first: dict[str, int]) -> int:
    """The first piece in a loop."""
    return min(piece for name, piece in first.items() if name == path or name.startswith(f"{path} > "))


def _turn(keys: Int64Array) -> Int64Array:
    """The number of the stretch of equal keys that each entry is in."""
    return np.asarray(np.cumsum(np.append(False, keys[1:] != keys[:-1])[: len(keys)]), np.int64)
