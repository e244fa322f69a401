"""The app: it polls the run off the event loop, routes keys that concern the run, and knows how a session may end."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from textual.app import SystemCommand
from textual.message import Message
from textual.screen import Screen

from tracer.errors import HooktraceError, NotFoundError
from tracer.run.breakpoints import Breakpoint
from tracer.run.text import plain_text
from tui.actions import Where, actions_for, binding_action
from tui.base import BaseApp
from tui.child import Child, next_run
from tui.clock import Clock
from tui.feed import STARTING, Timeline
from tui.frame import Frame, Session
from tui.gate import Gatekeeper, Operation
from tui.header import Mode
from tui.layout import Layout
from tui.live import LiveFeed, check_watchable
from tui.player import Player
from tui.replay import ReplayFeed
from tui.screens.breakpoints import BreakpointScreen
from tui.screens.dialogs import Choice, GotoScreen, QuitDialog
from tui.screens.explain import ExplainScreen
from tui.screens.session import SessionScreen
from tui.seek import parse_target, selected_action
from tui.settings import Remembered, Settings
from tui.study import ExplainWish, Study
from tui.ticker import TICK_S, Ticker
from tui.transport import Transport, transport_of
from tui.widgets.transport import TransportBar

_NICENESS: Final = 19
"""The screen takes what the training leaves. With both cores busy it is as quick as with a smaller number."""
STOPPING: Final = "stopping…"
_LOG_STEPS: Final = (("hook_after",), ("hook_before",))
"""Keys of the transport that the log answers itself while it has the keys."""


class SessionApp(BaseApp[str]):
    """The screen of one run.

    Its return value says how the session ended: "closed" (by the user), "detached" (by the user, the training goes on),
    "ended" (the run is over) or "next" (so it is, and the program has begun another).
    """

    class Advanced(Message):
        """A poll has brought a new frame."""

        def __init__(self, frame: Frame) -> None:
            super().__init__()
            self.frame = frame

    class Failed(Message):
        """A poll has failed; the next may not."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        run_dir: Path,
        mode: Mode = "live",
        speed: float = 1.0,
        start: str | None = None,
        rank: int = 0,
        child: Child | None = None,
        first: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        tick_s: float | None = TICK_S,
        settings: Settings | None = None,
        listed: bool = False,
        explain: bool = False,
    ) -> None:
        """
        Args:
            run_dir: the run's directory.
            mode: follow the run as it is written, or replay it.
            speed: of a replay, in seconds of the run per second.
            start: where a replay begins, as `tui.seek.parse_target` reads it.
            rank: the rank that is shown first.
            child: the process that trains, if it was started from here.
            first: the directory with the output of that process, if the run is not its first.
            clock: seconds on a steady scale; moves a replay.
            wall: seconds since 1970; says how long a live run has been going.
            tick_s: seconds between polls; None polls only when `tick` is called.
            settings: what is remembered, and the user's keys; nothing is if left out.
            listed: whether leaving leads back to a list of runs.
            explain: whether the run is explained at once.

        Raises:
            HooktraceError: the run cannot be read, or `start` is not in it.
        """
        super().__init__(settings)
        remembered = self.settings.remembered
        self.mode = mode
        self._run_dir = run_dir
        self._child = child
        self._first = first
        self._tick_s = tick_s
        self._gate = Gatekeeper(run_dir) if mode == "live" else None
        if mode == "live":
            check_watchable(run_dir, expected=child is not None)
        self.timeline: Timeline = (
            self._open_replay(speed, start, clock, rank) if mode == "replay" else LiveFeed(run_dir, wall, clock, rank)
        )
        """What is recorded, and the clock that says which moment of it is shown."""
        self._player = Player(self.timeline)
        self._session = Session(self.timeline, first or run_dir, self._gate)
        self._session_screen = SessionScreen(
            plain_text(run_dir.resolve().name),
            mode,
            Layout().remembered(remembered.view, remembered.bottom, remembered.inspector),
            listed,
        )
        self._explain_first = explain
        self._explain: ExplainScreen | None = None
        self._frame = Frame()
        self._ticker = Ticker(
            self._session.poll,
            lambda frame: self.post_message(self.Advanced(frame)),
            lambda error: self.post_message(self.Failed(_reason(error).replace(f"{run_dir}/", ""))),
        )
        self._asked: str | None = None

    def _open_replay(self, speed: float, start: str | None, clock: Callable[[], float], rank: int) -> ReplayFeed:
        feed = ReplayFeed(self._run_dir, lambda end_ns: Clock(end_ns, clock, speed), rank)
        if start is not None:
            feed.begin_at(parse_target(start))
        return feed

    @property
    def frame(self) -> Frame:
        """What is shown."""
        return self._frame

    def get_default_screen(self) -> Screen[None]:
        """The session."""
        return self._session_screen

    def on_mount(self) -> None:
        """Begins to poll. The training has the first claim on the processor."""
        if self._first is not None:
            self.notify(f"the program has begun another run: {plain_text(self._run_dir.name)}", markup=False)
        if self._explain_first:
            self.call_after_refresh(self.action_explain)
        if self._tick_s is None:
            return
        if self.mode == "live" and self._first is None and not self.is_headless:
            os.nice(_NICENESS)
        self.run_worker(self._ticker.run(self._tick_s), name="ticks")

    async def tick(self) -> None:
        """Polls once, in a thread, and posts what came of it."""
        await self._ticker.tick()

    def on_session_app_advanced(self, message: Advanced) -> None:
        """Shows a new frame, unless it is time to go."""
        self._frame = message.frame
        if self._over():
            self.exit("ended")
            return
        if self._goes_on():
            self.exit("next")
            return
        if self._asked == STOPPING and self._gate is not None and not self._gate.stopping:
            self._asked = None
        for text in message.frame.gate.news:
            self.notify(plain_text(text), severity="warning", markup=False)
        self._show(message.frame)
        if message.frame.log.searching:
            self._ticker.hurry()

    async def on_session_screen_wished(self, message: SessionScreen.Wished) -> None:
        """The user looks at something else: the answer must not wait for the next poll."""
        self._session.wish = message.wish
        self._ticker.hurry()

    def on_session_app_failed(self, message: Failed) -> None:
        """Says what went wrong; what was shown stays."""
        self._show(replace(self._frame, error=message.text))

    def _show(self, frame: Frame) -> None:
        if self._explain is not None:
            self._explain.show(frame)
        else:
            self._session_screen.show(frame, self._transport(), self._asked)

    def _transport(self) -> Transport | None:
        """Which moment is shown, for the bar; None before anything is."""
        return transport_of(self.timeline, self._frame, self.mode == "live")

    def _over(self) -> bool:
        """Whether the session closes by itself: what was asked for has happened, or nothing will ever come."""
        child_ended = self._child is not None and self._child.poll() is not None
        if self._child is not None and child_ended and self._frame.info is None:
            return True
        return self._asked is not None and (child_ended if self._child else self._frame.over)

    def _goes_on(self) -> bool:
        """Whether the program has another run to show, and nobody needs the one that is shown."""
        idle = self._frame.ended or self._frame.state == STARTING
        return idle and self.screen is self._session_screen and next_run(self._child, self._run_dir) is not None

    @property
    def training(self) -> bool:
        """Whether the run goes on without us."""
        if self.mode == "replay":
            return False
        if self._child is not None:
            return self._child.poll() is None
        return self._frame.latest_state == "running"

    def action_leave(self) -> None:
        """Quits; asks first while the training goes on."""
        if isinstance(self.screen, QuitDialog):
            return
        if self.training:
            self.push_screen(QuitDialog(self._child is not None, self._asked is not None), self._leave)
        else:
            self.exit("ended" if self._frame.over and self.mode == "live" else "closed")

    def _leave(self, choice: Choice | None) -> None:
        if choice == "leave":
            self.exit("detached")
        elif choice == "stop" and self._asked is None:
            self._stop()
        elif choice == "interrupt" and self._child is not None:
            self._child.interrupt()
            self._asked = "interrupting…"
        self._show(self._frame)

    def _stop(self) -> None:
        if self._gate is not None:
            self._asked = STOPPING
            self.action_gate("stop")

    def action_gate(self, operation: Operation) -> None:
        """Asks the training for something; the answer comes with a poll."""
        if self._gate is not None:
            self._gate.ask(operation)
            self._ticker.hurry()

    def action_breakpoint(self) -> None:
        """Asks before which hooks the training is to stop."""
        gate, frame = self._gate, self._frame
        if gate is None:
            return
        actions = () if frame.trace is None else frame.trace.actions
        selected = selected_action(actions, self._session_screen.selected_action)

        def change(breakpoints: tuple[Breakpoint, ...]) -> None:
            gate.ask(breakpoints)
            self._ticker.hurry()

        self.push_screen(BreakpointScreen(frame.gate.status.breakpoints, actions, selected, change))

    @property
    def _holds(self) -> bool:
        """Whether the keys that hold a training do something: it goes on, and its latest moment is shown."""
        return self._gate is not None and self.timeline.clock is None and not self._frame.ended

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of the transport do nothing, and are not shown, where there is nothing to move: at the latest.

        There those that hold the training do.
        """
        if action in ("gate", "breakpoint"):
            return self._holds
        if action != "transport" or (self._session_screen.log_has_keys and parameters in _LOG_STEPS):
            return True
        return self._player.can(str(parameters[0]))

    def action_transport(self, operation: str) -> None:
        """Moves the moment that is shown; in the log, the calls of a hook are looked for there first."""
        action = self._session_screen.selected_action
        in_log = self._session_screen.log_has_keys and (operation,) in _LOG_STEPS
        if in_log:
            reason = self._session_screen.step_in_log(operation == "hook_after")
            if reason is None:
                return
            if self.timeline.clock is None or operation == "hook_before":
                self.notify(plain_text(reason), markup=False)
                return
        reason = self._player.do(operation, action)
        if in_log and reason is None:
            self._session_screen.action_follow()
        self._moved(reason)

    def on_transport_bar_sought(self, message: TransportBar.Sought) -> None:
        """Somebody clicked on the bar."""
        self._moved(self._player.seek(message.time_ns))

    def _moved(self, reason: str | None) -> None:
        """Shows another moment at once, or says why it is still the same one."""
        if reason:
            self.notify(plain_text(reason), markup=False)
        self._ticker.hurry()
        self._show(self._frame)

    def action_rank_before(self) -> None:
        """The rank before."""
        self._show_rank(-1)

    def action_rank_after(self) -> None:
        """The next rank."""
        self._show_rank(1)

    def _show_rank(self, step: int) -> None:
        ranks, shown = self._frame.ranks, self._frame.rank
        if len(ranks) < 2:
            self.notify("this run has one rank", markup=False)
            return
        self.timeline.show_rank(ranks[(ranks.index(shown) + step) % len(ranks)])
        self._ticker.hurry()

    def action_goto(self) -> None:
        """Asks where to go."""
        self.push_screen(GotoScreen(self._go_to, self._frame.landmarks.chapters))

    def _go_to(self, text: str) -> None:
        """Goes to a place: the log by its cursor if it has come so far, a replay by its clock.

        Raises:
            HooktraceError: `text` names no place, or none of this run.
        """
        in_log = self._session_screen.log_has_keys
        if in_log:
            try:
                self._session_screen.go_in_log(text)
            except NotFoundError:
                if self.timeline.clock is None:
                    raise
            else:
                return
        self._player.go_to(text)
        if in_log:
            self._session_screen.action_follow()
        self._ticker.hurry()

    @property
    def study(self) -> Study:
        """What is worked out beside the polls."""
        return self._session.study

    def action_explain(self) -> None:
        """Explains the loop up to the moment that is shown; it is folded only while somebody looks at it."""
        self._explain = ExplainScreen(self._session_screen.run_name)
        self.push_screen(self._explain, self._explained)
        self._want_explained(self._explain.wish)

    def on_explain_screen_wanted(self, message: ExplainScreen.Wanted) -> None:
        """Another loop is wanted."""
        self._want_explained(message.wish)

    def _want_explained(self, wish: ExplainWish | None) -> None:
        self.study.wish = wish
        self._ticker.hurry()

    def _explained(self, row: int | None) -> None:
        self._explain = None
        self._want_explained(None)
        self._show(self._frame)
        if row is not None:
            self._session_screen.show_call(row)

    def on_unmount(self) -> None:
        """Remembers how the screen was left, and lets the training go."""
        if self._gate is not None:
            self._gate.release()
        layout = self._session_screen.layout_chosen
        self.settings.remember(Remembered(self.theme, layout.view, layout.bottom, layout.inspector))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The table of actions, for the command palette; and the themes."""
        where: Where = "gate" if self._holds else "session" if self.timeline.clock is None else "transport"
        for action in actions_for(where, "session"):
            title = action.tooltip.partition(";")[0].rstrip(".")
            run = partial(self._session_screen.run_action, binding_action(action))
            yield SystemCommand(title, f"key {action.display}", run)
        yield SystemCommand("Change the theme", "Choose other colours", self.action_change_theme)


def _reason(error: Exception) -> str:
    """An error in one line: ours say it themselves, others need their kind."""
    return str(error) if isinstance(error, HooktraceError) else f"{type(error).__name__}: {error}"
