"""Replay on the real screen: each key does what the table of actions says."""

import re
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from tests.builders import MS, make_run
from tests.tui.driving import Hands, line, notices, on_top, press, replay_app, rows, settle, visible
from tui.app import SessionApp
from tui.screens.dialogs import GotoScreen

SIZE = (120, 40)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 90 s: a second a hook."""
    return make_run(tmp_path / "run", epochs=3, batches=4, val_batches=2, test_batches=2, hook_ns=100 * MS)


def seconds(app: SessionApp) -> float:
    """Where the transport line says that the clock is."""
    match = re.search(r"(\d\d):(\d\d):(\d\d\.\d)", line(app, "transport"))
    assert match
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


def place(app: SessionApp) -> str:
    """Epoch and batch of the header."""
    return " ".join(re.findall(r"(?:epoch|batch) \d+/\d+", line(app, "header")))


async def test_it_plays_pauses_and_plays_on(run: Path) -> None:
    hands = Hands()
    app = replay_app(run, hands)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert line(app, "header").rstrip().endswith("▶ 1x replay")
        hands.seconds = 3
        await settle(app, pilot)
        assert seconds(app) == 3.0
        await press(app, pilot, "space")
        hands.seconds = 8
        await settle(app, pilot)
        assert seconds(app) == 3.0
        assert line(app, "header").rstrip().endswith("‖ paused")
        await press(app, pilot, "space")
        hands.seconds = 9
        await settle(app, pilot)
        assert seconds(app) == 4.0


async def test_the_speed_goes_up_and_down(run: Path) -> None:
    hands = Hands()
    app = replay_app(run, hands, speed=2)
    async with app.run_test(size=SIZE) as pilot:
        await press(app, pilot, "right_square_bracket")
        assert " 5x " in line(app, "transport")
        hands.seconds = 1
        await settle(app, pilot)
        assert seconds(app) == 5.0
        await press(app, pilot, "left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert " 0.5x " in line(app, "transport")


async def test_arrows_move_by_time(run: Path) -> None:
    app = replay_app(run, Hands(), start="20")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        moves = [("right", 21), ("shift+right", 31), ("left", 30), ("shift+left", 20), ("home", 0), ("left", 0)]
        for key, expected in moves:
            await press(app, pilot, key)
            assert seconds(app) == expected
        await press(app, pilot, "end")
        assert line(app, "header").rstrip().endswith("■ finished")
        assert "test" in line(app, "header")


async def test_keys_step_over_batches_and_epochs_and_pause(run: Path) -> None:
    app = replay_app(run, Hands(), start="e2b2")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert place(app) == "epoch 2/3 batch 2/4"
        await press(app, pilot, "full_stop")
        assert place(app) == "epoch 2/3 batch 3/4"
        assert "paused" in line(app, "header")
        await press(app, pilot, "comma")
        assert place(app) == "epoch 2/3 batch 2/4"
        await press(app, pilot, "right_parenthesis")
        assert place(app) == "epoch 3/3"
        await press(app, pilot, "left_parenthesis")
        assert place(app) == "epoch 2/3"


async def test_the_selected_hook_is_found_before_and_after(run: Path) -> None:
    app = replay_app(run, Hands(), start="e2b2")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert "train_dataloader_next" in rows(app, "loop")
        here = seconds(app)
        await press(app, pilot, "right_curly_bracket")  # the pane follows the open hook: that is the selected one
        assert place(app) == "epoch 2/3 batch 3/4"
        await press(app, pilot, "left_curly_bracket")
        assert (place(app), seconds(app)) == ("epoch 2/3 batch 2/4", here)
        await press(app, pilot, "g", "right_curly_bracket")
        assert seconds(app) == here, "a loop is no hook"


async def test_the_curves_and_progress_follow_the_clock(run: Path) -> None:
    app = replay_app(run, Hands(), start="e1b1")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert "no values yet" in line(app, "curves")
        assert re.search(r"fit .* 1/12", line(app, "progress"))
        await press(app, pilot, "full_stop", "full_stop")
        assert line(app, "curves").startswith("━ train step 1")
        await press(app, pilot, "end")
        assert "■ test" in line(app, "curves")
        await press(app, pilot, "home")
        assert "no values yet" in line(app, "curves")
        assert rows(app, "hooks").strip() == "no hook has returned yet"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("e2b3", "epoch 2/3 batch 3/4"), ("b2", "epoch 1/3 batch 2/4"), ("e3", "epoch 3/3"), ("on_fit_end", "")],
)
async def test_goto_goes_where_it_is_told(run: Path, text: str, expected: str) -> None:
    app = replay_app(run, Hands())
    async with app.run_test(size=SIZE) as pilot:
        await press(app, pilot, "colon")
        assert on_top(app, GotoScreen)
        app.screen.query_one(Input).value = text
        await press(app, pilot, "enter")
        assert not on_top(app, GotoScreen)
        assert place(app) == expected
        assert "paused" in line(app, "header")


async def test_goto_says_why_not_and_can_be_left(run: Path) -> None:
    app = replay_app(run, Hands(), start="e2")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        before = seconds(app)
        await pilot.press("colon", *"e9", "enter")
        message = app.screen.query_one("#message", Static)
        assert str(message.render()) == "there is no epoch 9 in this run: it has 3"
        app.screen.query_one(Input).value = "[bold]"
        await pilot.press("enter")
        assert "cannot go to '[bold]': write 1:23" in str(message.render()).replace("\n", " ")
        await press(app, pilot, "escape")
        assert not on_top(app, GotoScreen)
        assert seconds(app) == before


async def test_it_says_when_there_is_nowhere_to_go(run: Path) -> None:
    app = replay_app(run, Hands())
    async with app.run_test(size=SIZE) as pilot:
        await press(app, pilot, "end", "full_stop", "right_parenthesis")
        assert notices(app) == ["this is the last batch", "this is the last epoch"]


async def test_leaving_a_replay_asks_nothing(run: Path) -> None:
    app = replay_app(run, Hands())
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pilot.press("q")
    assert app.return_value == "closed"


async def test_a_replay_works_in_a_small_terminal(run: Path) -> None:
    app = replay_app(run, Hands(), start="e1b2")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        assert visible(app, "transport") and visible(app, "loop")
        await press(app, pilot, "full_stop")
        assert place(app) == "epoch 1/3 batch 3/4"


async def test_a_replay_of_a_run_that_died_ends_where_it_died(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run", until=150, state="died"), Hands())
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert not visible(app, "notice")
        await press(app, pilot, "end")
        assert line(app, "header").rstrip().endswith("✗ died")
        assert "died in " in line(app, "notice")
