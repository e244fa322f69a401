"""The waterfall pane driven by keys, on a run that grows and on one that is replayed."""

import re
from pathlib import Path

import pytest

from tests.builders import LiveRun, make_run
from tests.tui.driving import Hands, line, live_app, press, replay_app, rows, settle
from tui.app import SessionApp
from tui.widgets.waterfall import WaterfallPane

WIDE, SMALL = (120, 40), (80, 24)


def pane(app: SessionApp) -> WaterfallPane:
    return app.screen_stack[0].query_one(WaterfallPane)


def title(app: SessionApp) -> str:
    return str(pane(app).border_title)


def ticks(app: SessionApp) -> list[str]:
    return re.findall(r"┆([\d.]+)", rows(app, "waterfall").splitlines()[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", epochs=3, batches=20, val_batches=4, test_batches=2)


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_w_goes_from_batch_to_epoch_to_validation(run: Path, size: tuple[int, int]) -> None:
    app = live_app(run)
    async with app.run_test(size=size) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v")
        assert title(app).startswith("last batch: test · batch 2 · ")
        await press(app, pilot, "w")
        assert title(app).startswith("last epoch: epoch 3 · 20 batches · ")
        assert "batches 1–" in rows(app, "waterfall")
        await press(app, pilot, "w")
        assert title(app).startswith("last validation: test · 2 batches · ")
        await press(app, pilot, "w")
        assert title(app).startswith("last batch: ")


async def test_it_says_what_there_is_none_of_yet(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", sanity=0)
    live.advance(60)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v", "w")
        assert rows(app, "waterfall").strip() == "no epoch is complete yet"
        await press(app, pilot, "w", "plus", "enter", "a", "d")
        assert rows(app, "waterfall").strip() == "no validation is complete yet"


async def test_it_follows_the_latest_until_a_holds_it(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", epochs=2, batches=30)
    live.advance(500)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v")
        first = title(app)
        live.advance(300)
        await _grow(app, pilot)
        followed = title(app)
        assert followed != first and followed.startswith("last batch: train · epoch 1 · batch ")
        await press(app, pilot, "a")
        assert title(app) == followed.replace("last", "pinned")
        live.advance(300)
        await _grow(app, pilot)
        assert title(app) == followed.replace("last", "pinned")
        await press(app, pilot, "a")
        assert title(app).startswith("last") and title(app) != followed


async def _grow(app: SessionApp, pilot: object) -> None:
    for _ in range(3):
        await settle(app, pilot)  # type: ignore[arg-type]


async def test_what_is_held_stays_while_a_replay_goes_back_and_forth(run: Path) -> None:
    app = replay_app(run, Hands(), start="e2b10")
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v", "a")
        held = title(app)
        assert held.startswith("pinned batch: train · epoch 2 · batch 9 · ")
        await press(app, pilot, "full_stop", "full_stop", "home")
        assert title(app) == held
        await press(app, pilot, "down", "down", "right_curly_bracket", "d", "home")
        assert title(app) == held, "its calls are still to come: pointing at one of them does no harm"
        assert line(app, "notice") == ""
        await press(app, pilot, "a")
        assert not title(app).startswith("pinned")
        await press(app, pilot, "full_stop", "full_stop", "full_stop", "full_stop")
        assert title(app).startswith("last batch: train · epoch 1 · batch ")


async def test_zoom_and_pan_move_the_axis(run: Path) -> None:
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v")
        whole = ticks(app)
        assert whole[0] == "0"
        await press(app, pilot, "plus", "plus")
        assert ticks(app) != whole
        assert "0 shows all" in str(pane(app).border_subtitle)
        length = pane(app).window.last - pane(app).window.first
        assert length == pytest.approx(0.25)
        await press(app, pilot, "right", "l")
        moved = pane(app).window
        assert moved.first > 0 and moved.last - moved.first == pytest.approx(length)
        await press(app, pilot, "left", "h")
        assert pane(app).window.first < moved.first
        await press(app, pilot, "minus")
        assert pane(app).window.last - pane(app).window.first == pytest.approx(0.5)
        await press(app, pilot, "0")
        assert ticks(app) == whole and pane(app).window.is_whole
        assert "0 shows all" not in str(pane(app).border_subtitle)


async def test_enter_looks_at_the_selected_bar_and_opens_batches_and_validations(run: Path) -> None:
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v", "w")
        shown = rows(app, "waterfall").splitlines()[1:]
        validation = next(index for index, text in enumerate(shown) if "validation" in text)
        fold = next(index for index, text in enumerate(shown) if "batches " in text)
        await press(app, pilot, *["down"] * fold, "enter")
        assert not pane(app).window.is_whole
        assert "batch 1 " in rows(app, "waterfall")
        single = next(i for i, text in enumerate(rows(app, "waterfall").splitlines()[1:]) if " batch 2 " in text)
        await press(app, pilot, "g", *["down"] * single, "enter")
        assert title(app).startswith("pinned batch: train · epoch 3 · batch 2 · ")
        assert pane(app).window.is_whole
        await press(app, pilot, "w")
        assert title(app).startswith("pinned epoch: epoch 3 · ")
        await press(app, pilot, "g", *["down"] * validation, "enter")
        assert title(app).startswith("pinned validation: validate · epoch 3 · 4 batches · ")
        await press(app, pilot, "a")
        assert title(app).startswith("last validation: test")


async def test_z_shows_each_callback_on_its_own(run: Path) -> None:
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v")
        assert "×2" in rows(app, "waterfall")
        grouped = pane(app).row_count()
        await press(app, pilot, "z")
        assert pane(app).row_count() > grouped and "×2" not in rows(app, "waterfall")
        await press(app, pilot, "z")
        assert pane(app).row_count() == grouped


async def test_d_compares_with_the_median_batch(run: Path) -> None:
    app = replay_app(run, Hands(), start="e3b10")
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v")
        assert "differs" not in rows(app, "waterfall")
        await press(app, pilot, "d")
        head = rows(app, "waterfall").splitlines()[0]
        assert head.startswith("vs median of 48") and head.rstrip().endswith("differs")
        await press(app, pilot, "w")
        assert "batches vs the median one here" in str(pane(app).border_subtitle)
        await press(app, pilot, "d")
        assert "differs" not in rows(app, "waterfall")


async def test_the_selected_bar_is_the_selected_call(run: Path) -> None:
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v", "down", "down")
        trace = app.frame.trace
        assert trace is not None
        assert app.frame.wish.action == int(trace.action[app.frame.wish.row]) == pane(app).selected_action
        await press(app, pilot, "w")
        await press(app, pilot, "g", "down", "down", "down")
        assert app.frame.wish.action == -1, "folded batches are no hook"


async def test_hostile_names_and_a_batch_of_one_call(tmp_path: Path) -> None:
    evil = "[red]\x1b[2J\u202e"
    app = live_app(make_run(tmp_path / "run", callbacks=(evil, "\n" * 300), batches=1, val_batches=1))
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(app, pilot)
        for key in ("v", "z", "d", "w", "d", "w", "0"):
            await press(app, pilot, key)
            assert not {"\x1b", "\u202e"} & set(rows(app, "waterfall"))


async def test_below_the_loop_it_shows_the_longest_spans(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", until=900, state="running", callbacks=[f"C{number}" for number in range(20)])
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        if pane(app).compact:
            assert "longest of" in str(pane(app).border_subtitle)
        await press(app, pilot, "v")
        assert not pane(app).compact and "longest" not in str(pane(app).border_subtitle)
        first = rows(app, "waterfall")
        await press(app, pilot, "z", "G")
        assert rows(app, "waterfall").splitlines()[1:] != first.splitlines()[1:]
