"""Exporting what is shown: through the real app, into real files."""

import csv
import io
from pathlib import Path

from textual.widgets import Input, Static

from tests.builders import make_run
from tests.tui.driving import Hands, line, live_app, notices, on_top, press, replay_app, settle
from tracer.run import open_run
from tui.app import SessionApp
from tui.saving import save_curves
from tui.screens.saving import SaveScreen

SIZE = (120, 40)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def message(app: SessionApp) -> str:
    return str(app.screen.query_one("#message", Static).render())


async def test_the_whole_timeline_up_to_the_clock(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    app = replay_app(run, Hands(), start="e2")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "x")
        assert app.screen.query_one(Input).value == "run-hooks.csv"
        await press(app, pilot, "enter")
        await app.workers.wait_for_complete()
        assert notices(app) == [f"wrote {tmp_path / 'run-hooks.csv'}"]
        assert not on_top(app, SaveScreen)
    found = table(tmp_path / "run-hooks.csv")
    whole = open_run(run).trace()
    assert 0 < len(found) < len(whole)
    assert [int(row["start_ns"]) for row in found] == whole.start_ns[: len(found)].tolist()
    assert found[-1]["status"] == "open"


async def test_the_log_exports_what_its_filter_lets_through(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pilot.press("slash", *"kind:callback", "enter")
        await settle(app, pilot)
        await press(app, pilot, "x")
        assert "/kind:callback" in str(app.screen.query_one("#what", Static).render())
        await press(app, pilot, *["backspace"] * 40, *"mine.csv", "enter")
        await app.workers.wait_for_complete()
    found = table(tmp_path / "mine.csv")
    trace = open_run(tmp_path / "run").trace()
    expected = [row for row in range(len(trace)) if trace.actions[trace.action[row]].owner_kind == "callback"]
    assert [int(row["seq"]) for row in found] == expected
    assert {row["owner_kind"] for row in found} == {"callback"}


async def test_the_waterfall_exports_its_batch(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v", "x", "enter")
        await app.workers.wait_for_complete()
    found = table(tmp_path / "run-waterfall.csv")
    assert len({(row["stage"], row["epoch"], row["batch"]) for row in found}) == 1
    assert found[0]["hook"] == "train_dataloader_next"


async def test_of_an_epoch_all_calls_are_exported_also_those_that_are_folded(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", batches=20))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "v", "w")
        await press(app, pilot, "x", "enter")
        await app.workers.wait_for_complete()
    found = table(tmp_path / "run-waterfall.csv")
    assert {row["epoch"] for row in found} == {"1"}
    assert {row["batch"] for row in found} == {"", *map(str, range(20))}


async def test_the_output_and_the_curves_are_exported_from_their_panes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", state="running")
    (run / "output.log").write_text("said\nmore\n", encoding="utf-8")
    app = live_app(run)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "o", "x", "enter")
        await app.workers.wait_for_complete()
        app.screen.query_one("#losses-plot").focus()
        await settle(app, pilot)
        await press(app, pilot, "x", "enter")
        await app.workers.wait_for_complete()
    assert (tmp_path / "run-output.txt").read_text(encoding="utf-8") == "said\nmore\n"
    found = table(tmp_path / "run-metrics.csv")
    metrics = open_run(run).metrics()
    assert len(found) == len(metrics)
    assert [row["val_loss"] for row in found if row["val_loss"]] == [
        repr(value) for value in metrics.series("val_loss").values.tolist()
    ]


async def test_what_is_there_is_replaced_only_when_asked_twice(tmp_path: Path) -> None:
    (tmp_path / "run-hooks.csv").write_text("mine", encoding="utf-8")
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "x", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert message(app) == "run-hooks.csv exists: enter once more replaces it"
        assert (tmp_path / "run-hooks.csv").read_text(encoding="utf-8") == "mine"
        await press(app, pilot, "enter")
        await app.workers.wait_for_complete()
    assert len(table(tmp_path / "run-hooks.csv")) == len(open_run(tmp_path / "run").trace())


async def test_a_wrong_place_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        for name, words in (("no/such/x.csv", "there is no directory"), ("run", "run is a directory")):
            await press(app, pilot, "x", *["backspace"] * 40)
            app.screen.query_one(Input).value = name
            await press(app, pilot, "enter")
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert words in message(app)
            await press(app, pilot, "escape")
        assert notices(app) == []
        assert "export" in line(app, "footer")
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


async def test_before_there_is_anything(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "output.log").touch()
    app = live_app(run)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "x")
        assert notices(app) == ["there is nothing to export yet"]


def test_curves_that_are_none() -> None:
    out = io.BytesIO()
    from tracer.run.metrics import Metrics

    save_curves(Metrics(), ()).write(out)
    assert out.getvalue() == b"\r\n"
