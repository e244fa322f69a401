"""Everything that the screen shows at one moment, worked out off the event loop.

`Session.poll` runs in a thread and returns one frozen `Frame`; the widgets only paint it. Of all that is in a frame
only `trace` shares memory with what the next poll writes to: its columns are views, for panes that read a few rows.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tracer.analyze.pauses import Pauses
from tracer.analyze.stats import LiveHookStat
from tracer.run.info import RunInfo
from tracer.run.layout import OUTPUT_FILE
from tracer.run.metrics import Metrics
from tracer.run.trace import Trace
from tui.feed import STARTING, Feed, Moment
from tui.gate import Gatekeeper, GateView
from tui.inspector import Inspection, Inspector
from tui.landmarks import Landmarks
from tui.log import LogSearch, LogView
from tui.outline import Bars, BarsFinder
from tui.output import OutputTail
from tui.progress import Progress
from tui.study import Studied, Study
from tui.view import LoopView, loop_view
from tui.wish import Wish

TOP_HOOKS: Final = 20
_SLOW_EVERY: Final = 4
"""Polls between two looks at what nobody can read faster: the table of slowest hooks and the waterfall."""
_FOLLOW_EVERY: Final = 10
"""The same for all about the open hook, which is another one each time."""
_STORM_SPANS: Final = 1000
"""With more new spans a poll than this there is so much to see that it is shown more often."""


@dataclass(frozen=True)
class Frame:
    """What there is to show.

    Attributes:
        state, latest_state, generation, reading, landmarks, rank, ranks: as in `tui.feed.Moment`.
        trace: the spans so far; None while starting.
        wish: what was asked for when this frame was worked out.
        gate: how the gate of a live training stands.
        open_hook: name of the innermost open span; None if none is open.
        quiet_ns: how long nothing has been entered or left.
        gap: what is missing of the recording, in words.
        stats: the actions with the most self time.
        log: the calls that meet the wish's filter.
        inspection: all about the selected hook; None while there is none.
        bars: what the waterfall shows; None while there is no such stretch.
        output: last lines of the program's own output.
        studied: the explained loop, while somebody looks at it, and the findings.
        storm: whether very much happens now.
        error: what went wrong with this poll, in words; everything else is as it was.
    """

    state: str = STARTING
    info: RunInfo | None = None
    now_ns: int = 0
    generation: int = 0
    latest_state: str = STARTING
    reading: float | None = None
    landmarks: Landmarks = field(default_factory=Landmarks)
    rank: int = 0
    ranks: tuple[int, ...] = (0,)
    trace: Trace | None = None
    wish: Wish = field(default_factory=Wish)
    gate: GateView = field(default_factory=GateView)
    progress: Progress = field(default_factory=Progress)
    open_hook: str | None = None
    quiet_ns: int = 0
    gap: str | None = None
    loop: LoopView = field(default_factory=LoopView)
    stats: tuple[LiveHookStat, ...] = ()
    log: LogView = field(default_factory=LogView)
    inspection: Inspection | None = None
    bars: Bars | None = None
    metrics: Metrics = field(default_factory=Metrics)
    output: tuple[str, ...] = ()
    studied: Studied = field(default_factory=Studied)
    storm: bool = False
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come after the moment that is shown."""
        return self.state not in (STARTING, "running")

    @property
    def over(self) -> bool:
        """Whether nothing more will be recorded, whatever moment is shown."""
        return self.latest_state not in (STARTING, "running")


class _Pace:
    """Says when to look again at what is not looked at in every poll; at first, at once."""

    def __init__(self) -> None:
        self._polls: float = math.inf
        self._stale = True

    def is_due(self, changed: bool, news: bool, every: int) -> bool:
        """Whether to look now: something changed since the last look, and either nothing goes on or it was long ago.

        Args:
            changed: whether anything has changed since the poll before.
            news: whether something goes on.
            every: after how many polls a look is due even so.
        """
        self._stale |= changed
        self._polls += 1
        if not self._stale or (news and self._polls < every):
            return False
        self._polls, self._stale = 0, False
        return True


