"""Driving the real app without waiting: a poll is a call, time is a number."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tui.app import SessionApp
from tui.base import BaseApp
from tui.widgets.lines import Lines
from tui.widgets.rows import RowsPane

WALL = 1767323045.678901
"""The moment at which the runs of `tests.builders` began."""


@dataclass
class Hands:
    """A clock that goes only when it is told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def live_app(run_dir: Path, **options: Any) -> SessionApp:
    """The live screen on a run; polls when told to."""
    return SessionApp(run_dir, wall=lambda: WALL, tick_s=None, **options)


def replay_app(run_dir: Path, hands: Hands, **options: Any) -> SessionApp:
    """The replay of a run under a clock of our own; polls when told to."""
    return SessionApp(run_dir, "replay", clock=hands, tick_s=None, **options)


async def settle(app: SessionApp, pilot: Pilot[Any]) -> None:
    """Polls until every pane shows what there is: slow panes follow at the next quiet poll."""
    for _ in range(2):
        await app.tick()
        await pilot.pause()


async def press(app: SessionApp, pilot: Pilot[Any], *keys: str) -> None:
    """Presses keys and shows what comes of them."""
    await pilot.press(*keys)
    await settle(app, pilot)


def line(app: SessionApp, name: str) -> str:
    """What one of the lines of words says."""
    return app.screen_stack[0].query_one(f"#{name}", Lines).text


def rows(app: SessionApp, name: str) -> str:
    """What a pane of rows shows."""
    return app.screen_stack[0].query_one(f"#{name}", RowsPane).text


def visible(app: SessionApp, name: str) -> bool:
    """Whether a pane is on the screen."""
    region = app.screen_stack[0].query_one(f"#{name}").region
    return region.area > 0


def on_top(app: BaseApp[Any], screen: type) -> bool:
    """Whether a dialog of this kind is open. (A function, since a type checker believes that it stays so.)"""
    return isinstance(app.screen, screen)


def notices(app: BaseApp[Any]) -> list[str]:
    """What was said in passing. (Textual has no public way to ask: only this place knows its private one.)"""
    return [notification.message for notification in app._notifications]
