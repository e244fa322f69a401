"""What a reader of a recording must know about it before believing the figures."""

import sys
from typing import TYPE_CHECKING

from tracer.run.text import plain_text

if TYPE_CHECKING:
    from tracer.analyze.digest import Digest
    from tracer.run import Run
    from tracer.run.trace import Trace


def lowest_rank(run: "Run") -> int:
    """The lowest rank that was recorded; 0 where none was, so that the reader says so."""
    return min(run.ranks, default=0)


def warn_about(run: "Run", trace: "Trace | Digest") -> None:
    """Says on stderr what is missing from a trace, and that a run is still being written."""
    if trace.gap:
        print(f"hooktrace: warning: {run.name} is incomplete: {plain_text(trace.gap)}", file=sys.stderr)
    if run.state == "running":
        print(f"hooktrace: note: {run.name} is still being written; this is what is there now", file=sys.stderr)
