"""The feed of a run that may be being written at this moment."""

import time
from collections.abc import Callable
from pathlib import Path

from tracer.errors import HooktraceError
from tracer.run.events import stream_end_ns
from tracer.run.info import RunInfo
from tracer.run.layout import OUTPUT_FILE, RUN_FILE
from tracer.run.metrics import MetricsReader
from tracer.run.reader import Run, open_run, recorded_ranks
from tracer.run.trace import Trace
from tui.clock import Clock
from tui.feed import STARTING, Moment
from tui.ranks import ShownRank
from tui.rows import RowTimes
from tui.seek import Places


class LiveFeed:
    """A run that may be being written at this moment. It can be rewound; what is written goes on being read."""

    def __init__(
        self,
        run_dir: Path,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        rank: int = 0,
    ) -> None:
        """
        Args:
            run_dir: the run's directory; the files in it may not be there yet.
            wall: seconds since 1970.
            steady: seconds on a steady scale; moves the clock of a run that was rewound.
            rank: the rank that is shown first.

        Raises:
            HooktraceError: there is a run, but it cannot be read.
        """
        self._dir = run_dir
        self._wall = wall
        self._steady = steady
        self._run: Run | None = None
        self._info: RunInfo | None = None
        self._told = STARTING
        self._stamp: tuple[int, int] | None = None
        self._rank = rank
        self._shown: ShownRank | None = None
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
        return self._shown.intake.recording.whole if self._shown else None

    @property
    def reading(self) -> float | None:
        """As in `Timeline`."""
        return self._shown.intake.reading if self._shown else None

    @property
    def places(self) -> Places:
        """As in `Timeline`.

        Raises:
            HooktraceError: nothing was recorded yet.
        """
        if self._shown is None:
            raise HooktraceError("nothing was recorded yet")
        return self._shown.intake.places

    def show_rank(self, rank: int) -> None:
        """As in `Timeline`."""
        if self._shown is not None:
            self._shown.ask(rank)

    def rewind(self) -> Clock | None:
        """As in `Timeline`: begins to show the past, paused."""
        whole = self.whole
        if self._clock is None and whole is not None and len(whole):
            clock = Clock(whole.now_ns, self._steady, playing=False)
            clock.seek(whole.now_ns - 1)
            self._clock = clock
        return self._clock

    def to_end(self) -> None:
        """As in `Timeline`."""
        self._clock = None

    def poll(self) -> Moment:
        """The run as it is now, with what was written since the last poll; or as it was, if it was rewound.

        Raises:
            HooktraceError: the run's files can no longer be read.
        """
        self._reopen()
        if self._run is None or self._info is None:
            return Moment(STARTING, None, None, None, self._metrics.poll(), 0, 0)
        if self._shown is None:
            self._shown = ShownRank(self._dir, self._info, self._rank)
        shift_ns = self._shown.change(self._info)
        if shift_ns is not None and self._clock is not None:
            self._clock.move(shift_ns, stream_end_ns(self._dir, self._shown.rank))
        state = self._state(self._run, self._shown)  # before the events: a run that ended has written all of them
        if state != self._told:  # run.json need not have changed: a full disk leaves it as it was
            self._told, self._info = state, self._run.info
        self._shown.read_on(self._info)
        clock = self._clock
        seeks = clock.seeks if clock else None  # before the time: a move in between shows at the next poll
        past_ns = self._past_ns(clock, self._shown.intake.recording.whole.now_ns)
        return self._moment(state, self._info, self._shown, past_ns, seeks)

    def _state(self, run: Run, shown: ShownRank) -> str:
        """How the shown rank stands; the first one is the run's."""
        return shown.about.present_state if shown.rank else run.state

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

    def _moment(self, state: str, info: RunInfo, shown: ShownRank, past_ns: int | None, seeks: int | None) -> Moment:
        intake = shown.intake
        view = intake.playback.look(past_ns, seeks)
        latest_state = state
        metrics = self._metrics.poll()
        latest_ns = view.trace.now_ns
        if state == "running" and intake.reading is None:
            latest_ns = max(latest_ns, int((self._wall() - shown.about.started_at.timestamp()) * 1e9))
        if past_ns is not None:
            state = "running"
            metrics = self._rows.until(past_ns, metrics, intake.recording.whole, intake.reading is None)
        return Moment(
            state=state,
            info=info,
            trace=view.trace,
            delta=view.delta,
            metrics=metrics,
            now_ns=latest_ns if past_ns is None else past_ns,
            generation=shown.generation(view.generation),
            loops=view.loops,
            stats=view.stats,
            meter=intake.meters.latest if past_ns is None else intake.meters.at(view.trace),
            latest_state=latest_state,
            jumped=view.jumped,
            reading=intake.reading,
            landmarks=intake.landmarks.found,
            rank=shown.rank,
            ranks=recorded_ranks(self._dir),
            whole=intake.recording.whole,
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
