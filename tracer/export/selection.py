"""Which spans an export takes, and how a format gets them: rank by rank and portion by portion, so that memory does not
grow with the number of ranks, and hardly with their length."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from tracer.run.events import Int64Array
from tracer.run.layout import STAGES
from tracer.run.table import Rows
from tracer.run.trace import Trace

if TYPE_CHECKING:
    from tracer.run import Run

PORTION: Final = 1 << 17
"""Spans that are in work at a time."""

Bounds = tuple[int | None, int | None]
"""The first number, and the one after the last; None for no bound."""
ALL: Final[Bounds] = (None, None)


@dataclass(frozen=True)
class Selection:
    """Which spans: those that fit everything that is said. The default is all of them.

    Attributes:
        stages: Of `layout.STAGES`; empty for all.
        epochs, batches: As Lightning counts them, from 0. With bounds, spans outside of all are left out.
        min_duration_ns: Shorter spans are left out; one that is still open is as long as it has lasted so far.
    """

    stages: tuple[str, ...] = ()
    epochs: Bounds = ALL
    batches: Bounds = ALL
    min_duration_ns: int = 0

    def rows(self, trace: Trace) -> Int64Array | None:
        """The rows of the trace that fit, in their order; None for all."""
        if self == Selection():
            return None
        chosen = self._fitting_contexts(trace)[trace.context]
        if self.min_duration_ns:
            so_far = np.where(trace.duration_ns >= 0, trace.duration_ns, trace.now_ns - trace.start_ns)
            chosen &= so_far >= self.min_duration_ns
        return np.flatnonzero(chosen)

    def _fitting_contexts(self, trace: Trace) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """One entry a context and a last one, at -1, for the spans before the first."""
        contexts = trace.contexts
        fits = np.ones(len(contexts) + 1, np.bool_)
        if self.stages:
            fits[:-1] &= np.isin(contexts.stage, [STAGES.index(name) for name in self.stages])
        for values, bounds in ((contexts.epoch, self.epochs), (contexts.batch, self.batches)):
            if bounds != ALL:
                first, stop = bounds
                fits[:-1] &= values >= (first or 0)
                if stop is not None:
                    fits[:-1] &= values < stop
        fits[-1] = not self.stages and self.epochs == self.batches == ALL
        return fits


class Watcher:
    """Who wants to know how an export gets on; this one does not."""

    def begin(self, part: "Part") -> None:
        """The spans of a rank are at hand."""

    def advance(self, spans: int) -> None:
        """So many more spans are written."""


@dataclass(frozen=True)
class Part:
    """The chosen spans of one rank.

    Attributes:
        trace: All spans of the rank.
        rows: The chosen ones, ascending; None for all.
    """

    trace: Trace
    rows: Int64Array | None = None
    watcher: Watcher = field(default_factory=Watcher)

    def __len__(self) -> int:
        return len(self.trace) if self.rows is None else len(self.rows)

    def portions(self, size: int = PORTION) -> Iterator[Rows]:
        """The chosen rows, at most `size` at a time."""
        for start in range(0, len(self), size):
            here = slice(start, min(start + size, len(self)))
            yield here if self.rows is None else self.rows[here]
            self.watcher.advance(here.stop - here.start)


@dataclass(frozen=True)
class Request:
    """What is to be exported.

    Attributes:
        run: The run.
        ranks: Whose spans, in this order.
        selection: Which of them.
    """

    run: "Run"
    ranks: tuple[int, ...]
    selection: Selection = Selection()
    watcher: Watcher = field(default_factory=Watcher)

    def parts(self) -> Iterator[Part]:
        """The spans, rank by rank. A rank's are read when it is its turn.

        Raises:
            NotFoundError: nothing was recorded of a rank.
            NotARunError: what is there is no event stream.
        """
        for rank in self.ranks:
            trace = self.run.trace(rank)
            part = Part(trace, self.selection.rows(trace), self.watcher)
            self.watcher.begin(part)
            yield part