class Session:
    """Follows one run from poll to poll."""

    def __init__(self, feed: Feed, run_dir: Path, gate: Gatekeeper | None = None) -> None:
        self._feed = feed
        self._gate = gate
        self._output = OutputTail(run_dir / OUTPUT_FILE)
        self._frame = Frame()
        self._last_state = STARTING
        self._log = LogSearch()
        self.study = Study()
        """What takes longer than a poll; says what of it is wanted."""
        self.wish = Wish()
        """What the user is looking at; replaced as a whole, by any thread."""
        self._bars = BarsFinder()
        self._inspector = Inspector()
        self._new = 0
        self._restart()

    def poll(self) -> Frame:
        """What there is to show now. Called by one thread at a time.

        Raises:
            HooktraceError: the run's files can no longer be read.
        """
        gate = self._gate.poll() if self._gate else GateView()  # whatever the files are like, it needs signs of life
        moment = self._feed.poll()
        if moment.generation != self._frame.generation:
            self._restart()
        frame = replace(
            self._frame,
            state=moment.state,
            info=moment.info,
            now_ns=moment.now_ns,
            generation=moment.generation,
            metrics=moment.metrics,
            output=self._output.read(),
            trace=moment.trace,
            latest_state=moment.latest_state,
            reading=moment.reading,
            landmarks=moment.landmarks,
            rank=moment.rank,
            ranks=moment.ranks,
            wish=self.wish,
            gate=gate,
            studied=self.study.advance(moment),
        )
        self._frame = self._with_trace(frame, moment)
        return self._frame

    def _restart(self) -> None:
        self._pauses = Pauses()
        self._slow, self._inspected = _Pace(), _Pace()

    def _with_trace(self, frame: Frame, moment: Moment) -> Frame:
        trace, delta, loops, stats, meter = moment.trace, moment.delta, moment.loops, moment.stats, moment.meter
        if trace is None or delta is None or loops is None or stats is None or meter is None:
            return frame
        if moment.jumped:
            self._slow, self._inspected = _Pace(), _Pace()
        news = delta.rows > delta.first_row or len(delta.closed) > 0
        if news:
            self._pauses.advance(trace)
        changed = news or frame.state != self._last_state
        self._last_state = frame.state
        innermost = trace.open_rows[-1] if trace.open_rows else None
        frame = replace(
            frame,
            progress=meter.progress(moment.info, moment.now_ns),
            open_hook=None if innermost is None else trace.actions[int(trace.action[innermost])].label,
            quiet_ns=max(0, moment.now_ns - trace.now_ns),
            gap=trace.gap,
            log=self._log.view(trace, frame.wish.log_filter, frame.wish.row),
        )
        loop = loop_view(loops, trace, moment.now_ns, frame.ended) if len(trace) else LoopView()
        before, self._new = self._new, delta.rows - delta.first_row  # of two polls: one can fall between two writes
        frame = replace(frame, loop=loop, storm=before + self._new > _STORM_SPANS)
        slow = self._slow.is_due(changed, news, _SLOW_EVERY)
        if slow:
            frame = replace(frame, stats=stats.top(TOP_HOOKS))
        if slow or self._bars.is_new(frame.wish.bars):
            bars = self._bars.find(trace, loops, self._pauses, frame.wish.bars, frame.ended)
            frame = replace(frame, bars=bars)
        every = _SLOW_EVERY if frame.wish.action >= 0 else _FOLLOW_EVERY
        if self._inspected.is_due(changed, news, every) or self._inspector.is_new(frame.wish):
            found = self._inspector.inspect(trace, loops, self._pauses, frame.wish, moment.generation)
            frame = replace(frame, inspection=found)
        return frame
