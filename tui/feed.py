"""What is new in a run: the one thing the screen polls, live or under a clock.

Both feeds take the stream into a `Recording` and say what changed; nobody above them needs to know which one it is. A
feed may be polled from any thread, by one at a time; its clock may be moved by any other meanwhile. No poll takes in
more than `MOST_RECORDS`, so a run of millions of spans is on the screen at once and fills in poll by poll.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tracer.analyze.loops import Loops
from tracer.analyze.stats import LiveStats
from tracer.errors import HooktraceError, NotARunError
from tracer.run.build import Delta
from tracer.run.events import ActionTail, EventTail, stream_end_ns, stream_records
from tracer.run.info import RunInfo
from tracer.run.layout import OUTPUT_FILE, RUN_FILE
from tracer.run.metrics import Metrics, MetricsReader
from tracer.run.reader import Run, known_gap, open_run
from tracer.run.trace import Trace
from tui.clock import Clock
from tui.landmarks import LandmarkFinder, Landmarks
from tui.playback import Playback
from tui.recording import Recording
from tui.rows import RowTimes
from tui.seek import Places, Target

STARTING = "starting"
"""State of a run that has not said anything about itself yet."""
MOST_RECORDS: Final = 1 << 18
"""Records that one poll takes in: some 50 ms of work."""


@dataclass(frozen=True)
class Moment:
    """A run at one moment.

    Attributes:
        state: `STARTING`, or a run's state: running, finished, failed, interrupted, stopped, died.
        info: what run.json says; None while it is not there.
        trace: the spans so far; None while starting.
        delta: what changed since the moment before; of a new generation, everything. None while starting.
        loops, stats: the tree of loops and the self times of `trace`, good until the next poll; None while starting.
        metrics: the rows of metrics.csv that were written by now.
        now_ns: ns since the run's start: of the wall clock while a run is being written, of the clock in a replay.
        generation: grows when the trace went backwards. What was worked out from the trace before is then void, but
            for this: the rows that both traces have are the same spans. Only their ends may differ (duration, self
            time, status), where a span is open again.
        jumped: whether the clock was moved since the moment before, so that everything shown has to follow at once.
        reading: how much of what is recorded has been read, 0 to 1; None once that is everything.
        landmarks: what there is along the whole recording, as far as it has been read.
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
    jumped: bool = False
    reading: float | None = None
    landmarks: Landmarks = field(default_factory=Landmarks)


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


