"""The list of runs on the screen: what it shows, what it opens, and that deleting takes away a run and nothing else."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.builders import LiveRun, make_run
from tests.tui.driving import Hands, live_app, notices, on_top, press, replay_app, settle
from tests.tui.looking import line_text, line_width
from tests.tui.snapshots import snapshot
from tests.tui.test_explain import explain
from tests.tui.test_snapshots import check
from tracer.cli import main
from tracer.errors import HooktraceError
from tracer.run.listing import Listing
from tui.browse import Opening, Place, RunsApp, session_of
from tui.deleting import removal_of, remove
from tui.runs import SORTS, ListWish, chosen_runs, run_line, runs_header
from tui.screens.explain import ExplainScreen
from tui.screens.runs import DeleteDialog
from tui.settings import Settings
from tui.widgets.lines import Lines
from tui.widgets.runs import RunsPane

NOW = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)
SIZES = ((80, 24), (120, 40))


def runs_in(folder: Path) -> Path:
    """Three runs: one that ended well, one that is being written, one with a hostile name that failed."""
    make_run(folder / "baseline")
    make_run(folder / "clip", epochs=3, started_at="2026-01-02T03:30:00+00:00", ended_at="2026-01-02T03:31:00+00:00")
    make_run(folder / "evil\x1b[31m[bold]", state="failed", model={"class": "[red]\x1b[2J"})
    return folder


def listing(folder: Path) -> Listing:
    return Listing(folder, lambda: NOW)


def app_on(folder: Path, place: Place | None = None) -> RunsApp:
    return RunsApp(folder, place, now=lambda: NOW, tick_s=None)


def names(app: RunsApp) -> list[str]:
    pane = app.screen_stack[0].query_one(RunsPane)
    return [line.split()[2] for line in pane.text.splitlines()[1:]]


@pytest.fixture
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The list shows local times."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_utc")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_list(tmp_path: Path, size: tuple[int, int], request: pytest.FixtureRequest) -> None:
    app = RunsApp(Path("runs"), now=lambda: NOW, tick_s=None)
    runs_in(tmp_path / "runs")
    async with app.run_test(size=size) as pilot:
        await app.tick()
        await pilot.pause()
        check(f"runs-{size[0]}x{size[1]}", snapshot(app), bool(request.config.getoption("--update-goldens")))


async def test_it_opens_runs_and_comes_back_to_where_it_was(tmp_path: Path) -> None:
    folder = runs_in(tmp_path / "runs")
    for key, how in (("enter", "watch"), ("r", "replay"), ("e", "explain")):
        app = app_on(folder, Place(ListWish(words="base")))
        async with app.run_test(size=SIZES[0]) as pilot:
            await app.tick()
            await pilot.pause()
            assert names(app) == ["baseline"]
            await pilot.press(key)
        assert app.return_value == Opening(folder / "baseline", how)
        assert app.left_at == Place(ListWish(words="base"), folder / "baseline")


async def test_a_session_from_the_list_goes_back_to_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    app = session_of(Opening(run, "explain"), Settings(), tick_s=None)
    async with app.run_test(size=SIZES[1]) as pilot:
        await explain(app, pilot)
        assert on_top(app, ExplainScreen)
        await press(app, pilot, "escape")
        assert "esc runs" in app.screen.query_one("#footer", Lines).text
        await pilot.press("escape")
    assert app.return_value == "ended"
    alone = live_app(run)
    async with alone.run_test(size=SIZES[1]) as pilot:
        await settle(alone, pilot)
        await pilot.press("escape")
        assert alone.is_running and "esc runs" not in alone.screen.query_one("#footer", Lines).text
    assert replay_app(run, Hands()).mode == session_of(Opening(run, "replay"), Settings()).mode


async def test_it_filters_sorts_and_refreshes(tmp_path: Path) -> None:
    folder = runs_in(tmp_path / "runs")
    app = app_on(folder)
    async with app.run_test(size=SIZES[1]) as pilot:
        await app.tick()
        await pilot.pause()
        assert names(app)[0] == "clip"
        await pilot.press("R")
        assert names(app)[-1] == "clip"
        await pilot.press("slash", *"failed", "enter")
        assert len(names(app)) == 1 and names(app)[0].startswith("evil")
        await pilot.press("escape")
        assert len(names(app)) == 3
        live = LiveRun(folder / "new", started_at="2026-01-02T03:50:00+00:00")
        await app.tick()
        await pilot.press("R")
        assert names(app)[0] == "new" and "1 running" in app.screen.query_one("#header", Lines).text
        live.finish()
        await app.tick()
        assert "running" not in app.screen.query_one("#header", Lines).text
        await pilot.press("q")
    assert app.return_value is None


async def test_deleting_asks_first_and_refuses_what_is_being_written(tmp_path: Path) -> None:
    folder = runs_in(tmp_path / "runs")
    (folder / "clip" / "model.ckpt").write_text("weights", encoding="utf-8")
    LiveRun(folder / "new", started_at="2026-01-02T03:50:00+00:00")
    app = app_on(folder)
    async with app.run_test(size=SIZES[1]) as pilot:
        await app.tick()
        await pilot.pause()
        await pilot.press("d")
        assert "being written" in notices(app)[-1] and not on_top(app, DeleteDialog)
        await pilot.press("down", "d")
        assert on_top(app, DeleteDialog)
        await pilot.press("escape")
        assert (folder / "clip").is_dir()
        await pilot.press("d", "y")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert len(names(app)) == 3 and "clip" not in names(app)
    assert sorted(path.name for path in folder.iterdir()) == ["baseline", "evil\x1b[31m[bold]", "new"]


def test_a_directory_that_is_more_than_a_run_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run")
    (run / "sub").mkdir()
    link = tmp_path / "link"
    link.symlink_to(run)
    assert removal_of(run).others == ("metrics", "sub") and removal_of(run).refusal is None
    assert "link" in (removal_of(link).refusal or "")
    (run / ".git").mkdir()
    assert "repository" in (removal_of(run).refusal or "")
    (run / ".git").rmdir()
    monkeypatch.chdir(run / "sub")
    with pytest.raises(HooktraceError, match="work in"):
        remove(run)
    with pytest.raises(HooktraceError):
        remove(tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    (run / "out").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    remove(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]


def test_every_line_fills_its_width_and_obeys_nobody(tmp_path: Path) -> None:
    found = listing(runs_in(tmp_path / "runs")).poll()
    for width in (76, 96, 116):
        assert line_width(runs_header(width, ListWish())) == width
        for run in found:
            assert line_width(run_line(run, "A", width)) == width
            assert "\x1b" not in line_text(run_line(run, "", width))
    for sort in SORTS:
        order = chosen_runs(found, ListWish(sort=sort))
        assert set(order) == set(found)
    wish = ListWish()
    for _ in SORTS:
        wish = wish.next_sort()
    assert wish == ListWish()


def test_a_directory_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert listing(tmp_path / "none").poll() == ()


def test_without_runs_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("tracer.verbs.browse.has_terminal", lambda: True)
    assert main([]) == 2
    assert "no runs in runs/ yet: `hooktrace train`" in capsys.readouterr().err
