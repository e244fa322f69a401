"""How long the parts of a folded run took, pauses left out."""

from collections.abc import Iterator

import numpy as np

from tracer.analyze.fold import Part
from tracer.analyze.fold_tokens import Int32Array, Tokens
from tracer.analyze.pauses import Pauses
from tracer.run.events import Int64Array
from tracer.run.trace import Trace


class Times:
    """Times of one run, in ns."""

    def __init__(self, trace: Trace, structure: Tokens) -> None:
        self._trace, self._tokens = trace, structure
        self._pauses = Pauses()
        self._pauses.advance(trace)
        whole = self._pauses.work_ns(np.zeros(1, np.int64), np.array([trace.now_ns]))
        begin_ns = int(trace.start_ns[0]) if len(trace) else 0
        self._whole_ns = max(1, int(whole[0]) - begin_ns)

    def calls(self, starts: Int32Array) -> Int64Array:
        """Of those of the calls beginning with these tokens that ended."""
        rows = self._tokens.row[starts]
        took_ns = self._trace.duration_ns[rows]
        ended = took_ns >= 0
        return self._pauses.work_ns(self._trace.start_ns[rows][ended], took_ns[ended])

    def loop(self, part: Part) -> int:
        """Of all calls in all turns of a loop."""
        return sum(int(self.calls(inner.starts).sum()) for inner in _calls_inside(part))

    def share(self, total_ns: int) -> float:
        """What part of the run that is, 0 to 1."""
        return min(1.0, total_ns / self._whole_ns)


def _calls_inside(part: Part) -> Iterator[Part]:
    """The outermost calls below a loop."""
    waiting = list(part.body)
    while waiting:
        inner = waiting.pop()
        if inner.code >= 0:
            yield inner
        else:
            waiting.extend(inner.body)
