"""Leaving the screen while a training goes on: real processes, the real control page."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from textual.widgets import Static

from tests.builders import LiveRun
from tests.tui.driving import line, live_app, notices, on_top, press, settle
from tracer.run.control import REFUSALS, ControlPage, Reply, Request
from tui.screens.dialogs import QuitDialog

SIZE = (120, 40)
WAITS = "import sys; sys.stdin.readline()"


@dataclass
class Process:
    """A program that waits for its stdin to close, as the screen's child."""

    popen: subprocess.Popen[bytes]
    runs: list[Path] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def poll(self) -> int | None:
        return self.popen.poll()

    def recordings(self) -> list[Path]:
        return self.runs

    def interrupt(self) -> None:
        os.killpg(self.popen.pid, signal.SIGINT)

    def end(self) -> None:
        """Lets it end by itself."""
        if self.popen.stdin:
            self.popen.stdin.close()
        self.popen.wait()


@pytest.fixture
def child() -> Iterator[Process]:
    popen = subprocess.Popen(
        [sys.executable, "-c", WAITS],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield Process(popen)
    popen.kill()
    popen.wait()
    if popen.stdin:
        popen.stdin.close()


@pytest.fixture
def live(tmp_path: Path) -> LiveRun:
    run = LiveRun(tmp_path / "run")
    run.advance(200)
    return run


async def test_leaving_it_running_detaches(live: LiveRun, child: Process) -> None:
    app = live_app(live.path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "q")
        assert on_top(app, QuitDialog)
        assert "interrupt now" in str(app.screen.query_one("#choices", Static).render())
        await pilot.press("l")
    assert app.return_value == "detached"
    assert child.poll() is None


async def test_watching_goes_on_after_escape(live: LiveRun, child: Process) -> None:
    app = live_app(live.path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        for leave in ("ctrl+c", "q", "ctrl+q"):
            await press(app, pilot, leave)
            assert on_top(app, QuitDialog)
            await press(app, pilot, "escape")
            assert not on_top(app, QuitDialog)
        assert line(app, "header").rstrip().endswith("● live")


async def test_stopping_gracefully_waits_for_the_end(live: LiveRun, child: Process) -> None:
    page = ControlPage(live.path)
    app = live_app(live.path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "q", "s")
        asked = page.take()
        assert asked is not None
        assert asked.code == Request.STOP
        assert line(app, "header").rstrip().endswith("◌ stopping…")
        page.answer(asked, Reply.STOPPING)
        await press(app, pilot, "q")
        assert "stopping already" in str(app.screen.query_one("#choices", Static).render())
        await press(app, pilot, "escape")
        live.finish("stopped")
        await settle(app, pilot)
        assert line(app, "header"), "the program is still finishing"
        child.end()
        await settle(app, pilot)
    assert app.return_value == "ended"
    page.close()


async def test_a_watcher_without_a_child_can_stop_too(live: LiveRun) -> None:
    page = ControlPage(live.path)
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "q")
        assert "interrupt" not in str(app.screen.query_one("#choices", Static).render())
        await press(app, pilot, "i")
        assert on_top(app, QuitDialog)
        await press(app, pilot, "s")
        asked = page.take()
        assert asked is not None
        assert asked.code == Request.STOP
        live.finish("stopped")
        await settle(app, pilot)
    assert app.return_value == "ended"
    page.close()


async def test_a_refused_stop_is_said(live: LiveRun, child: Process) -> None:
    page = ControlPage(live.path)
    app = live_app(live.path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "q", "s")
        asked = page.take()
        assert asked is not None
        page.answer(asked, Reply.ONLY_FIT)
        await settle(app, pilot)
        assert line(app, "header").rstrip().endswith("● live")
        assert any(REFUSALS[Reply.ONLY_FIT] in notice for notice in notices(app))
    page.close()


async def test_nobody_to_ask_is_said(live: LiveRun, child: Process) -> None:
    app = live_app(live.path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "q", "s")
        assert line(app, "header").rstrip().endswith("● live")
        assert any("does not listen" in notice for notice in notices(app))


async def test_interrupting_sends_what_ctrl_c_sends(live: LiveRun, child: Process) -> None:
    app = live_app(live.path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "q", "i")
        child.popen.wait()
        await settle(app, pilot)
    assert app.return_value == "ended"
    assert child.popen.returncode in (-signal.SIGINT, 1)


async def test_a_run_that_ended_is_left_without_asking(live: LiveRun, child: Process) -> None:
    app = live_app(live.path, child=child)
    live.finish()
    child.end()
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert app.return_value is None, "what happened stays on the screen"
        await pilot.press("q")
    assert app.return_value == "ended"


async def test_a_child_that_ends_before_it_began_closes_the_screen(tmp_path: Path, child: Process) -> None:
    app = live_app(tmp_path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert line(app, "header").rstrip().endswith("◌ starting")
        child.end()
        await settle(app, pilot)
    assert app.return_value == "ended"


async def test_what_has_not_begun_can_be_left_or_interrupted(tmp_path: Path, child: Process) -> None:
    app = live_app(tmp_path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "q")
        assert on_top(app, QuitDialog)
        await press(app, pilot, "i")
        child.popen.wait()
        await settle(app, pilot)
    assert app.return_value == "ended"


async def test_the_screen_goes_on_with_the_next_run_of_the_program(
    tmp_path: Path, live: LiveRun, child: Process
) -> None:
    (live.path / "output.log").write_text("said\n", encoding="utf-8")
    child.runs = [live.path]
    app = live_app(live.path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        child.runs.append(LiveRun(tmp_path / "run-2").path)
        await settle(app, pilot)
        assert app.is_running, "the run that is shown goes on"
        live.finish()
        await press(app, pilot, "?")
        assert app.is_running, "somebody reads the help"
        await press(app, pilot, "escape")
    assert app.return_value == "next"

    app = live_app(child.runs[1], child=child, first=live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert notices(app) == ["the program has begun another run: run-2"]
        assert app.frame.output == ("said",)


async def test_a_program_that_records_elsewhere_is_found(tmp_path: Path, live: LiveRun, child: Process) -> None:
    child.runs = [live.path]
    app = live_app(tmp_path, child=child)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
    assert app.return_value == "next"
