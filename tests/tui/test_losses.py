"""The pane of the losses in the real app: every key and the mouse, live and replayed, and what a file may do."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input, OptionList

from tests.builders import LiveRun, make_run, metrics_rows, write_metrics
from tests.tui.driving import Hands, line, live_app, on_top, press, replay_app, settle, visible
from tui.app import SessionApp
from tui.screens.metrics import MetricsScreen
from tui.widgets.losses import LossesPane
from tui.widgets.plot import ScenePlot

WIDE, SMALL = (120, 40), (80, 24)
KEYS_HINT = "← → values"


def rows(epochs: int = 3, batches: int = 60) -> list[dict[str, float]]:
    """A loss that falls, its validation, a learning rate on quite another scale."""
    made = []
    for row in metrics_rows(epochs, batches, 1):
        made.append(row | {"lr": 1e-6 / (1 + row["step"])} if "train_loss_step" in row else row)
    return made


def pane(app: SessionApp) -> LossesPane:
    return app.screen_stack[0].query_one(LossesPane)


def titles(app: SessionApp) -> tuple[str, str]:
    return str(pane(app).border_title), str(pane(app).border_subtitle)


def plot_of(app: SessionApp) -> ScenePlot:
    return app.screen_stack[0].query_one(ScenePlot)


def ticks(app: SessionApp) -> list[str]:
    """The labels below the plot."""
    margin = app.screen_stack[0].query_one("#margin-bottom")
    return margin.render_line(0).text.split()


def part(app: SessionApp) -> tuple[float, float]:
    """The steps at the left and the right end of the plot."""
    plot = plot_of(app)
    return plot.get_coordinate_from_pixel(1, 1)[0], plot.get_coordinate_from_pixel(plot.columns, 1)[0]


def picture(app: SessionApp) -> str:
    """What the plot shows, as text."""
    canvas = app.screen_stack[0].query_one("#plot")
    return "\n".join(canvas.render_line(y).text for y in range(canvas.size.height))


def scrolled(widget: Widget, offset: tuple[int, int]) -> events.MouseScrollDown:
    """The wheel turned over a place of a widget."""
    x, y = offset
    return events.MouseScrollDown(
        widget, x, y, 0, 1, 0, False, False, False, screen_x=widget.region.x + x, screen_y=widget.region.y + y
    )


def dragged(widget: Widget, offset: tuple[int, int], by: int) -> events.MouseMove:
    """The mouse moved to the right with its button down."""
    x, y = offset
    return events.MouseMove(
        widget, x, y, by, 0, 1, False, False, False, screen_x=widget.region.x + x, screen_y=widget.region.y + y
    )


async def focused(app: SessionApp, pilot: Pilot[Any]) -> None:
    plot_of(app).focus()
    await settle(app, pilot)


@pytest.fixture(params=["live", "replay"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> SessionApp:
    """The screen on a run with curves; the replay stands at the end, where everything is there."""
    run = make_run(tmp_path / "run", epochs=3, batches=60, test_batches=1, state="finished")
    write_metrics(run / "metrics" / "metrics.csv", rows())
    return live_app(run) if request.param == "live" else replay_app(run, Hands(), start="23:59:59")


async def _shown(app: SessionApp, pilot: Pilot[Any], keys: Sequence[str]) -> str:
    await press(app, pilot, *keys)
    return line(app, "curve-values")


async def test_the_arrows_go_from_value_to_value(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await focused(app, pilot)
        assert line(app, "curve-values").startswith(KEYS_HINT)
        assert "step 180 · epoch 3" in await _shown(app, pilot, ["left"]), "the last point comes first"
        first = await _shown(app, pilot, ["left"])
        assert re.match(r"step 17\d · epoch 3  ━ 0\.011\d+ ● 0\.9 ◆ 0\.75 ■ -", first), first
        assert "step 180" in await _shown(app, pilot, ["right"])
        assert "step 180" in await _shown(app, pilot, ["right"]), "there is nothing beyond"
        assert (await _shown(app, pilot, ["escape"])).startswith(KEYS_HINT)
        assert "step 0 · epoch 1  ━ 2 ● - ◆ - ■ -" in await _shown(app, pilot, ["right"])


async def test_zoom_and_pan_by_key_show_a_part(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await focused(app, pilot)
        whole, everything = ticks(app), picture(app)
        assert whole[0] == "0" and float(whole[-1]) >= 150
        await press(app, pilot, "plus", "plus")
        assert "zoomed" in titles(app)[0]
        inner = part(app)
        assert 30 < inner[0] < inner[1] < 150
        await press(app, pilot, "l")
        assert part(app)[0] - inner[0] == pytest.approx(0.2 * (inner[1] - inner[0]), rel=0.05)
        await press(app, pilot, *["h"] * 9)
        assert ticks(app)[0] == "0"
        before = picture(app)
        await press(app, pilot, "up")
        assert picture(app) != before
        await press(app, pilot, "j")
        assert picture(app) == before
        await press(app, pilot, "minus", "minus", "minus", "0")
        assert ticks(app) == whole
        assert picture(app) == everything
        assert "zoomed" not in titles(app)[0]


async def test_zooming_happens_around_the_cursor(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await focused(app, pilot)
        await press(app, pilot, "left", *["equals_sign"] * 4)
        assert part(app)[0] > 140 and part(app)[1] > 175
        await press(app, pilot, *["left"] * 60)
        assert part(app)[0] < 140, "what is in sight follows the cursor"


async def test_the_mouse_zooms_pans_and_points(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        whole = ticks(app)
        canvas = app.screen.query_one("#plot")
        middle = (canvas.size.width // 2, canvas.size.height // 2)
        await pilot.hover("#plot", offset=middle)
        assert re.match(r"step \d+ · epoch 2  ━ 0\.0", line(app, "curve-values"))
        await pilot.hover("#header")
        await pilot.pause()
        assert line(app, "curve-values").startswith(KEYS_HINT)
        for _ in range(8):
            canvas.post_message(scrolled(canvas, middle))
        await settle(app, pilot)
        assert "zoomed" in titles(app)[0]
        assert ticks(app) != whole
        before = part(app)
        canvas.post_message(dragged(canvas, middle, 12))
        await settle(app, pilot)
        assert part(app)[0] < before[0] and part(app)[1] < before[1]
        await focused(app, pilot)
        await press(app, pilot, "0")
        assert ticks(app) == whole


async def test_log_y_smoothing_and_own_scales(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        plain = picture(app)
        await press(app, pilot, "y")
        assert titles(app)[0] == "losses · metrics.csv · log y"
        logarithmic = picture(app)
        assert logarithmic != plain
        await press(app, pilot, "y")
        assert picture(app) == plain
        for weight in ("0.6", "0.9", "0.97", "0.99"):
            await press(app, pilot, "s")
            assert titles(app)[0] == f"losses · metrics.csv · smoothed {weight}"
        await press(app, pilot, "s")
        assert picture(app) == plain
        await focused(app, pilot)
        await press(app, pilot, "r")
        assert titles(app)[0] == "losses · metrics.csv · own scales"
        assert picture(app) != plain
        await press(app, pilot, "r")
        assert picture(app) == plain


async def test_metrics_are_chosen_from_a_list_that_is_narrowed(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "m")
        assert on_top(app, MetricsScreen)
        await press(app, pilot, *"val ac")
        assert app.screen.query_one(OptionList).option_count == 1
        await press(app, pilot, "enter")
        assert titles(app)[0] == "loss, acc · metrics.csv"
        assert "▲ val_acc" in line(app, "curves") and "max 0.8333 at 179" in line(app, "curves")
        await press(app, pilot, "ctrl+o")
        assert line(app, "curves") == "◆ validation 0.8333   ★ max 0.8333 at 179"
        assert titles(app)[0] == "acc · metrics.csv"
        await press(app, pilot, "enter")
        assert titles(app)[0] == "losses · metrics.csv", "nothing chosen is the usual"
        await press(app, pilot, *["backspace"] * 6, "down", "up", "pagedown", "pageup", "ctrl+r", "escape")
        assert not on_top(app, MetricsScreen)
        assert titles(app)[0] == "losses · metrics.csv"


async def test_a_row_of_the_list_can_be_clicked(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "m", *"lr")
        await pilot.click("#metrics", offset=(4, 0))
        await settle(app, pilot)
        assert titles(app) == ("loss, lr · metrics.csv", "scales differ: r gives each its own")
        assert app.screen.query_one(Input).has_focus
        await press(app, pilot, "x")
        assert "no metric is called that" in str(app.screen.query_one(OptionList).get_option_at_index(0).prompt)
        await press(app, pilot, "enter", "ctrl+o", "down", "escape")


async def test_a_small_terminal_shows_them_too(app: SessionApp) -> None:
    async with app.run_test(size=SMALL) as pilot:
        await settle(app, pilot)
        assert not visible(app, "losses")
        await press(app, pilot, "m", "escape")
        assert visible(app, "losses"), "who chooses metrics wants to see them"
        assert line(app, "curves").count("\n") == 3
        assert "0" in ticks(app)


async def test_the_best_values_and_epochs_are_marked(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        drawn = picture(app)
        assert drawn.count("★") >= 2
        assert "┊" in drawn
        assert "◆" in drawn
        assert "★ min 0.5 at 179" in line(app, "curves")


async def test_curves_appear_and_follow_the_file_whatever_it_does(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", until=700, state="running", metrics=False)
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        assert "no values yet" in line(app, "curves")
        await focused(app, pilot)
        await press(app, pilot, "left", "right", "plus", "minus", "h", "l", "up", "down", "0", "r", "r", "s", "y", "y")
        await press(app, pilot, *["s"] * 4, "m", "enter", "ctrl+o", "escape")
        text = (run / "run.json").read_text(encoding="utf-8")
        (run / "run.json").write_text(text.replace('"metrics": null', '"metrics": "metrics.csv"'), encoding="utf-8")
        write_metrics(run / "metrics.csv", metrics_rows(1, 8, 0)[:6])
        await settle(app, pilot)
        assert line(app, "curves").startswith("━ train step 0.3333   ★ min 0.3333 at 5")
        write_metrics(run / "metrics.csv", metrics_rows(2, 8, 1))
        await settle(app, pilot)
        assert [text.split("  ")[0] for text in line(app, "curves").splitlines()] == [
            "━ train step",
            "● train epoch 0.9",
            "◆ validation",
            "■ test",
        ]
        whole = (run / "metrics.csv").read_bytes()
        before = line(app, "curves")
        (run / "metrics.csv").write_bytes(whole[:30])
        await settle(app, pilot)
        assert line(app, "curves") == before
        (run / "metrics.csv").write_text("loss,step\nnan,0\ninf,1\n", encoding="utf-8")
        await settle(app, pilot)
        assert line(app, "curves").strip() == "no value that can be drawn; 2 not finite"
        assert not plot_of(app).display


async def test_a_zoomed_part_stays_while_the_file_grows(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", epochs=4, batches=30)
    live.advance(live.total // 2)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await focused(app, pilot)
        await press(app, pilot, "plus", "plus", "h")
        before = part(app)
        live.advance(live.total)
        await settle(app, pilot)
        assert part(app) == before
        await press(app, pilot, "0")
        assert float(ticks(app)[-1]) >= 100


async def test_nothing_is_drawn_again_without_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    whole = ScenePlot.draw

    def counted(plot: ScenePlot, *told: Any) -> None:
        drawn.append(1)
        whole(plot, *told)

    monkeypatch.setattr(ScenePlot, "draw", counted)
    live = LiveRun(tmp_path / "run")
    live.advance(400)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        drawn.clear()
        live.advance(3)  # spans, but no new row of metrics
        await settle(app, pilot)
        assert not drawn


async def test_rows_at_every_poll_are_drawn_now_and_then_and_to_the_last(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", state="running")
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        seen = []
        for count in range(1, 9):
            write_metrics(run / "metrics" / "metrics.csv", metrics_rows(9, 8, 0)[:count])
            await app.tick()
            await pilot.pause()
            seen.append(re.split(" +", line(app, "curves"))[3])
        assert seen == ["2", "2", "2", "0.5", "0.5", "0.5", "0.2857", "0.2857"]
        await settle(app, pilot)
        assert "0.25" in line(app, "curves")


async def test_hostile_names_control_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    names = ["[bold red]loss[/]", "\x1b[31mloss\x07", "[@click=app.quit]acc"]
    text = ",".join(["step", *names]) + "\n" + "\n".join(f"{i},{i},{i},{i}" for i in range(5)) + "\n"
    (run / "metrics" / "metrics.csv").write_text(text, encoding="utf-8")
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "m", "down", "enter", "escape")
        assert "[bold red]loss[/]" in line(app, "curves")
        assert "\x1b" not in line(app, "curves") + "".join(titles(app))
        assert app.is_running


async def test_another_theme_has_other_colours(app: SessionApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        dark = app.export_screenshot()
        await press(app, pilot, "t")
        assert "#56b4e9" in dark
        assert "#56b4e9" not in app.export_screenshot()


async def test_without_colour_the_curves_are_drawn_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = replay_app(make_run(tmp_path / "run", epochs=3, batches=40), Hands())
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.no_color
        await settle(app, pilot)
        await press(app, pilot, "end")
        await pilot.resize_terminal(80, 24)
        await press(app, pilot, "tab")
        assert app.export_screenshot()
