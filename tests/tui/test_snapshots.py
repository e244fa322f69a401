"""What the whole screen looks like, at three sizes and in two themes: golden files that a person has looked at.

`make test ARGS="tests/tui/test_snapshots.py --update-goldens"` writes them anew; the diff is to be read.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.builders import LiveRun, make_run
from tests.tui.driving import Hands, live_app, press, replay_app, settle
from tests.tui.snapshots import snapshot
from tests.tui.test_explain import explain
from tests.tui.test_gate import sight
from tracer.run.control import ControlPage, Reply
from tracer.run.layout import INSPECT_FILE, write_json

GOLDENS = Path(__file__).with_name("goldens")
SIZES = ((80, 24), (120, 40), (200, 60))
VIEWS: dict[str, tuple[str, ...]] = {
    "waterfall": ("v", "d"),
    "log": ("v", "v"),
    "filter": ("v", "v", "slash", *"kind:callback", "enter"),
    "help": ("question_mark",),
    "goto": ("colon",),
    "output": ("o",),
}


def check(name: str, found: str, update: bool) -> None:
    path = GOLDENS / f"{name}.txt"
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == found


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))


def recorded(tmp_path: Path) -> Path:
    run = make_run(tmp_path / "20260102-030405-tiny", epochs=3, batches=12, val_batches=3)
    (run / "output.log").write_text("GPU available: False\nEpoch 0: 100%\n", encoding="utf-8")
    return run


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_replay(tmp_path: Path, size: tuple[int, int], theme: str, update: bool) -> None:
    app = replay_app(recorded(tmp_path), Hands(), start="e2b7")
    async with app.run_test(size=size) as pilot:
        await settle(app, pilot)
        if theme == "light":
            await press(app, pilot, "t")
        await settle(app, pilot)
        check(f"replay-{size[0]}x{size[1]}-{theme}", snapshot(app), update)


@pytest.mark.parametrize("view", VIEWS)
async def test_the_views(tmp_path: Path, view: str, update: bool) -> None:
    app = replay_app(recorded(tmp_path), Hands(), start="e2b7")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(app, pilot)
        await press(app, pilot, *VIEWS[view])
        await settle(app, pilot)
        check(view, snapshot(app), update)


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_explained_run(tmp_path: Path, size: tuple[int, int], update: bool) -> None:
    app = live_app(recorded(tmp_path))
    async with app.run_test(size=size) as pilot:
        await explain(app, pilot, "e")
        await press(app, pilot, "down")
        check(f"explain-{size[0]}x{size[1]}", snapshot(app), update)


async def test_a_live_run_that_is_paused(tmp_path: Path, update: bool) -> None:
    run = LiveRun(tmp_path / "tiny")
    run.advance(260)
    page = ControlPage(run.path)
    app = live_app(run.path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "space")
        asked: Any = page.take()
        page.say_paused(True)
        write_json(run.path / INSPECT_FILE, sight(page.stops, why="breakpoint on_train_batch_end batch>=2"))
        page.say_shown()
        page.answer(asked, Reply.DONE)
        await settle(app, pilot)
        check("paused", snapshot(app), update)
    page.close()
