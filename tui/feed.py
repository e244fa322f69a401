"""What is new in a run: the one thing the screen polls, live or under the clock of a replay.

Both feeds put events into a `TraceBuilder` and say what changed; nobody above them needs to know which one it is. A
feed may be polled from any thread, by one at a time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tracer.errors import NotARunError
from tracer.run.build import Delta, TraceBuilder
from tracer.run.events import ActionTail, EventTail, event_times
from tracer.run.info import RunInfo
from tracer.run.layout import OUTPUT_FILE, RUN_FILE
from tracer.run.metrics import Metrics, MetricsReader
from tracer.run.reader import Run, known_gap, open_run
from tracer.run.trace import Trace
from tui.clock import Clock
from tui.rows import RowTimes
from tui.seek import Places

STARTING = "starting"
"""State of a run that has not said anything about itself yet."""


@dataclass(frozen=True)
class Moment:
    """A run at one moment.

    Attributes:
        state: `STARTING`, or a run's state: running, finished, failed, interrupted, stopped, died.
        info: what run.json says; None while it is not there.
        trace: the spans so far; None while starting.
        delta: what this poll added to the trace; None while starting.
        metrics: the rows of metrics.csv that were written by now.
        now_ns: ns since the run's start: of the wall clock while a run is being written, of the clock in a replay.
        generation: grows when everything of before is void, since a replay went backwards.
    """

    state: str
    info: RunInfo | None
    trace: Trace | None
    delta: Delta | None
    metrics: Metrics
    now_ns: int
    generation: int


class Feed(Protocol):
    """Says what is new."""

    def poll(self) -> Moment:
        """The run as it is now."""
        ...


class LiveFeed:
    """A run that may be being written at this moment."""

    def __init__(self, run_dir: Path, wall: Callable[[], float] = time.time) -> None:
        """
        Args:
            run_dir: the run's directory; the files in it may not be there yet.
            wall: seconds since 1970.

        Raises:
            HooktraceError: there is a run, but it cannot be read.
        """
        self._dir = run_dir
        self._wall = wall
        self._run: Run | None = None
        self._info: RunInfo | None = None
        self._stamp: tuple[int, int] | None = None
        self._builder: TraceBuilder | None = None
        self._events = EventTail(run_dir)
        self._actions = ActionTail(run_dir)
        self._metrics_path: Path | None = None
        self._metrics = MetricsReader(None)
        self._reopen()

    def poll(self) -> Moment:
        """The run as it is now, with what was written since the last poll.

        Raises:
            HooktraceError: the run's files can no longer be read.
        """
        self._reopen()
        if self._run is None or self._info is None:
            return Moment(STARTING, None, None, None, self._metrics.poll(), 0, 0)
        state = self._run.state  # before the events: a run that ended has written all of them
        info = self._info
        if self._builder is None:
            self._builder = TraceBuilder(0, info.started_at)
        delta = self._builder.feed(self._events.read(), self._actions.read())
        trace = self._builder.trace(known_gap(info, self._events))
        now_ns = trace.now_ns
        if state == "running":
            now_ns = max(now_ns, int((self._wall() - info.started_at.timestamp()) * 1e9))
        return Moment(state, info, trace, delta, self._metrics.poll(), now_ns, 0)

    def _reopen(self) -> None:
        """Reads run.json again if it was rewritten: it is when the state changes or metrics.csv gets its place."""
        try:
            stat = (self._dir / RUN_FILE).stat()
        except FileNotFoundError:
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp == self._stamp:
            return
        self._run = open_run(self._dir)
        self._info = self._run.info
        self._stamp = stamp
        if self._run.metrics_path != self._metrics_path:
            self._metrics_path = self._run.metrics_path
            self._metrics = MetricsReader(self._metrics_path)


class ReplayFeed:
    """A recorded run, as far as a clock says.

    Going backwards starts a new trace from the beginning, with a new generation: a trace cannot forget.
    """

    def __init__(self, run_dir: Path, clock: Callable[[int], Clock]) -> None:
        """
        Args:
            run_dir: the run's directory.
            clock: makes the clock of the replay, given the run's end in ns.

        Raises:
            HooktraceError: there is no run, or it cannot be read.
        """
        self._run = open_run(run_dir)
        self._info = self._run.info
        tail = EventTail(run_dir)
        self._events = tail.read()
        self._gap = known_gap(self._info, tail)
        self._actions = ActionTail(run_dir).read()
        if not len(self._events):
            reason = tail.gap or "it has no events: nothing was recorded"
            raise NotARunError(f"cannot replay {run_dir}: {reason}")
        self._times_ns = np.maximum.accumulate(event_times(self._events))
        whole = TraceBuilder(0, self._info.started_at)
        whole.feed(self._events, self._actions)
        self.whole: Trace = whole.trace()
        self.places = Places(self.whole)
        self._rows = RowTimes(self._run.metrics(), self.whole)
        self.clock = clock(int(self._times_ns[-1]))
        self._state = self._run.state
        self._generation = 0
        self._fed = self._fed_ns = 0
        self._builder = TraceBuilder(0, self._info.started_at)

    def poll(self) -> Moment:
        """The run up to the clock's time."""
        now_ns = self.clock.now_ns()
        if now_ns < self._fed_ns:
            self._generation += 1
            self._fed = 0
            self._builder = TraceBuilder(0, self._info.started_at)
        until = int(np.searchsorted(self._times_ns, now_ns, side="right"))
        delta = self._builder.feed(self._events[self._fed : until], self._actions)
        self._fed, self._fed_ns = until, now_ns
        ended = until == len(self._events)
        return Moment(
            state=self._state if ended else "running",
            info=self._info,
            trace=self._builder.trace(self._gap),
            delta=delta,
            metrics=self._rows.until(now_ns),
            now_ns=now_ns,
            generation=self._generation,
        )


def check_watchable(run_dir: Path, expected: bool) -> None:
    """Nothing if a live screen can be opened on `run_dir`: a run is there, or is about to be.

    Args:
        run_dir: the run's directory.
        expected: whether a process of ours is going to record there.

    Raises:
        HooktraceError: there is no run, and none is to come.
    """
    if not expected and not (run_dir / OUTPUT_FILE).exists():
        open_run(run_dir)
