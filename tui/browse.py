"""The list of runs as an app, and the way from it into a session and back."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from textual.app import SystemCommand
from textual.screen import Screen

from tracer.errors import HooktraceError
from tracer.run.listing import Listing
from tracer.run.text import plain_text
from tui.actions import actions_for, binding_action
from tui.app import SessionApp
from tui.base import BaseApp
from tui.deleting import Removal, removal_of, remove
from tui.header import Mode
from tui.runs import ListWish
from tui.screens.runs import DeleteDialog, RunsScreen
from tui.settings import Remembered, Settings
from tui.ticker import TICK_S as SESSION_TICK_S
from tui.widgets.runs import RunsPane

TICK_S: Final = 1.0


@dataclass(frozen=True)
class Opening:
    """A run to show, and how: "watch", "replay" or "explain"."""

    path: Path
    how: str


@dataclass(frozen=True)
class Place:
    """Where in the list the user was, and what there is to tell about the run that was opened."""

    wish: ListWish = field(default_factory=ListWish)
    at: Path | None = None
    news: str | None = None


class RunsApp(BaseApp[Opening]):
    """The list of the runs below a directory. Its result is the run to show; None for "that was all"."""

    def __init__(
        self,
        runs_dir: Path,
        place: Place | None = None,
        settings: Settings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tick_s: float | None = TICK_S,
    ) -> None:
        """
        Args:
            runs_dir: where the runs lie.
            place: where the user was.
            settings: as in `BaseApp`.
            now: the time.
            tick_s: seconds between two looks; None looks only when `tick` is called.
        """
        super().__init__(settings)
        self._listing = Listing(runs_dir, now)
        self._tick_s = tick_s
        self._place = place or Place()
        self.left_at = self._place
        """Where the user was when a run was opened."""
        self._runs_screen = RunsScreen(f"{plain_text(str(runs_dir))}/", self._place.wish, self._place.at)

    def get_default_screen(self) -> Screen[None]:
        """The list."""
        return self._runs_screen

    def on_mount(self) -> None:
        """Begins to look."""
        if self._place.news:
            self.notify(plain_text(self._place.news), severity="warning", markup=False)
        if self._tick_s is not None:
            self.run_worker(self._look_for_ever(self._tick_s), name="ticks")

    @property
    def place(self) -> Place:
        """Where the user is now."""
        selected = self._runs_screen.query_one(RunsPane).selected
        return Place(self._runs_screen.wish, None if selected is None else selected.path)

    async def _look_for_ever(self, tick_s: float) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(tick_s)

    async def tick(self) -> None:
        """Looks once, in a thread."""
        with suppress(OSError):  # the directory may have gone: the next look tells
            self._runs_screen.show(await asyncio.to_thread(self._listing.poll))

    def on_runs_screen_opened(self, message: RunsScreen.Opened) -> None:
        """Leaves the list for a run."""
        self.left_at = self.place
        self.exit(Opening(message.path, message.how))

    async def action_runs_delete(self) -> None:
        """Asks whether the selected run is to be deleted."""
        run = self._runs_screen.query_one(RunsPane).selected
        if run is None:
            return
        removal = await asyncio.to_thread(removal_of, run.path)
        if removal.refusal is not None:
            self.notify(removal.refusal, severity="warning", markup=False)
        else:
            self.push_screen(DeleteDialog(removal), lambda yes: self._delete(removal) if yes else None)

    def _delete(self, removal: Removal) -> None:
        self.run_worker(self._remove(removal.path), name="delete")

    async def _remove(self, path: Path) -> None:
        try:
            await asyncio.to_thread(remove, path)
        except HooktraceError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.notify(f"deleted {plain_text(path.name)}", markup=False)
        await self.tick()

    def on_unmount(self) -> None:
        """Remembers the colours."""
        was = self.settings.remembered
        self.settings.remember(Remembered(self.theme, was.view, was.bottom, was.inspector))

    def get_system_commands(self, screen: Screen[object]) -> "list[SystemCommand]":
        """The table of actions, for the command palette."""
        commands = [
            SystemCommand(
                action.tooltip.partition(";")[0].rstrip("."),
                f"key {action.display}",
                partial(self._runs_screen.run_action, binding_action(action)),
            )
            for action in actions_for("runs")
        ]
        return [*commands, SystemCommand("Change the theme", "Choose other colours", self.action_change_theme)]


def browse(runs_dir: Path, settings: Callable[[], Settings]) -> int:
    """Shows the list, and from it one run after another, until the user leaves it; returns the exit code."""
    place = Place()
    while True:
        app = RunsApp(runs_dir, place, settings())
        opening = app.run()
        place = app.left_at
        if opening is None:
            return app.return_code or 0
        try:
            session = session_of(opening, settings())
        except HooktraceError as error:
            place = Place(place.wish, place.at, str(error))
        else:
            session.run()


def session_of(opening: Opening, settings: Settings, tick_s: float | None = SESSION_TICK_S) -> SessionApp:
    """The session that shows a run; it polls as `SessionApp` does.

    Raises:
        HooktraceError: it cannot be shown.
    """
    mode: Mode = "replay" if opening.how == "replay" else "live"
    explain = opening.how == "explain"
    return SessionApp(opening.path, mode, tick_s=tick_s, settings=settings, listed=True, explain=explain)
