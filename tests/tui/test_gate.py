"""The keys that hold a training: the real app on one side of the real control page, a trainer's end on the other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.builders import LiveRun
from tests.tui.driving import line, live_app, notices, on_top, press, rows, settle, visible
from tracer.run.breakpoints import parse_breakpoint
from tracer.run.control import REFUSALS, RELEASES, Asked, ControlPage, Release, Reply, Request
from tracer.run.layout import INSPECT_FILE, write_json
from tui.app import SessionApp
from tui.frame import Frame
from tui.gate import DELAYS_NS
from tui.header import notice_line
from tui.screens.breakpoints import BreakpointScreen
from tui.sight import read_sight

SIZE = (120, 40)
EVIL = "[bold]x[/] \x1b[2J<script>"


def sight(stop: int, **changes: Any) -> dict[str, Any]:
    """An inspect.json as the trainer writes it."""
    action = {"owner_kind": "callback", "owner": "EarlyStopping", "hook": "on_train_batch_end"}
    return {
        "stop": stop,
        "why": "asked",
        "side": "before",
        "action": action,
        "stack": [{"owner_kind": "loop", "owner": "", "hook": "run_training_epoch"}],
        "arguments": [{"name": "batch", "kind": "Tensor 32×1×28×28 float32 cpu"}],
        "result": None,
        "batch": [{"path": "batch[0]", "kind": "Tensor 32×1×28×28 float32 cpu"}],
        "learning_rates": [{"optimizer": "Adam", "number": 0, "group": 0, "lr": 0.001}],
        "gradients": {"total": 1.25, "count": 8, "largest": [{"name": "conv.weight", "norm": 1.0}]},
        "metrics": {"train_loss": 0.5},
        "notes": [],
        "ranks": 1,
    } | changes


class Trainer:
    """The trainer's end of the page: it answers what it is asked."""

    def __init__(self, run: LiveRun) -> None:
        self.run = run
        self.page = ControlPage(run.path)

    def asked(self) -> Asked:
        found = self.page.take()
        assert found is not None, "nothing was asked"
        return found

    def expect(self, request: Request) -> Asked:
        found = self.asked()
        assert found.code == request
        assert self.page.take() is None
        return found

    def stop_at(self, request: Asked, **changes: Any) -> None:
        """Pauses, as training does when it has reached what was asked for."""
        self.page.say_paused(True)
        write_json(self.run.path / INSPECT_FILE, sight(self.page.stops, **changes))
        self.page.say_shown()
        self.page.answer(request, Reply.DONE)

    def go_on(self, request: Asked) -> None:
        self.page.say_paused(False)
        self.page.answer(request, Reply.DONE)


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Trainer]:
    run = LiveRun(tmp_path / "run")
    run.advance(200)
    end = Trainer(run)
    yield end
    end.page.close()


def mark(app: SessionApp) -> str:
    """How the header says the run stands."""
    return line(app, "header").rstrip().rpartition("  ")[2]


async def pause(app: SessionApp, pilot: Pilot[Any], trainer: Trainer, **changes: Any) -> None:
    await press(app, pilot, "space")
    trainer.stop_at(trainer.expect(Request.PAUSE), **changes)
    await settle(app, pilot)


