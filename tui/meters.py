"""How far a run was at any moment of its recording: the meter of progress, kept every so many spans."""

from bisect import bisect_right
from typing import Final

from tracer.run.trace import Trace
from tui.progress import ProgressMeter

_APART: Final = 100_000
"""Spans between two copies."""


class Meters:
    """The progress of one recording.

    Attributes:
        latest: At the end of what was taken in.
    """

    def __init__(self) -> None:
        self.latest = ProgressMeter()
        self._copies = [ProgressMeter()]
        self._times_ns = [-1]
        self._rows = 0

    def advance(self, whole: Trace) -> None:
        """Takes in what was added to the trace since the last call."""
        self.latest.advance(whole)
        if len(whole) - self._rows >= _APART:
            self._rows = len(whole)
            self._copies.append(self.latest.copy())
            self._times_ns.append(whole.now_ns)

    def at(self, trace: Trace) -> ProgressMeter:
        """The progress at the moment up to which `trace` goes, counted on from the copy before it."""
        meter = self._copies[bisect_right(self._times_ns, trace.now_ns) - 1].copy()
        meter.advance(trace)
        return meter
