"""What is said on stderr while an export goes on: what the recording lacks, and on a terminal how far it is."""

import sys
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from tracer.export import Watcher
from tracer.export.selection import Part
from tracer.run import Run
from tracer.verbs.warnings import warn_about

_PATIENCE_S = 0.5
"""What is done sooner needs no line."""
_EVERY_S = 0.1
_CLEAR = "\r\x1b[K"


class Progress(Watcher):
    """Follows an export. The line on the terminal is gone when the context ends.

    Attributes:
        spans: How many there are to write, of the ranks so far.
    """

    def __init__(
        self, run: Run, quiet: bool = False, out: TextIO | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        """Makes one that has seen nothing.

        Args:
            run: What is exported.
            quiet: No line even on a terminal; what is wrong is always said.
            out: Where the line goes; stderr by default.
            clock: Seconds on a steady scale.
        """
        self._run = run
        self._out = out or sys.stderr
        self._clock = clock
        self._shows = not quiet and self._out.isatty()
        self._due_s = clock() + _PATIENCE_S
        self._done = 0
        self._dirty = False
        self.spans = 0

    def begin(self, part: Part) -> None:
        """Says what the recording of that rank lacks."""
        warn_about(self._run, part.trace)
        self.spans += len(part)

    def advance(self, spans: int) -> None:
        """Brings the line up to date, if it is time."""
        self._done += spans
        if self._shows and (now_s := self._clock()) >= self._due_s:
            self._due_s, self._dirty = now_s + _EVERY_S, True
            self._out.write(f"{_CLEAR}{self._done:,} of {self.spans:,} calls ({self._done / self.spans:.0%})")
            self._out.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._dirty:
            self._out.write(_CLEAR)
            self._out.flush()
