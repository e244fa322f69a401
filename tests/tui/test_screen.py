"""The real app, driven by keys: what the panes show, live, at every size, and with names that mean harm."""

import re
from pathlib import Path

import pytest
from textual.content import Content
from textual.strip import Strip
from textual.widgets import Static

from tests.builders import LiveRun, Script, make_run
from tests.tui.driving import Hands, line, live_app, on_top, press, replay_app, rows, settle, visible
from tracer.errors import HooktraceError, NotARunError, NotFoundError
from tui.actions import ACTIONS, HEADINGS, actions_for, of_every_screen
from tui.app import SessionApp
from tui.header import STARTING_TEXT
from tui.layout import PANES
from tui.picture import main as picture_main
from tui.player import BACKWARD
from tui.screens.dialogs import HelpScreen
from tui.widgets.lines import Lines

WIDE, SMALL = (120, 40), (80, 24)


async def test_a_live_run_is_shown_while_it_grows(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "convnet", epochs=3, batches=30, val_batches=3)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        live.advance(600)
        await settle(app, pilot)
        header = line(app, "header")
        assert header.startswith(" convnet · fit · train · epoch 1/3 · batch ")
        assert "/30 · step " in header
        assert header.rstrip().endswith("● live")
        before = re.search(r"batch (\d+)/30", header)
        assert "▶" in rows(app, "loop")
        assert re.search(r"epoch +━.*it/s", line(app, "progress"))
        assert rows(app, "hooks").splitlines()[0].split() == ["hook", "self", "share", "mean", "p95", "trend"]
        assert len(rows(app, "hooks").splitlines()) > 5
        assert rows(app, "inspector").startswith("what ")
        live.advance(200)
        await settle(app, pilot)
        after = re.search(r"batch (\d+)/30", line(app, "header"))
        assert before and after and int(after[1]) > int(before[1])
        live.finish()
        await settle(app, pilot)
        assert line(app, "header").rstrip().endswith("■ finished")
        assert "▶" not in rows(app, "loop")


