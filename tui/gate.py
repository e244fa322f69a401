"""The viewer's side of the gate: keys become requests, and what becomes of them becomes a value to be shown.

Keys put what they ask for into a queue; the poll takes it out, so that one thread alone talks to the control page and
no key ever waits for a file. Each poll is a sign of life as well: a training that is held goes on when they stop.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from tracer.run.breakpoints import Breakpoint
from tracer.run.control import REFUSALS, RELEASES, ControlViewer, GateStatus, Reply, Request
from tui.sight import Sight, read_sight

Operation = Literal["pause", "step", "step_batch", "go_on", "slow_more", "slow_less", "stop"]

DELAYS_NS: Final = (0, 10_000_000, 50_000_000, 200_000_000, 1_000_000_000)
"""Slow motion: what one can wait at every boundary of a hook."""
_REQUESTS: Final[dict[Operation, Request]] = {
    "pause": Request.PAUSE,
    "step": Request.STEP,
    "step_batch": Request.STEP_BATCH,
    "go_on": Request.CONTINUE,
    "stop": Request.STOP,
}
_WAITING: Final[dict[Request, str]] = {
    Request.PAUSE: "pausing…",
    Request.STEP: "to the next hook…",
    Request.STEP_BATCH: "to the next batch…",
}
_DEAF: Final = "the training does not listen (yet): it has not begun, or is over"


@dataclass(frozen=True)
class GateView:
    """How the gate stands.

    Attributes:
        status: what the page says.
        sight: what there is to see where training waits; None while it does not, or has not said yet.
        asked: what is asked for and has not happened yet, in words.
        news: what the user should hear of this poll.
    """

    status: GateStatus = field(default_factory=GateStatus)
    sight: Sight | None = None
    asked: str | None = None
    news: tuple[str, ...] = ()

    @property
    def paused(self) -> bool:
        """Whether training waits for somebody."""
        return self.status.paused


class Gatekeeper:
    """Asks the training of one run for things."""

    def __init__(self, run_dir: Path) -> None:
        """
        Args:
            run_dir: the run's directory; there may be no control page in it yet.
        """
        self._run_dir = run_dir
        self._viewer = ControlViewer(run_dir)
        self._lock = threading.Lock()
        self._queue: deque[Operation | tuple[Breakpoint, ...]] = deque()
        self._open: dict[int, Request] = {}
        self._view = GateView()
        self._releases = -1
        self._delay_ns = 0  # the last that was asked for
        self.stopping = False
        """Whether a graceful stop was asked for and not refused."""

    def ask(self, what: Operation | tuple[Breakpoint, ...]) -> None:
        """Asks for something at the next poll; breakpoints take the place of those that there are."""
        self.stopping |= what == "stop"
        self._queue.append(what)

    def poll(self) -> GateView:
        """Asks for what was put off, hears the answers, gives a sign of life. Called by one thread at a time."""
        with self._lock:
            news: list[str] = []
            while self._queue:
                news += self._do(self._queue.popleft())
            self._viewer.beat()
            news += self._hear()
            status = self._viewer.status()
            news += self._released(status)
            sight = self._look(status)
            waiting = [_WAITING[request] for request in self._open.values() if request in _WAITING]
            self._view = GateView(status, sight, None if status.paused or not waiting else waiting[-1], tuple(news))
            return self._view

    def release(self) -> None:
        """Takes back whatever makes training wait; to be called when the viewer goes."""
        with self._lock:
            self._viewer.release()
            self._viewer.close()

    def _do(self, what: Operation | tuple[Breakpoint, ...]) -> list[str]:
        status = self._viewer.status()
        if isinstance(what, tuple):
            number, request = self._viewer.set_breakpoints(what), Request.SET
        elif what in ("slow_more", "slow_less"):
            known_ns = self._delay_ns if Request.SET in self._open.values() else status.delay_ns
            self._delay_ns = _next_delay(known_ns, what == "slow_more")
            number, request = self._viewer.set_delay(self._delay_ns), Request.SET
        else:
            pausing = Request.PAUSE in self._open.values()
            goes_on = what == "pause" and (status.paused or pausing)
            request = Request.CONTINUE if goes_on else _REQUESTS[what]
            number = self._viewer.request(request)
        if number:
            self._open[number] = request
            return []
        self.stopping &= what != "stop"
        return [f"cannot be stopped from here: {_DEAF}" if what == "stop" else _DEAF]

    def _hear(self) -> list[str]:
        """Takes the answers; returns the refusals among them."""
        replies = {number: self._viewer.reply(number) for number in self._open}
        news = []
        for number, reply in replies.items():
            if reply is Reply.NONE:
                continue
            request = self._open.pop(number)
            if reply in REFUSALS:
                self.stopping &= request is not Request.STOP
                news.append(f"not {'stopped' if request is Request.STOP else 'held'}: {REFUSALS[reply]}")
        return news

    def _released(self, status: GateStatus) -> list[str]:
        """Says that training went on by itself, once each time."""
        before, self._releases = self._releases, status.releases
        return [f"training goes on: {RELEASES[status.release]}"] if 0 <= before < status.releases else []

    def _look(self, status: GateStatus) -> Sight | None:
        if not status.paused or status.shown != status.stops:
            return None
        known = self._view.sight
        if known is not None and known.stop == status.stops:
            return known
        return read_sight(self._run_dir)


def _next_delay(delay_ns: int, slower: bool) -> int:
    """The next longer or shorter delay of `DELAYS_NS`."""
    if slower:
        return next((one for one in DELAYS_NS if one > delay_ns), DELAYS_NS[-1])
    return next((one for one in reversed(DELAYS_NS) if one < delay_ns), 0)