class _Reader:
    """Takes the stream of a run into a recording, portion by portion."""

    def __init__(self, run_dir: Path, info: RunInfo) -> None:
        self.recording = Recording(info.started_at)
        self.playback = Playback(self.recording)
        self.landmarks = LandmarkFinder()
        self.reading: float | None = 0.0
        self._dir = run_dir
        self._tail = EventTail(run_dir)
        self._actions = ActionTail(run_dir)
        self._read = 0
        self._places: Places | None = None
        self.recording.reserve(stream_records(run_dir) // 2 + 1)

    @property
    def gap(self) -> str | None:
        """What the reader found to be missing, in words."""
        return self._tail.gap

    @property
    def places(self) -> Places:
        """The places of what was read. Made when asked for."""
        whole, known = self.recording.whole, self._places
        if known is None or known.trace is not whole:
            known = self._places = Places(whole)
        return known

    def read_on(self, info: RunInfo) -> None:
        """Takes in the next portion, if there is one."""
        events = self._tail.read(MOST_RECORDS)
        self._read += len(events)
        self.recording.feed(events, self._actions.read(), known_gap(info, self._tail))
        self.landmarks.advance(self.recording.whole)
        more = len(events) == MOST_RECORDS
        self.reading = min(1.0, self._read / max(1, stream_records(self._dir))) if more else None


class LiveFeed:
    """A run that may be being written at this moment. It can be rewound; what is written goes on being read."""

    def __init__(
        self,
        run_dir: Path,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            run_dir: the run's directory; the files in it may not be there yet.
            wall: seconds since 1970.
            steady: seconds on a steady scale; moves the clock of a run that was rewound.

        Raises:
            HooktraceError: there is a run, but it cannot be read.
        """
        self._dir = run_dir
        self._wall = wall
        self._steady = steady
        self._run: Run | None = None
        self._info: RunInfo | None = None
        self._stamp: tuple[int, int] | None = None
        self._reader: _Reader | None = None
        self._metrics_path: Path | None = None
        self._metrics = MetricsReader(None)
        self._rows = RowTimes()
        self._clock: Clock | None = None
        self._reopen()

    @property
    def clock(self) -> Clock | None:
        """As in `Timeline`."""
        return self._clock

    @property
    def whole(self) -> Trace | None:
        """As in `Timeline`."""
        return self._reader.recording.whole if self._reader else None

    @property
    def reading(self) -> float | None:
        """As in `Timeline`."""
        return self._reader.reading if self._reader else None

    @property
    def places(self) -> Places:
        """As in `Timeline`.

        Raises:
            HooktraceError: nothing was recorded yet.
        """
        if self._reader is None:
            raise HooktraceError("nothing was recorded yet")
        return self._reader.places

    def rewind(self) -> Clock | None:
        """Begins to show the past: returns a clock that stands at the latest moment, paused; None while starting."""
        whole = self.whole
        if self._clock is None and whole is not None and len(whole):
            clock = Clock(whole.now_ns, self._steady, playing=False)
            clock.seek(whole.now_ns - 1)
            self._clock = clock
        return self._clock

    def return_to_live(self) -> None:
        """Shows the latest again."""
        self._clock = None

    def poll(self) -> Moment:
        """The run as it is now, with what was written since the last poll; or as it was, if it was rewound.

        Raises:
            HooktraceError: the run's files can no longer be read.
        """
        self._reopen()
        if self._run is None or self._info is None:
            return Moment(STARTING, None, None, None, self._metrics.poll(), 0, 0)
        state = self._run.state  # before the events: a run that ended has written all of them
        if self._reader is None:
            self._reader = _Reader(self._dir, self._info)
        self._reader.read_on(self._info)
        clock = self._clock
        seeks = clock.seeks if clock else None  # before the time: a move in between shows at the next poll
        past_ns = self._past_ns(clock, self._reader.recording.whole.now_ns)
        return self._moment(state, self._info, self._reader, past_ns, seeks)

    def _past_ns(self, clock: Clock | None, latest_ns: int) -> int | None:
        """The moment to show; None for the latest, which a clock that arrives there turns back into."""
        if clock is None:
            return None
        clock.end_at(latest_ns)
        now_ns = clock.now_ns()
        if now_ns < latest_ns:
            return now_ns
        self._clock = None
        return None

    def _moment(self, state: str, info: RunInfo, reader: _Reader, past_ns: int | None, seeks: int | None) -> Moment:
        view = reader.playback.look(past_ns, seeks)
        metrics = self._metrics.poll()
        latest_ns = view.trace.now_ns
        if state == "running" and reader.reading is None:
            latest_ns = max(latest_ns, int((self._wall() - info.started_at.timestamp()) * 1e9))
        if past_ns is not None:
            state = "running"
            metrics = self._rows.until(past_ns, metrics, reader.recording.whole, reader.reading is None)
        return Moment(
            state=state,
            info=info,
            trace=view.trace,
            delta=view.delta,
            metrics=metrics,
            now_ns=latest_ns if past_ns is None else past_ns,
            generation=view.generation,
            loops=view.loops,
            stats=view.stats,
            jumped=view.jumped,
            reading=reader.reading,
            landmarks=reader.landmarks.found,
        )

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
    """A recorded run, as far as a clock says. Of a long run the first portion is there at once."""

    def __init__(self, run_dir: Path, clock: Callable[[int], Clock]) -> None:
        """
        Args:
            run_dir: the run's directory.
            clock: makes the clock of the replay, given the run's end in ns.

        Raises:
            HooktraceError: there is no run, or it cannot be read.
        """
        run = open_run(run_dir)
        self._info = run.info
        self._state = run.state
        self._reader = _Reader(run_dir, self._info)
        self._reader.read_on(self._info)
        if not len(self.whole) and self.reading is None:
            reason = self._reader.gap or "it has no events: nothing was recorded"
            raise NotARunError(f"cannot replay {run_dir}: {reason}")
        self._metrics = run.metrics()
        self._rows = RowTimes()
        self._clock = clock(self.whole.now_ns if self.reading is None else stream_end_ns(run_dir))

    @property
    def clock(self) -> Clock:
        """As in `Timeline`."""
        return self._clock

    @property
    def whole(self) -> Trace:
        """As in `Timeline`."""
        return self._reader.recording.whole

    @property
    def reading(self) -> float | None:
        """As in `Timeline`."""
        return self._reader.reading

    @property
    def places(self) -> Places:
        """As in `Timeline`."""
        return self._reader.places

    def begin_at(self, target: Target) -> None:
        """Moves the clock to a place, reading as far as it takes to find it.

        Raises:
            HooktraceError: there is no such place in the run.
        """
        while True:
            try:
                self._clock.seek(self.places.find(target, 0))
            except HooktraceError:
                if self.reading is None:
                    raise
                self._read_on()
            else:
                return

    def poll(self) -> Moment:
        """The run up to the clock's time, or up to where it has been read."""
        if self.reading is not None:
            self._read_on()
        whole, reading = self.whole, self.reading
        seeks, now_ns = self._clock.seeks, self._clock.now_ns()
        ended = reading is None and now_ns >= whole.now_ns
        if reading is not None:
            now_ns = min(now_ns, whole.now_ns)
        view = self._reader.playback.look(now_ns, seeks)
        return Moment(
            state=self._state if ended else "running",
            info=self._info,
            trace=view.trace,
            delta=view.delta,
            metrics=self._rows.until(now_ns, self._metrics, whole, reading is None),
            now_ns=now_ns,
            generation=view.generation,
            loops=view.loops,
            stats=view.stats,
            jumped=view.jumped,
            reading=reading,
            landmarks=self._reader.landmarks.found,
        )

    def _read_on(self) -> None:
        self._reader.read_on(self._info)
        if self.reading is None:
            self._clock.end_at(self.whole.now_ns)


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