async def test_every_line_fits_the_screen(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a-run-with-quite-a-long-name-that-somebody-chose", until=500, state="running")
    for size in (WIDE, SMALL, (200, 60), (109, 31)):
        app = live_app(run)
        async with app.run_test(size=size) as pilot:
            await settle(app, pilot)
            for name in ("header", "footer"):
                assert len(line(app, name)) <= size[0]
                assert line(app, name).strip()
            assert "? help" in line(app, "footer") and "q quit" in line(app, "footer")


async def test_before_the_run_says_anything_its_output_is_shown(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "output.log").write_bytes(b"downloading\rGPU available: False\n")
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        assert line(app, "header").rstrip().endswith("◌ starting")
        assert STARTING_TEXT in rows(app, "loop")
        assert visible(app, "output") and rows(app, "output") == f"{'GPU available: False':<56}"
        LiveRun(run).advance(300)
        await settle(app, pilot)
        assert line(app, "header").rstrip().endswith("● live")
        assert visible(app, "hooks") and not visible(app, "output")


@pytest.mark.parametrize(
    ("state", "mark", "notice"),
    [
        ("died", "✗ died", "died in run_training_epoch: the process is gone"),
        ("failed", "✗ failed", "failed in run_training_epoch: RuntimeError: boom"),
        ("interrupted", "✗ interrupted", "interrupted in run_training_epoch"),
    ],
)
async def test_how_a_run_ended_is_said_plainly(tmp_path: Path, state: str, mark: str, notice: str) -> None:
    play = LiveRun(tmp_path / "scratch").play
    inside = next(index for index, event in enumerate(play.events) if _leaves(play, event, "train_dataloader_next"))
    app = live_app(make_run(tmp_path / "run", until=inside + 1, state=state))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        assert line(app, "header").rstrip().endswith(mark)
        assert visible(app, "notice")
        assert notice in line(app, "notice")


def _leaves(play: Script, event: int, hook: str) -> bool:
    return any(name == hook and ~number == event >> 52 for (_, _, name), number in play.actions.items())


async def test_a_hook_that_takes_long_is_named(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    live.advance(101)
    app = SessionApp(live.path, wall=lambda: 1767323045.678901 + 60, tick_s=None)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        assert re.search(r"in \S+: nothing else was called for 60\.0 s", line(app, "notice"))


async def test_the_view_key_cycles_through_the_views(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        seen = []
        for _ in range(4):
            seen.append([name for name in ("loop", "waterfall", "log") if visible(app, name)])
            await press(app, pilot, "v")
        assert seen == [["loop"], ["waterfall"], ["log"], ["loop"]]


async def test_the_cursor_moves_folds_and_stops_following(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    live.advance(250)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "g")
        assert "fit" in rows(app, "loop").splitlines()[1]
        whole = rows(app, "loop")
        await press(app, pilot, "enter")
        folded = rows(app, "loop").splitlines()
        assert len(folded) == 2 and "▸ fit" in folded[1]
        await press(app, pilot, "enter")
        assert rows(app, "loop") == whole
        live.advance(100)
        await settle(app, pilot)
        assert "fit" in rows(app, "loop").splitlines()[1], "a pane that the user moved must stay"
        await press(app, pilot, "j", "down", "k")
        assert app.screen.query_one("#loop").border_title == "the loop · f follows the open hook"
        await press(app, pilot, "f")
        assert app.screen.query_one("#loop").border_title == "the loop"
        assert "▶" in rows(app, "loop")
        await press(app, pilot, "z")
        assert "▸" in rows(app, "loop")
        await press(app, pilot, "z", "pagedown", "pageup", "G")
        assert "▸" not in rows(app, "loop")


async def test_tab_goes_through_the_panes(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        order = []
        for _ in range(5):
            order.append(app.screen.focused.id if app.screen.focused else None)
            await press(app, pilot, "tab")
        assert order == ["loop", "inspector", "losses-plot", "hooks", "loop"]
        await press(app, pilot, "shift+tab")
        assert app.screen.focused is not None and app.screen.focused.id == "loop"


async def test_the_output_takes_the_place_of_the_slowest_hooks(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", until=500, state="running")
    (run / "output.log").write_bytes(b"\x1b[1mhello\x1b[0m [bold]x[/bold]\n" + b"Epoch 0:  10%\rEpoch 0: 100%\n")
    app = live_app(run)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        assert visible(app, "hooks") and not visible(app, "output")
        await press(app, pilot, "o")
        assert visible(app, "output") and not visible(app, "hooks")
        assert [text.rstrip() for text in rows(app, "output").splitlines()] == ["hello [bold]x[/bold]", "Epoch 0: 100%"]
        await press(app, pilot, "o")
        assert visible(app, "hooks")


async def test_a_small_terminal_shows_one_pane_at_a_time(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    panes = ["loop", "waterfall", "log", "inspector", "losses", "hooks", "output"]
    async with app.run_test(size=SMALL) as pilot:
        await settle(app, pilot)
        for expected in [*panes, "loop"]:
            assert [name for name in panes if visible(app, name)] == [expected]
            assert visible(app, "progress-narrow") and "epoch" in line(app, "progress-narrow")
            await press(app, pilot, "tab")
        await press(app, pilot, "shift+tab", "v")
        assert visible(app, "waterfall")
        await press(app, pilot, "o")
        assert visible(app, "output")


async def test_a_terminal_too_small_says_so_and_recovers(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    async with app.run_test(size=(60, 20)) as pilot:
        await settle(app, pilot)
        message = app.screen.query_one("#too-small", Static)
        assert message.region.area == 60 * 20
        assert str(message.render()) == "terminal is 60x20; hooktrace needs at least 80x24"
        assert not visible(app, "header") and not visible(app, "loop")
        await pilot.resize_terminal(*SMALL)
        await settle(app, pilot)
        assert not visible(app, "too-small") and visible(app, "loop")
        await pilot.resize_terminal(*WIDE)
        await settle(app, pilot)
        assert visible(app, "loop") and visible(app, "losses") and visible(app, "hooks")
        assert rows(app, "loop").strip()


async def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    evil = "[bold red]Evil[/] \x1b[2J"
    run = make_run(tmp_path / "[bold]run", callbacks=(evil,), state="failed", exception="[red]no\x1b[31m\nway")
    app = live_app(run)
    async with app.run_test(size=(200, 50)) as pilot:
        await settle(app, pilot)
        assert line(app, "header").startswith(" [bold]run ·")
        assert "[red]no·[31m·way" in line(app, "notice")
        assert "[bold red]Evil[/] ·[2J" in rows(app, "loop")
        assert "[/]" in rows(app, "loop")
        for text in (rows(app, "loop"), rows(app, "hooks"), rows(app, "waterfall"), line(app, "notice")):
            assert "\x1b" not in text
        assert "\x1b" not in app.export_screenshot()


async def test_help_lists_every_key_from_the_table(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run"), Hands())
    async with app.run_test(size=WIDE) as pilot:
        await press(app, pilot, "question_mark")
        assert on_top(app, HelpScreen)
        content = app.screen.query_one("#keys", Static).content
        assert isinstance(content, Content)
        for action in ACTIONS:
            assert action.tooltip in content.plain and action.display in content.plain
        assert all(heading in content.plain for heading in HEADINGS.values())
        await press(app, pilot, "escape")
        assert not on_top(app, HelpScreen)


async def test_every_action_of_the_table_is_bound_with_its_id(tmp_path: Path) -> None:
    bound = set()
    live = make_run(tmp_path / "live", until=500, state="running")
    for app in (replay_app(make_run(tmp_path / "run"), Hands()), live_app(live)):
        async with app.run_test(size=WIDE) as pilot:
            await settle(app, pilot)
            for pane in PANES.values():
                app.screen.query_one(f"#{pane.focus}").focus()
                await pilot.pause()
                bound |= {active.binding.id for active in app.screen.active_bindings.values()}
            await press(app, pilot, "e")
            bound |= {active.binding.id for active in app.screen.active_bindings.values()}
    bound |= {action.id for action in actions_for("runs", "listed")}  # of another app, and of one that it opened
    assert {action.id for action in ACTIONS} <= bound
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for where in HEADINGS:
        around = of_every_screen() if where.startswith("expla") or where == "runs" else actions_for("session")
        here = [action for action in actions_for(where) if action not in around]
        keys = [key for action in (*around, *here) for key in action.keys.split(",")]
        assert len(set(keys)) == len(keys), f"a key does two things at once: {where}"


async def test_keys_that_go_on_do_nothing_at_the_latest_of_a_live_run(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        before = line(app, "header")
        for action in actions_for("transport"):
            if action.id not in BACKWARD:
                await pilot.press(action.keys.split(",")[0])
        await settle(app, pilot)
        assert line(app, "header") == before
        assert "play" not in line(app, "footer")
        assert line(app, "transport").startswith(" ●  live ")


async def test_the_palette_offers_the_actions(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run"), Hands())
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        commands = {command.title: command for command in app.get_system_commands(app.screen)}
        assert len(commands) == len(actions_for("transport", "session")) + 1
        await commands["Go to the end of the run"].callback()
        await settle(app, pilot)
        assert line(app, "header").rstrip().endswith("■ finished")
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert type(app.screen).__name__ == "CommandPalette"


async def test_a_picture_is_saved_where_one_is(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "S")
    [picture] = Path().glob("*.svg")
    assert picture.read_text(encoding="utf-8").startswith("<svg")


async def test_a_failing_poll_is_said_and_survived(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    live.advance(200)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        good = (live.path / "run.json").read_bytes()
        (live.path / "run.json").write_text('{"schema": 99}', encoding="utf-8")
        await settle(app, pilot)
        assert "cannot read the run, trying again" in line(app, "notice")
        assert "schema 99" in line(app, "notice")
        assert "fit" in line(app, "header")
        (live.path / "run.json").write_bytes(good + b" ")
        await settle(app, pilot)
        assert not visible(app, "notice")


async def test_nothing_is_painted_when_nothing_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[str | None] = []
    render_line = Lines.render_line

    def count(self: Lines, y: int) -> Strip:
        painted.append(self.id)
        return render_line(self, y)

    monkeypatch.setattr(Lines, "render_line", count)
    live = LiveRun(tmp_path / "run")
    live.advance(300)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await settle(app, pilot)
        painted.clear()
        await settle(app, pilot)
        assert painted == []
        live.advance(8)
        await settle(app, pilot)
        assert "loop" in painted and "footer" not in painted and "output" not in painted


def test_what_cannot_be_opened_is_an_error_before_the_screen(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        live_app(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotARunError):
        live_app(tmp_path / "empty")
    with pytest.raises(NotARunError):
        replay_app(tmp_path / "empty", Hands())
    run = make_run(tmp_path / "run")
    with pytest.raises(HooktraceError, match="there is no epoch 7"):
        replay_app(run, Hands(), start="e7")
    with pytest.raises(HooktraceError, match="cannot go to"):
        replay_app(run, Hands(), start="??")


def test_pictures_are_made_without_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    out = tmp_path / "screen.svg"
    assert picture_main([str(run), str(out), "--size", "100x30", "--at", "e2b2"]) == 0
    svg = out.read_text(encoding="utf-8")
    assert svg.startswith("<svg") and "epoch&#160;2/2" in svg
    assert picture_main([str(run), str(out)]) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == svg
    assert picture_main([str(tmp_path / "nowhere"), str(out), "--force"]) == 1
    assert picture_main([str(run), str(out), "--force", "--live", "--keys", "o"]) == 0
    assert "finished" in out.read_text(encoding="utf-8")


async def test_what_is_missing_of_a_recording_is_said(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", dropped="recording stopped: OSError: [Errno 28] No space left on device"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(app, pilot)
        assert line(app, "notice").startswith(" incomplete: recording stopped: OSError: [Errno 28] No space left")
