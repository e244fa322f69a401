"""How far the loops around a part of the folded run were at each of its turns: what conditions are about."""

from collections.abc import Sequence

import numpy as np

from tracer.analyze.fold import Part
from tracer.analyze.fold_conditions import Counter
from tracer.analyze.fold_cut import CutTurns
from tracer.analyze.fold_paths import BoolArray
from tracer.analyze.fold_tokens import Tokens
from tracer.run.events import Int64Array
from tracer.run.trace import Trace

COUNTED = ("epoch", "batch", "dataloader")
"""Loops whose turns have numbers."""
_EVALUATIONS = frozenset({"sanity check", "validation"})


class Turns:
    """The turns of the loops of one run."""

    def __init__(self, trace: Trace, structure: Tokens, cut: CutTurns) -> None:
        self._trace, self._tokens, self._cut = trace, structure, cut

    def index(self, loop: Part) -> Int64Array:
        """By turn of a counted loop, the number that Lightning gives it."""
        return self._context(loop, loop.loop or "")

    def planned(self, loop: Part) -> int:
        """How many turns a loop over batches means to take at most; the most that it took where that is not known."""
        known = int(self._context(loop, "planned").max())
        return known if known > 0 else int(loop.times.max()) if loop.times is not None else 1

    def steps(self) -> int:
        """How many steps of the optimizer the run came to."""
        return int(self._trace.contexts.global_step.max(initial=-1))

    def counters(self, around: Part, loops: Sequence[Part], validates: bool) -> list[Counter]:
        """What a condition on parts of a body can be about, innermost loop first.

        Args:
            around: Whose body it is.
            loops: Those around the body, outermost first.
            validates: Whether it is about a validation, which may count batches through all epochs.
        """
        counters = [self._counter(loop, around) for loop in reversed(loops) if loop.loop in COUNTED]
        kinds = [loop.loop for loop in loops]
        if counters and counters[0].name == "batch" and "epoch" in kinds and not _EVALUATIONS & set(kinds):
            if around.code >= 0:
                counters.append(Counter("global_step", self._context(around, "global_step")))
            elif validates and loops[0].turns == 1 and counters[1].index[0] == 0:
                counters.append(Counter("total_batch", self._at(loops[-1], around)))
        return counters

    def _counter(self, loop: Part, around: Part) -> Counter:
        turn = self._at(loop, around)
        return Counter(loop.loop or "", self.index(loop)[turn], self._last(loop)[turn])

    def _at(self, loop: Part, around: Part) -> Int64Array:
        """By turn of a part in a loop, which turn of the loop that is."""
        return np.asarray(np.searchsorted(loop.starts, around.starts, side="right") - 1, np.int64)

    def _last(self, loop: Part) -> BoolArray:
        """By turn, whether the loop ended with it: not where the recording ends before the loop does."""
        last = np.ones(loop.turns, np.bool_)
        if loop.times is not None:
            last[:] = False
            last[np.cumsum(loop.times) - 1] = True
        last[-1] = last[-1] and not self._cut.is_cut(loop)
        return last

    def _context(self, part: Part, name: str) -> Int64Array:
        context = self._trace.context[self._tokens.row[part.starts]]
        values = np.append(getattr(self._trace.contexts, name), -1)
        return np.asarray(values[context], np.int64)
