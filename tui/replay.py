"""The feed of a recorded run, under a clock."""

from collections.abc import Callable
from pathlib import Path

from tracer.errors import HooktraceError, NotARunError
from tracer.run.events import stream_end_ns
from tracer.run.reader import open_run
from tracer.run.trace import Trace
from tui.clock import Clock
from tui.feed import Moment
from tui.intake import Intake
from tui.ranks import ShownRank
from tui.rows import RowTimes
from tui.seek import Places, Target


class ReplayFeed:
    """A recorded run, as far as a clock says. Of a long run the first portion is there at once."""

    def __init__(self, run_dir: Path, clock: Callable[[int], Clock], rank: int = 0) -> None:
        """
        Args:
            run_dir: the run's directory.
            clock: makes the clock of the replay, given the run's end in ns.
            rank: the rank that is shown first.

        Raises:
            HooktraceError: there is no run, or it cannot be read.
        """
        run = open_run(run_dir)
        self._dir = run_dir
        self._info = run.info
        self._ranks = run.ranks or (rank,)
        self._shown = ShownRank(run_dir, self._info, rank)
        self._read_on()
        if not len(self.whole) and self.reading is None:
            reason = self._intake.gap or "it has no events: nothing was recorded"
            raise NotARunError(f"cannot replay {run_dir}: {reason}")
        self._metrics = run.metrics()
        self._rows = RowTimes()
        self._clock = clock(self._end_ns())

    @property
    def clock(self) -> Clock:
        """As in `Timeline`."""
        return self._clock

    @property
    def whole(self) -> Trace:
        """As in `Timeline`."""
        return self._intake.recording.whole

    @property
    def reading(self) -> float | None:
        """As in `Timeline`."""
        return self._intake.reading

    @property
    def places(self) -> Places:
        """As in `Timeline`."""
        return self._intake.places

    @property
    def _intake(self) -> Intake:
        return self._shown.intake

    def _end_ns(self) -> int:
        return self.whole.now_ns if self.reading is None else stream_end_ns(self._dir, self._shown.rank)

    def show_rank(self, rank: int) -> None:
        """As in `Timeline`."""
        self._shown.ask(rank)

    def rewind(self) -> Clock:
        """As in `Timeline`."""
        return self._clock

    def to_end(self) -> None:
        """As in `Timeline`."""
        self._clock.seek(self._clock.end_ns)

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
        shift_ns = self._shown.change(self._info)
        if shift_ns is not None:
            self._read_on()
            self._clock.move(shift_ns, self._end_ns())
        if self.reading is not None:
            self._read_on()
        whole, reading = self.whole, self.reading
        seeks, now_ns = self._clock.seeks, self._clock.now_ns()
        ended = reading is None and now_ns >= whole.now_ns
        if reading is not None:
            now_ns = min(now_ns, whole.now_ns)
        view = self._intake.playback.look(now_ns, seeks)
        return Moment(
            state=self._shown.about.present_state if ended else "running",
            info=self._info,
            trace=view.trace,
            delta=view.delta,
            metrics=self._rows.until(now_ns, self._metrics, whole, reading is None),
            now_ns=now_ns,
            generation=self._shown.generation(view.generation),
            loops=view.loops,
            stats=view.stats,
            meter=self._intake.meters.at(view.trace),
            latest_state=self._shown.about.present_state,
            jumped=view.jumped,
            reading=reading,
            landmarks=self._intake.landmarks.found,
            rank=self._shown.rank,
            ranks=self._ranks,
            whole=whole,
        )

    def _read_on(self) -> None:
        self._shown.read_on(self._info)
