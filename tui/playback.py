"""From poll to poll: what a recording looks like at the moment that is shown, and what changed since the one before."""

from dataclasses import dataclass

from tracer.analyze.history import Position
from tracer.analyze.loops import Loops
from tracer.analyze.stats import LiveStats
from tracer.run.build import Delta
from tracer.run.trace import Trace
from tui.recording import Recording


@dataclass(frozen=True)
class View:
    """A recording at one moment; the fields are those of `tui.feed.Moment`."""

    trace: Trace
    delta: Delta
    loops: Loops
    stats: LiveStats
    generation: int
    jumped: bool


class Playback:
    """Looks at a recording, each time at another moment."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._position = Position()
        self.generation = 0
        """Grows when the moment that is shown goes backwards."""
        self._seeks: int | None = None

    def look(self, time_ns: int | None, seeks: int | None) -> View:
        """The recording at a moment.

        Args:
            time_ns: which one; None for its end.
            seeks: how often the clock that says so was moved; None if there is none.
        """
        kept = self._recording
        if time_ns is None:
            position, trace, loops, stats = kept.position, kept.whole, kept.loops, kept.stats
        else:
            past = kept.at(time_ns)
            position, trace, loops, stats = past.position, past.trace, past.loops, past.stats
        before, self._position = self._position, position
        if position.rows < before.rows or position.closed < before.closed:
            self.generation += 1
            before = Position()
        jumped, self._seeks = seeks != self._seeks, seeks
        return View(trace, kept.between(before, position), loops, stats, self.generation, jumped)
