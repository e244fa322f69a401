"""Where the training process does what a viewer asked for: pause, step, stop at breakpoints, go slowly, end.

While nothing is armed the trainer looks at the control page when it enters a batch, and only there: the page is memory,
so a look costs about 100 ns. As soon as something is armed the spans get a boundary on either side (`gated`), and every
boundary looks. With nothing armed any more they become plain again.

The time in which training is held up is recorded as a span of its own. Whatever fails here sets training free, for
good, and is said once; the recording goes on.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from tracer.record.context import Place
from tracer.record.describe import Owner, describe_exception
from tracer.record.environment import warn
from tracer.record.gated import Boundaries
from tracer.record.inspection import look
from tracer.record.patience import Patience
from tracer.record.spans import SpanTable
from tracer.record.stack import Entry, depth_of, open_actions
from tracer.record.stopping import Stopper, refusal_for_ranks
from tracer.run.breakpoints import Breakpoint, Where
from tracer.run.control import Asked, ControlPage, Release, Reply, Request
from tracer.run.layout import INSPECT_FILE, PAUSE_HOOK, PAUSE_OWNER, write_json

Side = Literal["before", "after"]

_STEPS = (Request.STEP, Request.STEP_BATCH)
_HURRIED = (Request.PAUSE, Request.CONTINUE, Request.STOP)
_POLL_S = 0.001
_LAZY_POLL_S = 0.005
_EAGER_NS = 2_000_000_000
"""So long after the last request the next one is waited for eagerly; later with fewer wake-ups."""


@dataclass(frozen=True)
class Surroundings:
    """What the gate needs of the recording.

    Attributes:
        trainer: The trainer.
        run_dir: The run's directory.
        base_ns: The clock at the run's start.
        table: The spans.
        place: Where the loop stands.
        flush: Writes all events.
        arm: Puts boundaries at the spans, or takes them off again.
    """

    trainer: Any
    run_dir: Path
    base_ns: int
    table: SpanTable
    place: Place
    flush: Callable[[], None]
    arm: Callable[[Boundaries | None], None]


@dataclass(frozen=True)
class _Boundary:
    """One side of an action."""

    number: int
    side: Side
    frame: FrameType | None


class Gate:
    """Obeys the control page of one run; rank 0 only."""

    def __init__(self, around: Surroundings, page: ControlPage, stopper: Stopper) -> None:
        self._around = around
        self._page = page
        self._stopper = stopper
        self._patience = Patience(around.trainer, page)
        self._home = (os.getpid(), threading.get_ident())
        self._armed = False
        self._inside = False
        self._closed = False
        self._noted: list[Entry] = []
        self._target: Request | None = None
        self._from = Where()
        self._owed: Asked | None = None
        self._queue: deque[Asked] = deque()
        self._stop_wanted: Asked | None = None
        self._breakpoints: tuple[Breakpoint, ...] = ()
        self._delay_ns = 0
        if page.breakpoints() or page.delay_ns():  # they hold from one function of a trainer to the next
            self._set()
            self._arm_if_needed()

    # -- where training comes by

    def at_batch(self) -> None:
        """Called when a batch is entered, and at the few hooks between batches."""
        if self._closed or not (self._armed or self._stop_wanted or self._page.pending()) or not self._is_home():
            return
        try:
            self._take_requests()
            if self._armed:
                self._let_go_if_over()
            self._arm_if_needed()
        except Exception as error:
            self._fail(error)

    def before(self, number: int, frame: FrameType | None) -> None:
        """An action is about to be entered."""
        if not self._is_concerned(number):
            return
        depth = depth_of(frame)
        while self._noted and self._noted[-1].depth > depth:
            self._noted.pop()
        self._come_by(_Boundary(number, "before", frame))
        self._noted.append(Entry(depth, number))

    def after(self, number: int, frame: FrameType | None, failed: bool) -> None:
        """An action was left. One that has failed holds nobody up: the exception is on its way."""
        if not self._is_concerned(number):
            return
        places = [index for index, entry in enumerate(self._noted) if entry.number == number]
        if places:
            del self._noted[places[-1] :]
        if not failed:
            self._come_by(_Boundary(number, "after", frame))

    def close(self) -> None:
        """Nobody listens from here on."""
        if self._closed:
            return
        self._closed = True
        self._target = None
        self._breakpoints, self._delay_ns = (), 0
        self._arm_if_needed()
        for request in (self._owed, self._stop_wanted, *self._queue):
            if request is not None:
                self._page.answer(request, Reply.CLOSED)
        self._page.close()

    def _is_concerned(self, number: int) -> bool:
        """Whether a boundary is one to look at; the span that stands in after a fault has no name to go by."""
        return self._armed and not self._inside and self._is_home() and number < len(self._around.table.names)

    def _is_home(self) -> bool:
        """Whether this is the thread that trains, and not a process or a thread that came out of it."""
        return self._home == (os.getpid(), threading.get_ident())

    def _come_by(self, here: _Boundary) -> None:
        self._inside = True
        try:
            self._hold_up(here)
            self._arm_if_needed()
        except Exception as error:
            self._fail(error)
        except BaseException:
            self._set_free()  # Ctrl-C: what comes now is the end, and it must not be held up
            raise
        finally:
            self._inside = False

    def _hold_up(self, here: _Boundary) -> None:
        if here.side == "before":
            update = self._around.place.before(self._around.table.names[here.number].hook)
            if update is not None:
                update()
        why = self._why_stop(here)
        if why is None and self._page.pending():
            self._take_requests()
            why = self._why_stop(here)
        if why is not None:
            self._pause(here, why)
        elif self._delay_ns:
            self._linger()

    def _fail(self, error: Exception) -> None:
        warn(f"hooktrace: the gate failed: {describe_exception(error)}. Training and recording go on without it.")
        self._page.say_released(Release.FAULT)
        self.close()

    # -- requests

    def _take_requests(self) -> None:
        """Obeys what is asked for. Steps wait for one another; everything else comes before them."""
        self._collect()
        while self._queue:
            hurried = any(request.code in _HURRIED for request in self._queue)
            if self._target in _STEPS and self._queue[0].code in _STEPS and not hurried:
                break
            self._obey(self._queue.popleft())
        self._try_to_stop()

    def _collect(self) -> None:
        while (request := self._page.take()) is not None:
            self._queue.append(request)

    def _obey(self, request: Asked) -> None:
        match request.code:
            case Request.PAUSE | Request.STEP | Request.STEP_BATCH:
                self._head_for(request)
            case Request.CONTINUE:
                self._go_on()
                self._page.answer(request, Reply.DONE)
            case Request.SET:
                self._page.answer(request, self._set())
            case Request.STOP:
                self._stop_wanted = request
            case _:
                self._page.answer(request, Reply.UNKNOWN)

    def _head_for(self, request: Asked) -> None:
        refusal = refusal_for_ranks(self._around.trainer)
        if refusal:
            self._page.answer(request, refusal)
            return
        self._go_on()
        self._owed, self._target = request, Request(request.code)
        self._from = self._around.place.where()

    def _go_on(self) -> None:
        self._target = None
        if self._owed is not None:
            self._page.answer(self._owed, Reply.OVERTAKEN)
            self._owed = None

    def _set(self) -> Reply:
        breakpoints, delay_ns = self._page.breakpoints(), self._page.delay_ns()
        refusal = refusal_for_ranks(self._around.trainer) if breakpoints or delay_ns else Reply.NONE
        if refusal:
            self._page.clear()
            breakpoints, delay_ns = (), 0
        self._breakpoints, self._delay_ns = breakpoints, delay_ns
        self._page.say_delay(delay_ns)
        return refusal or Reply.DONE

    def _try_to_stop(self) -> bool:
        """Does what it can to end the training, if that is wanted; returns whether training has to go on for it."""
        if self._stop_wanted is None:
            return False
        reply = self._stopper.ask()
        if reply in (Reply.NONE, Reply.STOPPING):
            self._set_free()
        if reply is Reply.NONE:
            return True
        self._page.answer(self._stop_wanted, reply)
        self._stop_wanted = None
        return reply is Reply.STOPPING

    def _set_free(self) -> None:
        self._go_on()
        for request in [request for request in self._queue if request.code in _STEPS]:
            self._queue.remove(request)
            self._page.answer(request, Reply.OVERTAKEN)
        self._page.clear()
        self._breakpoints, self._delay_ns = (), 0
        self._page.say_delay(0)

    def _let_go_if_over(self) -> bool:
        """Sets training free if there is a reason to wait no longer."""
        reason = self._patience.over()
        if reason is Release.NONE:
            return False
        self._set_free()
        self._page.say_released(reason)
        return True

    def _arm_if_needed(self) -> None:
        needed = bool(self._target or self._breakpoints or self._delay_ns)
        if needed != self._armed:
            self._armed = needed
            self._noted.clear()
            self._around.arm(self if needed else None)

    # -- holding up

    def _why_stop(self, here: _Boundary) -> str | None:
        """Why to stop at a boundary; None if not."""
        if self._target is Request.PAUSE:
            return "asked"
        if here.side == "after":
            return None
        where = self._around.place.where()
        if self._target is Request.STEP:
            return "step"
        if self._target is Request.STEP_BATCH and where.batch is not None and _batch_of(where) != _batch_of(self._from):
            return "batch"
        _, owner, hook = self._around.table.names[here.number]
        hit = next((one for one in self._breakpoints if one.matches(owner, hook, where)), None)
        return None if hit is None else f"breakpoint {hit}"

    def _pause(self, here: _Boundary, why: str) -> None:
        if self._patience.left_ns <= 0:
            self._let_go_because_of_ranks()
            return
        with self._paused_span():
            self._around.flush()
            self._target = None
            self._page.say_paused(True)
            try:
                if self._owed is not None:
                    self._page.answer(self._owed, Reply.DONE)
                    self._owed = None
                self._show(here, why)
                self._wait(None)
            finally:
                self._page.say_paused(False)

    def _linger(self) -> None:
        if self._patience.left_ns > 0:
            with self._paused_span():
                self._wait(self._delay_ns)
        else:
            self._let_go_because_of_ranks()

    def _paused_span(self) -> Any:
        return self._around.table.span_of(Owner("loop", PAUSE_OWNER), PAUSE_HOOK)

    def _wait(self, delay_ns: int | None) -> None:
        """Waits for a request, for a reason to wait no longer, or until the delay is over if there is one."""
        began_ns = eager_ns = time.monotonic_ns()
        try:
            while True:
                waited_ns = time.monotonic_ns() - began_ns
                if delay_ns is not None and waited_ns >= delay_ns:
                    return
                if waited_ns > self._patience.left_ns:
                    self._let_go_because_of_ranks()
                    return
                if self._let_go_if_over() or self._is_told_to_go(delay_ns is None):
                    return
                rest_s = 1.0 if delay_ns is None else (delay_ns - waited_ns) / 1e9
                lazy = time.monotonic_ns() - eager_ns > _EAGER_NS
                time.sleep(min(rest_s, _LAZY_POLL_S if lazy else _POLL_S))
        finally:
            self._patience.spend(time.monotonic_ns() - began_ns)

    def _is_told_to_go(self, paused: bool) -> bool:
        """Takes requests as long as they leave everything as it is."""
        self._collect()
        while self._queue:
            request = self._queue.popleft()
            if paused and request.code == Request.PAUSE:
                self._page.answer(request, Reply.DONE)
                continue
            self._obey(request)
            goes_on = request.code in _STEPS or request.code == Request.CONTINUE
            if self._try_to_stop() or goes_on or not paused:
                return True
        return False

    def _let_go_because_of_ranks(self) -> None:
        self._set_free()
        self._page.say_released(Release.RANKS_WAITED)

    # -- what is shown

    def _show(self, here: _Boundary, why: str) -> None:
        """Writes what there is to see at this stop. A disk that is full costs the sight, not the pause."""
        with suppress(OSError):
            write_json(self._around.run_dir / INSPECT_FILE, self._sight(here, why), durable=False)
        self._page.say_shown()

    def _sight(self, here: _Boundary, why: str) -> dict[str, Any]:
        around = self._around
        where = around.place.where()
        stack = open_actions(here.frame, self._noted, around.table.names, around.trainer)
        return {
            "stop": self._page.stops,
            "why": why,
            "side": here.side,
            "action": around.table.names[here.number]._asdict(),
            "number": here.number,
            "stack": [action._asdict() for action in stack],
            "where": {"stage": where.stage, "epoch": where.epoch, "batch": where.batch, "step": where.step},
            "time_ns": time.perf_counter_ns() - around.base_ns,
            "ranks": around.trainer.world_size,
        } | look(around.trainer, here.frame)


def _batch_of(where: Where) -> tuple[str | None, int | None, int | None]:
    return where.stage, where.epoch, where.batch