async def test_space_pauses_shows_what_there_is_and_lets_go(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert "space pause" in line(app, "footer") and "n next hook" in line(app, "footer")
        await press(app, pilot, "space")
        assert mark(app) == "◌ pausing…"
        trainer.stop_at(trainer.expect(Request.PAUSE))
        await settle(app, pilot)
        assert mark(app) == "‖ paused"
        assert "the training is paused before EarlyStopping.on_train_batch_end" in line(app, "notice")
        assert visible(app, "paused") and not visible(app, "hooks")
        shown = rows(app, "paused")
        for words in ("run_training_epoch", "batch[0]", "32×1×28×28", "Adam", "0.001", "all 8", "1.25", "conv.weight"):
            assert words in shown
        await press(app, pilot, "space")
        trainer.go_on(trainer.expect(Request.CONTINUE))
        await settle(app, pilot)
        assert mark(app) == "● live"
        assert visible(app, "hooks") and not visible(app, "paused")


async def test_a_second_space_takes_a_pause_back(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "space", "space")
        assert [trainer.asked().code, trainer.asked().code] == [Request.PAUSE, Request.CONTINUE]


@pytest.mark.parametrize(
    ("key", "request_code", "words"),
    [("n", Request.STEP, "◌ to the next hook…"), ("N", Request.STEP_BATCH, "◌ to the next batch…")],
)
async def test_steps(trainer: Trainer, key: str, request_code: Request, words: str) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pause(app, pilot, trainer)
        await pilot.press(key)
        await settle(app, pilot)
        asked = trainer.expect(request_code)
        trainer.page.say_paused(False)
        await settle(app, pilot)
        assert mark(app) == words
        trainer.stop_at(asked, action={"owner_kind": "module", "owner": "Net", "hook": "backward"})
        await settle(app, pilot)
        assert "paused before Net.backward" in line(app, "notice")
        assert app.screen.query_one("#paused").border_title == "paused · stop 2"


async def test_continue_lets_go(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pause(app, pilot, trainer)
        await press(app, pilot, "c")
        trainer.go_on(trainer.expect(Request.CONTINUE))
        await settle(app, pilot)
        assert mark(app) == "● live"


async def test_slow_motion_goes_through_its_steps(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        seen = []
        for key in ("[", "[", "[", "[", "[", "]"):
            await pilot.press({"[": "left_square_bracket", "]": "right_square_bracket"}[key])
            await settle(app, pilot)
            asked = trainer.expect(Request.SET)
            seen.append(trainer.page.delay_ns())
            trainer.page.say_delay(seen[-1])
            trainer.page.answer(asked, Reply.DONE)
        assert seen == [*DELAYS_NS[1:], DELAYS_NS[-1], DELAYS_NS[-2]]
        await settle(app, pilot)
        assert mark(app) == "● slow: 200 ms"


async def test_breakpoints_are_added_refused_and_removed(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "b")
        assert on_top(app, BreakpointScreen)
        field = app.screen.query_one(Input)
        field.value = "on_train_start when=3"
        await press(app, pilot, "enter")
        assert "there is no 'when'" in str(app.screen.query_one("#message", Static).render())
        for text in ("TinyModel.backward epoch=1 batch>=2", "on_validation_start"):
            field.value = text
            await press(app, pilot, "enter")
        expected = tuple(map(parse_breakpoint, ("TinyModel.backward epoch=1 batch>=2", "on_validation_start")))
        assert trainer.page.breakpoints() == expected
        assert app.screen.query_one(OptionList).option_count == 2
        await press(app, pilot, "down", "delete")
        assert trainer.page.breakpoints() == expected[1:]
        await press(app, pilot, "escape", "b")
        assert app.screen.query_one(OptionList).option_count == 1
        await press(app, pilot, "ctrl+x")
        assert trainer.page.breakpoints() == ()
        app.screen.query_one(Input).value = ""
        await press(app, pilot, "enter")
        assert not on_top(app, BreakpointScreen)


async def test_the_dialog_begins_with_the_selected_hook_and_completes(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        while (hook := app.screen.query_one("#loop").selected_action) < 0:  # type: ignore[attr-defined]
            await press(app, pilot, "j")
        await press(app, pilot, "b")
        trace = app.frame.trace
        assert trace is not None
        assert app.screen.query_one(Input).value == trace.actions[hook].hook
        app.screen.query_one(Input).value = "on_train_batch_e"
        await pilot.pause()
        await press(app, pilot, "end", "right")
        assert app.screen.query_one(Input).value == "on_train_batch_end"


async def test_a_breakpoint_that_stops_is_named(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pause(app, pilot, trainer, why="breakpoint on_train_batch_end epoch=1")
        assert "breakpoint on_train_batch_end epoch=1" in line(app, "notice")


async def test_refusals_and_releases_are_said(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "space")
        trainer.page.answer(trainer.expect(Request.PAUSE), Reply.SEVERAL_HOSTS)
        await settle(app, pilot)
        assert mark(app) == "● live"
        await pause(app, pilot, trainer)
        trainer.page.say_released(Release.RANKS_WAITED)
        trainer.page.say_paused(False)
        await settle(app, pilot)
        assert notices(app) == [
            f"not held: {REFUSALS[Reply.SEVERAL_HOSTS]}",
            f"training goes on: {RELEASES[Release.RANKS_WAITED]}",
        ]


async def test_nobody_listens(tmp_path: Path) -> None:
    run = LiveRun(tmp_path / "run")
    run.advance(200)
    app = live_app(run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "space")
        assert ["does not listen" in notice for notice in notices(app)] == [True]
        assert mark(app) == "● live"


async def test_leaving_lets_the_training_go(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pause(app, pilot, trainer)
        await press(app, pilot, "b")
        app.screen.query_one(Input).value = "on_train_end"
        await press(app, pilot, "enter", "escape", "left_square_bracket")
        assert trainer.page.breakpoints() and trainer.page.delay_ns()
        await press(app, pilot, "q", "l")
    codes = []
    while (asked := trainer.page.take()) is not None:
        codes.append(asked.code)
    assert codes[-1] == Request.CONTINUE
    assert trainer.page.breakpoints() == () and trainer.page.delay_ns() == 0


async def test_every_poll_is_a_sign_of_life(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pause(app, pilot, trainer)
        beats = set()
        for _ in range(3):
            await app.tick()
            beats.add(trainer.page.viewer().beat)
        assert len(beats) == 3


async def test_a_rewound_screen_moves_in_time_and_holds_nothing(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "comma")
        assert "rewound" in mark(app)
        await press(app, pilot, "space", "n", "N", "left_square_bracket")
        assert trainer.page.take() is None
        await press(app, pilot, "end", "n")
        trainer.expect(Request.STEP)


async def test_a_small_terminal_has_a_tab_for_it(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        assert "paused" not in line(app, "tabs")
        await pause(app, pilot, trainer)
        assert "paused" in line(app, "tabs")
        await press(app, pilot, "shift+tab")
        assert visible(app, "paused") and "conv.weight" in rows(app, "paused")
        await press(app, pilot, "c")
        trainer.go_on(trainer.expect(Request.CONTINUE))
        await settle(app, pilot)
        assert visible(app, "hooks") and "paused" not in line(app, "tabs")


async def test_hostile_texts_are_shown_as_they_are(trainer: Trainer) -> None:
    named = {"owner_kind": EVIL, "owner": EVIL, "hook": EVIL}
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pause(app, pilot, trainer, why=f"breakpoint {EVIL}", action=named, stack=[named], metrics={EVIL: EVIL})
        assert "[bold]x[/]" in rows(app, "paused") and "\x1b" not in rows(app, "paused")
        assert "\x1b" not in app.export_screenshot().replace("\x1b]", "")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"action": 3, "stop": 1}',
        '{"action": {"hook": 1}, "stop": 1}',
        '{"action": {"hook": "x"}, "stop": "1"}',
        "[" * 99999,
    ],
)
def test_a_file_that_is_something_else_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / INSPECT_FILE).write_text(content, encoding="utf-8")
    assert read_sight(tmp_path) is None


def test_wrong_parts_of_a_file_are_passed_over(tmp_path: Path) -> None:
    wrong = sight(
        1, stack=[1, {"hook": 3}], arguments="x", batch=[[]], learning_rates=[3], gradients=[], metrics=[], notes=[1]
    )
    (tmp_path / INSPECT_FILE).write_text(json.dumps(wrong), encoding="utf-8")
    found = read_sight(tmp_path)
    assert found is not None
    assert (found.stack, found.arguments, found.batch, found.learning_rates) == ((), (), (), ())
    assert (found.gradients, found.metrics, found.notes) == ((), (), ())


async def test_the_palette_offers_what_holds_a_training(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        commands = {command.title: command for command in app.get_system_commands(app.screen)}
        await commands["Pause the training at the next hook, or let it go on"].callback()
        await settle(app, pilot)
        trainer.expect(Request.PAUSE)
        await press(app, pilot, "comma")
        assert not any("Pause the training" in command.title for command in app.get_system_commands(app.screen))


async def test_a_training_that_died_while_it_was_paused_is_not_paused_any_more(trainer: Trainer) -> None:
    app = live_app(trainer.run.path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pause(app, pilot, trainer)
        assert visible(app, "paused")
        trainer.run.finish("failed")
        await settle(app, pilot)
        assert mark(app) == "✗ failed"
        assert visible(app, "hooks") and not visible(app, "paused")


def test_where_a_training_died_is_said_of_a_pause_too() -> None:
    for hook, words in (("hooktrace.paused", "died while it was paused: "), ("Net.forward", "died in Net.forward: ")):
        said = notice_line(Frame(state="died", open_hook=hook), 100)
        assert said is not None and said[0][0].strip().startswith(words)
