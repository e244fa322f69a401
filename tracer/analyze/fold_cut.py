"""Which turns were cut off: the recording ends in there, or an error ended them.

What would have come next in such a turn says nothing about when it runs.
"""

import numpy as np

from tracer.analyze.fold import Part
from tracer.analyze.fold_paths import CALLS
from tracer.analyze.fold_shapes import GROUP
from tracer.analyze.fold_tokens import Tokens
from tracer.run.trace import ERROR, Trace

UNFINISHED = "unfinished: the recording ends in here"
FAILED = "an error ended it"


class CutTurns:
    """Where a run breaks off."""

    def __init__(self, structure: Tokens, trace: Trace) -> None:
        self._tokens, self._open = structure, frozenset(trace.open_rows)
        self._failed = trace.status == ERROR
        self._last = len(structure) - 1
        self._ends = [self._last] if self._open else []
        if self._failed.any():  # the innermost call that the last error went through
            failed = self._failed[structure.row] & (structure.code >= 0)
            self._ends += np.flatnonzero(failed)[-1:].tolist()

    def note(self, part: Part) -> str | None:
        """What to say of a call whose last turn was cut off; None of others."""
        row = self._row(part)
        return UNFINISHED if row in self._open else FAILED if self._failed[row] else None

    def ends_in(self, loop: Part) -> bool:
        """Whether the recording ends between two calls in a loop: Lightning always calls more after the last turn."""
        return not self._open and -1 - loop.code >= CALLS and self._is_within(loop, self._last)

    def is_cut(self, part: Part) -> bool:
        """Whether the last turn of a part was cut off."""
        if part.code == GROUP:
            return bool(self._ends) and int(part.starts[0]) < 0  # the whole run; other stretches are complete
        if part.code >= 0:
            return self.note(part) is not None
        return self.ends_in(part) or any(self._is_within(part, end) for end in self._ends)

    def _is_within(self, loop: Part, place: int) -> bool:
        """Whether a token is in the last turn of a loop."""
        start, depth = int(loop.starts[-1]), self._tokens.depth
        return start <= place and bool((depth[start + 1 : place + 1] > depth[start]).all())

    def _row(self, part: Part) -> int:
        return int(self._tokens.row[part.starts[-1]])
