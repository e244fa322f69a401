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
from tui.rows import RowTimes
from tui.seek import Places, Target


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
        self._intake = Intake(run_dir, self._info)
        self._intake.read_on(self._info)
        if not len(self.whole) and self.reading is None:
            reason = self._intake.gap or "it has no events: nothing was recorded"
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
        return self._intake.recording.whole

    @property
    def reading(self) -> float | None:
        """As in `Timeline`."""
        return self._intake.reading

    @property
    def places(self) -> Places:
        """As in `Timeline`."""
        return self._intake.places

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
        if self.reading is not None:
            self._read_on()
        whole, reading = self.whole, self.reading
        seeks, now_ns = self._clock.seeks, self._clock.now_ns()
        ended = reading is None and now_ns >= whole.now_ns
        if reading is not None:
            now_ns = min(now_ns, whole.now_ns)
        view = self._intake.playback.look(now_ns, seeks)
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
            meter=self._intake.meters.at(view.trace),
            latest_state=self._state,
            jumped=view.jumped,
            reading=reading,
            landmarks=self._intake.landmarks.found,
        )

    def _read_on(self) -> None:
        self._intake.read_on(self._info)
        if self.reading is None:
            self._clock.end_at(self.whole.now_ns)
