"""Every key of the transport, and the mouse: in a replay, and in a live run that they rewind."""

import re
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from tests.builders import MS, LiveRun, make_run
from tests.tui.driving import Hands, line, live_app, notices, on_top, press, replay_app, settle, visible
from tests.tui.test_replay import place, seconds
from tui import intake
from tui.actions import ACTIONS
from tui.app import SessionApp
from tui.player import BACKWARD
from tui.screens.dialogs import GotoScreen

SIZE = (120, 40)
KEYS = {action.id: action.keys.split(",")[0] for action in ACTIONS}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 90 s."""
    return make_run(tmp_path / "run", epochs=3, batches=4, val_batches=2, test_batches=2, hook_ns=100 * MS)


@pytest.fixture
def live(tmp_path: Path) -> LiveRun:
    """A run of which 1000 records were written, and go on being."""
    run = LiveRun(tmp_path / "run", epochs=3, batches=8, hook_ns=100 * MS)
    run.advance(700)
    return run


def mark(app: SessionApp) -> str:
    """How the run stands, at the end of the header."""
    return line(app, "header").rstrip().rpartition("  ")[2].strip()


def goes_on(app: SessionApp) -> bool:
    """Whether the training does. (A function, since a type checker believes that it stays so.)"""
    return app.training


def bar_column(app: SessionApp, share: float) -> int:
    """The column of the transport line that stands for a part of the run."""
    text = line(app, "transport")
    cells = [index for index, character in enumerate(text) if index > 20 and character in "━┿▽◆╋╌"]
    return cells[round(share * (len(cells) - 1))]


async def test_calls_are_stepped_over_where_they_begin_and_end(run: Path) -> None:
    app = replay_app(run, Hands(), start="20")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "n")
        assert seconds(app) == 20.1
        assert "paused" in mark(app)
        await press(app, pilot, "n", "n", "p")
        assert seconds(app) == 20.2
        await press(app, pilot, "home", "p")
        assert notices(app) == ["this is the first call"]
        await press(app, pilot, "end", "n")
        assert notices(app)[-1] == "this is the last call"


async def test_the_next_batch_has_two_keys(run: Path) -> None:
    app = replay_app(run, Hands(), start="e2b2")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "N")
        assert place(app) == "epoch 2/3 batch 3/4"
        await press(app, pilot, "full_stop")
        assert place(app) == "epoch 2/3 batch 4/4"


async def test_a_click_and_a_drag_go_there(run: Path) -> None:
    app = replay_app(run, Hands())
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        end = app.timeline.clock.end_ns / 1e9 if app.timeline.clock else 0
        await pilot.click("#transport", offset=(bar_column(app, 0.5), 0))
        await settle(app, pilot)
        assert seconds(app) == pytest.approx(end / 2, abs=1)
        await pilot.mouse_down("#transport", offset=(bar_column(app, 0.5), 0))
        await pilot.hover("#transport", offset=(bar_column(app, 0.25), 0))
        await pilot.mouse_up("#transport", offset=(bar_column(app, 0.25), 0))
        await settle(app, pilot)
        before = seconds(app)
        await pilot.hover("#transport", offset=(bar_column(app, 0.75), 0))
        await pilot.click("#transport", offset=(3, 0))  # beside the bar
        await settle(app, pilot)
        assert seconds(app) == before


async def test_chapters_are_chosen_from_a_list(run: Path) -> None:
    app = replay_app(run, Hands())
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "colon")
        assert on_top(app, GotoScreen)
        chapters = app.screen.query_one(OptionList)
        labels = [str(chapters.get_option_at_index(index).prompt).split("  ")[1] for index in range(7)]
        assert labels == ["fit", "epoch 1", "validation 1", "epoch 2", "validation 2", "epoch 3", "validation 3"]
        await pilot.press("down", *["down"] * 3, "enter")
        await settle(app, pilot)
        assert place(app) == "epoch 2/3"
        assert "paused" in mark(app)


@pytest.mark.parametrize("operation", sorted(BACKWARD))
async def test_each_key_that_goes_back_rewinds_a_live_run(live: LiveRun, operation: str) -> None:
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        latest = seconds(app)
        assert mark(app) == "● live"
        await press(app, pilot, KEYS[operation])
        assert seconds(app) < latest
        assert re.fullmatch(r"‖ rewound \S+ \S+ behind", mark(app))
        assert "play/pause" in line(app, "footer")
        await press(app, pilot, "end")
        assert (mark(app), seconds(app)) == ("● live", latest)


async def test_a_rewound_run_goes_on_being_followed(live: LiveRun) -> None:
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        latest = seconds(app)
        await press(app, pilot, "shift+left")
        assert mark(app) == "‖ rewound 10.0 s behind"
        live.advance(200)
        await settle(app, pilot)
        assert seconds(app) == pytest.approx(latest - 10, abs=0.11)
        assert mark(app) != "‖ rewound 10.0 s behind"
        live.finish()
        await press(app, pilot, "end")
        assert mark(app) == "■ finished"
        assert line(app, "transport").startswith(" ■   end ")


async def test_playing_to_the_latest_is_live_again(live: LiveRun) -> None:
    hands = Hands()
    app = live_app(live.path, clock=hands)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "left", "right_square_bracket", "space")
        assert mark(app) == "▶ rewound 1.00 s behind"
        hands.seconds = 0.25
        await settle(app, pilot)
        assert mark(app) == "▶ rewound 500 ms behind"
        hands.seconds = 1
        await settle(app, pilot)
        assert mark(app) == "● live"


async def test_steps_and_seeks_work_in_the_past_of_a_live_run(live: LiveRun) -> None:
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "home")
        assert seconds(app) == 0
        await press(app, pilot, "right", "n", "full_stop", "right_parenthesis")
        assert place(app) == "epoch 1/3"
        await press(app, pilot, "colon")
        app.screen.query_one(Input).value = "e1b3"
        await press(app, pilot, "enter")
        assert place(app) == "epoch 1/3 batch 3/8"
        await press(app, pilot, *["right_parenthesis"] * 9)
        assert "this is the last epoch" in notices(app)


async def test_a_click_rewinds_a_live_run_and_one_at_the_end_does_not(live: LiveRun) -> None:
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pilot.click("#transport", offset=(bar_column(app, 1), 0))
        await settle(app, pilot)
        assert mark(app) == "● live"
        await pilot.click("#transport", offset=(bar_column(app, 0.3), 0))
        await settle(app, pilot)
        assert mark(app).startswith("‖ rewound ")
        await pilot.click("#transport", offset=(bar_column(app, 1), 0))
        await settle(app, pilot)
        assert mark(app) == "● live"


async def test_leaving_asks_while_a_rewound_run_trains_and_not_when_it_is_over(live: LiveRun) -> None:
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "left")
        assert goes_on(app)
        live.finish()
        await settle(app, pilot)
        assert not goes_on(app)
        await pilot.press("q")
    assert app.return_value == "ended"


async def test_before_anything_is_recorded_nothing_can_be_rewound(tmp_path: Path) -> None:
    (tmp_path / "output.log").touch()
    app = live_app(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "left")
        assert notices(app) == ["nothing was recorded yet"]


async def test_a_small_live_screen_shows_the_bar_once_it_is_rewound(live: LiveRun) -> None:
    app = live_app(live.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        assert not visible(app, "transport")
        await press(app, pilot, "comma")
        assert visible(app, "transport")


async def test_places_that_are_not_read_yet_say_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_RECORDS", 100)
    app = replay_app(run, Hands())
    async with app.run_test(size=SIZE) as pilot:
        await app.tick()
        await pilot.pause()
        await pilot.press("colon", *"e3", "enter")
        message = app.screen.query_one("#message")
        assert re.search(r"it has \d \(still reading: \d+%\)", str(message.render()))
        await pilot.press("escape")
        assert "still reading: " in line(app, "transport")
        while app.frame.reading is not None:
            await settle(app, pilot)
        assert "reading" not in line(app, "transport")
        await press(app, pilot, "end")
        assert mark(app) == "■ finished"
