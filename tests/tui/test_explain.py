"""The explained run on the screen: what is folded, why a line stands where it stands, where enter leads, findings."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.builders import LiveRun, make_run
from tests.tui.driving import Hands, line, live_app, notices, on_top, press, replay_app, rows, settle
from tests.tui.looking import line_width, look_at
from tracer.analyze.fold_cut import UNFINISHED
from tracer.analyze.fold_lines import FoldedLine, explain_lines
from tracer.analyze.why import why
from tracer.run import open_run
from tui.app import SessionApp
from tui.behind import Behind
from tui.explained import about_lines, explained_line, shown_rows, tree_rows
from tui.screens.explain import ExplainScreen
from tui.study import Explained, ExplainWish, Studied, Study
from tui.widgets.explained import ExplainedPane
from tui.widgets.lines import Lines
from tui.widgets.log import LogPane

WIDE, SMALL = (120, 40), (80, 24)
ODD = [{"kind": "module", "class": "TinyModel", "others": {"training_epoch_end": "tiny.py:3"}}]
"""Owners in run.json: a method that Lightning no longer calls."""


async def explain(app: SessionApp, pilot: Pilot[Any], *keys: str) -> None:
    """Presses keys, and polls until nothing is left to be worked out."""
    await press(app, pilot, *keys)
    for _ in range(3):
        await asyncio.to_thread(app.study.join)
        await settle(app, pilot)


def folded(app: SessionApp) -> Explained:
    """The loop that is shown."""
    assert app.frame.studied.explained is not None
    return app.frame.studied.explained


def shown(app: SessionApp, name: str) -> str:
    return app.screen.query_one(f"#{name}", Lines).text


def pane(app: SessionApp) -> ExplainedPane:
    return app.screen.query_one(ExplainedPane)


async def test_the_loop_up_to_the_moment_that_is_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", epochs=3)
    app = replay_app(run, Hands(), start="e2b1")
    async with app.run_test(size=WIDE) as pilot:
        await explain(app, pilot)
        assert app.frame.studied == Studied(findings=())  # nobody has asked for the loop
        await explain(app, pilot, "e")
        assert app.frame.trace is not None
        expected = explain_lines(app.frame.trace, open_run(run).info.trainer, callbacks=open_run(run).info.callbacks)
        assert folded(app).lines == expected
        assert "up to 00:00:0" in shown(app, "header")
        assert "for epoch in range(2):" in shown(app, "explained")
        await explain(app, pilot, "escape")
        assert not on_top(app, ExplainScreen) and app.study.wish is None


async def test_the_selected_line_says_why_and_enter_shows_its_latest_call(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=WIDE) as pilot:
        await explain(app, pilot, "e")
        lines = pane(app)
        texts = [one.text for one in folded(app).lines]
        await press(app, pilot, *["down"] * texts.index("on_validation_start"))
        assert lines.selected is not None and lines.selected.line.text == "on_validation_start"
        sentence = why("on_validation_start", lines.selected.line.owner_kind)
        assert sentence is not None and sentence.split()[0] in shown(app, "about")
        assert "EarlyStopping" in shown(app, "about")
        await press(app, pilot, "enter")
        assert not on_top(app, ExplainScreen)
        log, trace = app.screen.query_one(LogPane), app.frame.trace
        assert trace is not None and log.has_focus
        action = next(one for one in trace.actions if one.label == "EarlyStopping.on_validation_start")
        assert log.selected_row == max(row for row in range(len(trace)) if trace.action[row] == action.id)


async def test_enter_takes_away_a_filter_that_hides_the_call(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "slash", *"teardown", "enter")
        await explain(app, pilot, "e")
        await press(app, pilot, "enter")
        assert "this line is no call" in notices(app)[-1]
        await press(app, pilot, "down")
        selected = pane(app).selected
        assert selected is not None
        await explain(app, pilot, "enter")
        trace, log = app.frame.trace, app.screen.query_one(LogPane)
        assert trace is not None and not app.frame.log.query.terms
        assert trace.actions[log.selected_action].hook == selected.line.text


async def test_levels_and_lines_fold(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=WIDE) as pilot:
        await explain(app, pilot, "e")
        whole = pane(app).row_count()
        await press(app, pilot, "minus")
        less = pane(app).row_count()
        assert less < whole
        await press(app, pilot, "plus")
        assert pane(app).row_count() == whole
        await press(app, pilot, "g", "left")
        assert pane(app).row_count() == 1
        await press(app, pilot, "right", "down", "left")
        assert pane(app).cursor == 0 and pane(app).row_count() == whole
        await explain(app, pilot, "o")
        assert app.study.wish == ExplainWish(own=True)
        trace = app.frame.trace
        assert trace is not None and app.frame.info is not None
        assert folded(app).lines == explain_lines(trace, app.frame.info.trainer, overridden_only=True)
        await explain(app, pilot, "o", "d")
        assert folded(app).wish == ExplainWish(details=True)
        assert len(folded(app).lines) >= whole


async def test_a_live_run_is_folded_again_but_not_all_the_time(tmp_path: Path) -> None:
    live, hands = LiveRun(tmp_path / "run", epochs=3, batches=30), Hands()
    live.advance(600)
    app = live_app(live.path)
    app.study.clock = hands
    async with app.run_test(size=SMALL) as pilot:
        await explain(app, pilot, "e")
        first = folded(app)
        assert UNFINISHED in "".join(row.comment or "" for row in first.lines)
        live.advance(600)
        await explain(app, pilot)
        assert folded(app) is first
        hands.seconds += 60
        await explain(app, pilot)
        second = folded(app)
        assert second.spans > first.spans
        live.finish()
        await explain(app, pilot)
        assert folded(app).spans > second.spans
        assert "the whole run" in shown(app, "header")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_findings_are_counted_in_the_session_and_told_beside_the_loop(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = live_app(make_run(tmp_path / "run", owners=ODD))
    async with app.run_test(size=size) as pilot:
        await explain(app, pilot)
        assert ("! 1 finding " if size == WIDE else "! 1 ") in line(app, "header")
        await explain(app, pilot, "e", "tab", "tab")
        assert "training_epoch_end" in shown(app, "findings")
        assert app.screen.query_one("#findings").region.area > 0


async def test_of_a_healthy_run_nothing_is_said(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=WIDE) as pilot:
        await explain(app, pilot)
        assert app.frame.studied.findings == () and "!" not in line(app, "header")
        await explain(app, pilot, "e")
        assert app.screen.query_one("#findings").border_title == "nothing stands out"
        assert "hook" in rows(app, "hooks")


async def test_a_fold_that_fails_costs_only_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise ValueError("no [bold]loop[/]")

    monkeypatch.setattr("tui.study.explain_lines", fail)
    app = live_app(make_run(tmp_path / "run"))
    async with app.run_test(size=SMALL) as pilot:
        await explain(app, pilot, "e")
        assert "cannot explain this run: ValueError: no [bold]loop[/]" in shown(app, "explained")


def test_every_line_fills_its_width_exactly(tmp_path: Path) -> None:
    look = look_at(make_run(tmp_path / "run", callbacks=[f"日本\x1b[31m{number}" for number in range(9)]))
    found = tree_rows(explain_lines(look.trace, {}))
    assert shown_rows(found, {row.index for row in found}) == tuple(row for row in found if row.line.depth == 0)
    assert len({row.key for row in found}) == len(found)
    for width in (30, 58, 76, 120):
        for row in found:
            assert line_width(explained_line(row, width, False)) == width
            for said in about_lines(row.line, "why\x1b[0m", width):
                assert line_width(said) == width and "\x1b" not in said[0][0]


def test_a_condition_has_no_numbers() -> None:
    (row,) = tree_rows([FoldedLine(0, "condition", "if last batch:", comment="why")])
    assert "".join(text for text, _ in explained_line(row, 60, False)).split() == ["if", "last", "batch:", "#", "why"]


def test_what_a_job_raises_reaches_who_takes_it() -> None:
    behind: Behind[int] = Behind()
    assert behind.take() is None
    behind.start(lambda: 1 // 0)
    behind.join()
    with pytest.raises(ZeroDivisionError):
        behind.take()
    behind.start(lambda: 3)
    behind.join()
    assert (behind.take(), behind.take(), behind.busy) == (3, None, False)


def test_nobody_waits_for_a_study_that_has_nothing_to_do() -> None:
    Study().join()


async def test_a_poll_that_comes_before_the_screen_is_there_is_shown_when_it_is(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run"), Hands(), start="e2b1")
    async with app.run_test(size=WIDE) as pilot:
        await explain(app, pilot)
        app.action_explain()
        app.on_session_app_advanced(SessionApp.Advanced(app.frame))
        await pilot.pause()
        assert on_top(app, ExplainScreen)
        assert "nothing stands out" in str(app.screen.query_one("#findings").border_title)
