"""The log in the real app, driven by keys and mouse, live and replayed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.builders import LiveRun, make_run
from tests.tui.driving import Hands, line, live_app, notices, on_top, press, replay_app, rows, settle, visible
from tui.app import SessionApp
from tui.screens.dialogs import GotoScreen
from tui.screens.filter import FilterScreen
from tui.widgets.log import LogPane

SIZE = (120, 40)


def pane(app: SessionApp) -> LogPane:
    return app.screen_stack[0].query_one(LogPane)


def title(app: SessionApp) -> str:
    return str(pane(app).border_title)


def selected(app: SessionApp) -> str:
    """The line under the cursor."""
    log = pane(app)
    return rows(app, "log").splitlines()[log.head_rows + log.cursor - log.first].rstrip("┃ ")


async def open_log(app: SessionApp, pilot: Pilot[Any]) -> None:
    """Goes from the loop to the log."""
    await settle(app, pilot)
    await press(app, pilot, "v", "v")
    assert visible(app, "log")


async def type_in(app: SessionApp, pilot: Pilot[Any], key: str, text: str, enter: bool = True) -> None:
    """Opens a dialog with a key and types a line into it."""
    await pilot.press(key)
    await pilot.pause()
    app.screen.query_one(Input).value = text
    await pilot.pause()
    if enter:
        await press(app, pilot, "enter")


def wheel(kind: type[events.MouseEvent]) -> events.MouseEvent:
    """A turn of the mouse wheel over the rows."""
    return kind(None, 5, 5, 0, 0, 0, False, False, False)


def message(app: SessionApp) -> str:
    return str(app.screen.query_one("#message", Static).render())


async def test_it_follows_the_newest_call_until_the_user_goes_up(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", batches=30)
    live.advance(300)
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        log = pane(app)
        calls = log.row_count()
        assert log.follow and log.cursor == calls - 1 and title(app) == f"log · {calls} calls"
        live.advance(40)
        await settle(app, pilot)
        assert log.row_count() > calls and log.cursor == log.row_count() - 1
        assert title(app) == f"log · {log.row_count()} calls"
        await pilot.press("up")
        assert not pane(app).follow
        here, first = selected(app), log.first
        live.advance(40)
        await settle(app, pilot)
        assert (selected(app), log.first) == (here, first)
        await pilot.press("G")
        assert (pane(app).follow, log.cursor) == (True, log.row_count() - 1)


async def test_every_key_that_moves_the_cursor(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", batches=30, until=900, state="running"))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        log = pane(app)
        await pilot.press("g")
        assert (log.cursor, log.first) == (0, 0) and "setup" in selected(app)
        moves = [("down", 1), ("j", 1), ("up", -1), ("k", -1), ("pagedown", log.page), ("pagedown", log.page)]
        for key, by in [*moves, ("pageup", -log.page)]:
            before = log.cursor
            await pilot.press(key)
            assert log.cursor == before + by
            assert log.first <= log.cursor < log.first + log.page
        await pilot.press("f")
        assert log.follow
        await pilot.press("down")
        assert log.follow, "there is nowhere to go"


async def test_what_is_selected_is_told(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        await press(app, pilot, "g", "down", "down")
        trace = app.frame.trace
        assert trace is not None
        assert (app.frame.wish.action, app.frame.wish.row) == (int(trace.action[2]), 2)
        await type_in(app, pilot, "slash", "on_fit_start")
        row = app.frame.wish.row
        assert row > 2 and trace.actions[int(trace.action[row])].hook == "on_fit_start", "a filter moves the cursor"
        await press(app, pilot, "f")
        assert (app.frame.wish.action, app.frame.wish.row) == (-1, -1)


async def test_mouse_and_scroll_bar(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", batches=60, epochs=3))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        log = pane(app)
        last = log.row_count() - 1
        await pilot.click(LogPane, offset=(10, 5))
        assert not log.follow and log.cursor == log.first + 3  # below the border and the header
        before = log.cursor
        log.post_message(wheel(events.MouseScrollDown))
        log.post_message(wheel(events.MouseScrollDown))
        log.post_message(wheel(events.MouseScrollUp))
        await pilot.pause()
        assert log.cursor == before + 3
        right = log.size.width + 1  # the last cell inside border and padding
        await pilot.click(LogPane, offset=(right, 2))
        assert log.cursor == 0
        assert [text[-1] for text in rows(app, "log").splitlines()[1:]].index("┃") == 0
        await pilot.click(LogPane, offset=(right, log.size.height))
        assert log.cursor == last and before < last
        bar = [text[-1] for text in rows(app, "log").splitlines()[1:]]
        assert bar[-1] == "┃" and bar.count("┃") < 4


async def test_a_filter_shows_the_calls_that_meet_it(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", batches=30)
    live.advance(600)
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await type_in(app, pilot, "slash", "on_train_batch_start kind:callback")
        assert visible(app, "log"), "filtering shows the log"
        shown = rows(app, "log").splitlines()[1:]
        assert shown and all(re.search(r"C on_train_batch_start\* (EarlyS|M)", text) for text in shown)
        count = pane(app).row_count()
        assert re.fullmatch(rf"log · {count} of \d+ calls · /on_train_batch_start kind:callback", title(app))
        live.advance(200)
        await settle(app, pilot)
        assert pane(app).row_count() > count
        await type_in(app, pilot, "slash", "nothing_like_this")
        assert rows(app, "log").strip() == "no call meets the filter: / changes it"
        await type_in(app, pilot, "slash", "")
        assert title(app) == f"log · {pane(app).row_count()} calls"


async def test_a_duration_finds_a_call_when_it_returns(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", batches=8)
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        live.advance(200)
        await settle(app, pilot)
        await type_in(app, pilot, "slash", "run_training_epoch >1ms")
        assert pane(app).row_count() == 0
        live.finish()
        await settle(app, pilot)
        assert pane(app).row_count() == 2


async def test_the_cursor_stays_on_its_call_when_the_filter_changes(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", batches=60))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        await pilot.press("g")
        await type_in(app, pilot, "colon", "e2b30")
        await pilot.press("j", "j", "j")
        here = selected(app)[1:].split()
        assert "e2b30" in here
        hook = here[here.index("e2b30") + 2]
        await type_in(app, pilot, "slash", hook)
        assert selected(app)[1:].split() == here
        await type_in(app, pilot, "slash", "")
        assert selected(app)[1:].split() == here


async def test_wrong_filters_are_said_while_they_are_typed(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        await type_in(app, pilot, "slash", "stage:x", enter=False)
        assert "no stage 'x': there are sanity_check, train" in message(app)
        await press(app, pilot, "enter")
        assert on_top(app, FilterScreen)
        app.screen.query_one(Input).value = "stage:train"
        await pilot.pause()
        assert message(app).startswith("enter shows these calls")
        await pilot.press("escape")
        assert not on_top(app, FilterScreen)
        assert "stage:train" not in title(app)


async def test_earlier_filters_come_back(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        for text in ("backward", "training_step", "overridden"):
            await type_in(app, pilot, "slash", text)
        await pilot.press("slash")
        await pilot.pause()
        query = app.screen.query_one(Input)
        seen = [query.value]
        for key in ("up", "up", "up", "down"):
            await pilot.press(key)
            seen.append(query.value)
        assert seen == ["overridden", "training_step", "backward", "backward", "training_step"]
        await press(app, pilot, "enter")
        assert title(app).endswith("/training_step")


async def test_the_dialog_documents_every_form_on_a_small_terminal(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        await pilot.press("slash")
        await pilot.pause()
        picture = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        for word in ("owner:Early", "epoch:2 batch:10-20", "-word", "A call must meet every word."):
            assert word in picture


@pytest.mark.parametrize(
    ("text", "expected"),
    [("e2", "e2 "), ("e2b3", "e2b3"), ("b2", "e1b2"), ("ModelCheckpoint.on_train_end", "on_train_end")],
)
async def test_goto_moves_the_cursor(tmp_path: Path, text: str, expected: str) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        await pilot.press("g")
        await type_in(app, pilot, "colon", text)
        assert not on_top(app, GotoScreen)
        assert expected in selected(app) and not pane(app).follow
        assert pane(app).cursor - pane(app).first >= pane(app).page // 3, "what came before is in sight"


async def test_goto_says_what_is_not_there(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        for text, expected in [("e9", "there is no epoch 9"), ("1:00:00", "the log ends at"), ("?", "cannot go to")]:
            await type_in(app, pilot, "colon", text)
            assert on_top(app, GotoScreen) and expected in message(app)
            await pilot.press("escape")


async def test_the_calls_of_the_selected_hook(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", batches=3))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        await pilot.press("g")
        await type_in(app, pilot, "colon", "run_training_batch")
        log, seen = pane(app), []
        for _ in range(3):
            seen.append(log.cursor)
            assert "L run_training_batch" in selected(app)
            await pilot.press("right_curly_bracket")
        assert seen == sorted(set(seen))
        await pilot.press("left_curly_bracket")
        assert log.cursor == seen[2]
        await pilot.press("left_curly_bracket", "left_curly_bracket", "left_curly_bracket")
        assert log.cursor == seen[0]
        assert notices(app) == ["run_training_batch was not called before"]
        await type_in(app, pilot, "colon", "on_fit_end")
        await pilot.press("right_curly_bracket")
        assert notices(app)[-1] == "EarlyStopping.on_fit_end is not called again so far"
        await type_in(app, pilot, "slash", "on_fit_end")
        await pilot.press("left_curly_bracket")
        assert notices(app)[-1] == "EarlyStopping.on_fit_end was not called before, as far as the filter shows"
        await type_in(app, pilot, "slash", "nothing_like_this")
        await pilot.press("left_curly_bracket")
        assert notices(app)[-1] == "the log shows no call"


async def test_a_replay_is_sent_to_what_the_log_has_not_come_to_yet(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run", hook_ns=10**8), Hands(), start="e1b2")
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        await press(app, pilot, "space", "g")
        calls = pane(app).row_count()
        await type_in(app, pilot, "colon", "e1b1")
        assert "e1b1" in selected(app) and pane(app).row_count() == calls, "it is in the log: the clock stays"
        await type_in(app, pilot, "colon", "e2b2")
        assert pane(app).follow and pane(app).row_count() > calls
        assert "e2b2" in rows(app, "log").splitlines()[-1]
        await press(app, pilot, "right_curly_bracket")
        assert "e2b3" in rows(app, "log").splitlines()[-1]


async def test_the_next_call_of_a_hook_that_the_log_has_not_come_to_yet(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run", hook_ns=10**8), Hands(), start="e1b2")
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        await pilot.press("space", "g")
        await type_in(app, pilot, "colon", "on_train_start")
        here = selected(app)
        await press(app, pilot, "right_curly_bracket")
        assert notices(app) == ["EarlyStopping.on_train_start is not called again"]
        await type_in(app, pilot, "colon", "e9")
        assert "there is no epoch 9" in message(app)
        await pilot.press("escape")
        assert selected(app) == here and not pane(app).follow
        await type_in(app, pilot, "colon", "on_train_batch_start")
        await press(app, pilot, "right_curly_bracket")
        assert pane(app).follow
        assert "e1b2" in selected(app) and "C on_train_batch_start" in selected(app)


async def test_a_live_run_that_is_rewound_shows_its_log_of_then(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", batches=20)
    live.advance(600)
    app = live_app(live.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await type_in(app, pilot, "slash", "=optimizer_step -open")
        log = pane(app)
        latest = log.row_count()
        await press(app, pilot, "comma", "comma", "comma")
        rewound = log.row_count()
        assert 0 < rewound < latest
        live.advance(200)
        await settle(app, pilot)
        assert log.row_count() == rewound
        await press(app, pilot, "end")
        assert log.row_count() > latest and log.follow


async def test_a_replay_that_goes_back_takes_calls_away(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run", hook_ns=10**8), Hands(), start="e2b3")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await type_in(app, pilot, "slash", "=optimizer_step >1ns")
        assert pane(app).row_count() == 4 + 2
        await press(app, pilot, "space", "comma")
        assert pane(app).row_count() == 4 + 1
        await press(app, pilot, "end")
        assert pane(app).row_count() == 8
        await press(app, pilot, "home")
        assert pane(app).row_count() == 0


async def test_hostile_names_do_nothing(tmp_path: Path) -> None:
    hostile = ["\x1b[2J\x1b[31mred", "[bold]x[/bold]", "[/nonsense", "\u202ereversed"]
    app = live_app(make_run(tmp_path / "run", callbacks=hostile, until=300, state="running"))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        await pilot.press("g")
        assert "[bold]x[/bold]" in rows(app, "log") and "\x1b" not in rows(app, "log")
        await type_in(app, pilot, "slash", "[/nonsense -[x")
        assert title(app).replace("\\", "").endswith("/[/nonsense -[x")
        assert pane(app).row_count() and all("C " in text for text in rows(app, "log").splitlines()[1:])


@pytest.mark.parametrize("size", [(80, 24), (110, 32), (200, 60)])
async def test_rows_fit_at_every_size_and_resizing_keeps_the_place(tmp_path: Path, size: Sequence[int]) -> None:
    app = live_app(make_run(tmp_path / "run", batches=40))
    async with app.run_test(size=SIZE) as pilot:
        await open_log(app, pilot)
        await type_in(app, pilot, "colon", "e2b20")
        here = pane(app).cursor
        await pilot.resize_terminal(size[0], size[1])
        await settle(app, pilot)
        log = pane(app)
        assert log.cursor == here and log.first <= here < log.first + log.page
        assert {len(text) for text in rows(app, "log").splitlines()} == {log.size.width}
        assert line(app, "footer").strip()
