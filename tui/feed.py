"""What is new in a run: the one thing the screen polls, live or under a clock.

`tui.live` and `tui.replay` take the stream into a `Recording` and say what changed; nobody above them needs to know
which one it is. A feed may be polled from any thread, by one at a time; its clock may be moved by any other meanwhile.
"""

from dataclasses import dataclass, field
from typing import Protocol

from tracer.analyze.loops import Loops
from tracer.analyze.stats import LiveStats
from tracer.run.build import Delta
from tracer.run.info import RunInfo
from tracer.run.metrics import Metrics
from tracer.run.trace import Trace
from tui.clock import Clock
from tui.landmarks import Landmarks
from tui.progress import ProgressMeter
from tui.seek import Places

STARTING = "starting"
"""State of a run that has not said anything about itself yet."""


@dataclass(frozen=True)
class Moment:
    """A run at one moment.

    Attributes:
        state: `STARTING`, or a run's state: running, finished, failed, interrupted, stopped, died. At an earlier
            moment it was running.
        latest_state: the same at the end of what is recorded, whatever moment is shown.
        info: what run.json says; None while it is not there.
        trace: the spans so far; None while starting.
        delta: what changed since the moment before; of a new generation, everything. None while starting.
        loops, stats, meter: the tree of loops, the self times and the progress of `trace`, good until the next poll;
            None while starting.
        metrics: the rows of metrics.csv that were written by now.
        now_ns: ns since the run's start: of the wall clock while a run is being written, of the clock in a replay.
        generation: grows when the trace went backwards. What was worked out from the trace before is then void, but
            for this: the rows that both traces have are the same spans. Only their ends may differ (duration, self
            time, status), where a span is open again.
        jumped: whether the clock was moved since the moment before, so that everything shown has to follow at once.
        reading: how much of what is recorded has been read, 0 to 1; None once that is everything.
        landmarks: what there is along the whole recording, as far as it has been read.
        rank, ranks: the rank that is shown, and all that there are.
        whole: all spans that have been read, whatever moment is shown; None while starting.
    """

    state: str
    info: RunInfo | None
    trace: Trace | None
    delta: Delta | None
    metrics: Metrics
    now_ns: int
    generation: int
    loops: Loops | None = None
    stats: LiveStats | None = None
    meter: ProgressMeter | None = None
    latest_state: str = STARTING
    jumped: bool = False
    reading: float | None = None
    landmarks: Landmarks = field(default_factory=Landmarks)
    rank: int = 0
    ranks: tuple[int, ...] = (0,)
    whole: Trace | None = None


class Feed(Protocol):
    """Says what is new."""

    def poll(self) -> Moment:
        """The run as it is now."""
        ...


class Timeline(Feed, Protocol):
    """A feed that can show any moment of what was recorded."""

    @property
    def clock(self) -> Clock | None:
        """What decides which moment is shown; None while that is the latest of a live run."""
        ...

    @property
    def whole(self) -> Trace | None:
        """All that has been read, whatever moment is shown; None while starting."""
        ...

    @property
    def reading(self) -> float | None:
        """As in `Moment`."""
        ...

    @property
    def places(self) -> Places:
        """The places of `whole`."""
        ...

    def show_rank(self, rank: int) -> None:
        """Shows another rank from the next poll on, at the same moment."""
        ...

    def rewind(self) -> Clock | None:
        """The clock; a live run gets one, which stands just before the latest. None if nothing was recorded yet."""
        ...

    def to_end(self) -> None:
        """Shows the end: the latest of a live run, which then needs no clock."""
        ...
