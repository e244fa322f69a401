"""The inspector: what it says of a hook, its lines, and the source, which it reads from wherever a recording says."""

import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import LiveRun, make_run
from tests.tui.driving import WALL, Hands, live_app, press, replay_app, rows, settle, visible
from tests.tui.looking import Look, line_text, line_width, look_at
from tracer.analyze.figures import ActionFigures
from tracer.analyze.histogram import Trend
from tracer.analyze.stats import hook_stats
from tracer.analyze.why import why
from tracer.run.events import Action
from tui.app import SessionApp
from tui.frame import Session
from tui.inspector import Inspection, Inspector
from tui.inspector_lines import inspector_lines, spread_text, trend_text
from tui.live import LiveFeed
from tui.source import Source, Sources
from tui.widgets.inspector import InspectorPane
from tui.wish import Wish

WIDE, SMALL = (120, 40), (80, 24)
LATER = time.time() + 1e6
CODE = '''"""A module."""


class Model:
    @decorated
    async def on_fit_start(
        self,
    ) -> None:
        """Doc."""
        if True:
            return None

    def on_fit_end(self): ...


hook = lambda self: 1
'''


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(CODE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "lines"), [(5, range(5, 12)), (6, range(6, 12)), (13, range(13, 14)), (16, range(16, 17))]
)
def test_the_source_of_a_function_is_the_whole_of_it_and_no_more(code: Path, line: int, lines: range) -> None:
    source = Sources().of(f"{code}:{line}", LATER)
    assert source == Source(line, tuple(CODE.split("\n")[number - 1] for number in lines))


def test_a_file_that_is_another_version_says_so(code: Path) -> None:
    sources = Sources()
    assert sources.of(f"{code}:8", LATER).note.endswith("line 8 of the file is no function, it is another version")
    assert sources.of(f"{code}:999", LATER).lines == ()
    changed = sources.of(f"{code}:5", 0.0)
    assert changed.lines and changed.note == "the file was changed after the run began"


@pytest.mark.parametrize("place", ["", "x", "model.py:5", "/no/such.py:3", "/etc/passwd:1", "<string>:1", "/a\0b.py:1"])
def test_what_is_no_python_file_of_this_machine_is_not_read(place: str) -> None:
    source = Sources().of(place, LATER)
    assert source.lines == () and source.note.startswith("source not here")
    assert Sources().of(None, LATER).note.startswith("no source")


def test_pipes_directories_and_huge_files_do_no_harm(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "directory.py").mkdir()
    for name in ("pipe.py", "directory.py"):
        assert Sources().of(f"{tmp_path / name}:1", LATER).note.startswith("source not here")
    (tmp_path / "endless.py").write_text("def f():\n" + "    (\n" * 100_000, encoding="utf-8")
    assert len(Sources().of(f"{tmp_path / 'endless.py'}:1", LATER).lines) == 200


@given(st.binary(max_size=300), st.integers(1, 6))
def test_no_content_breaks_it(tmp_path_factory: pytest.TempPathFactory, content: bytes, line: int) -> None:
    path = tmp_path_factory.getbasetemp() / "some.py"
    path.write_bytes(b"def f():\n" + content)
    source = Sources().of(f"{path}:{line}", LATER)
    assert source.lines or source.note
    lines = inspector_lines(Inspection(Action(0, "module", "M", 0, "h"), source=source), 52)
    assert not {"\x1b", "\r", "\n"} & set("".join(map(line_text, lines)))


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    return look_at(make_run(tmp_path_factory.mktemp("runs") / "run", epochs=2, batches=6, callbacks=("A", "B", "C")))


def number_of(look: Look, label: str) -> int:
    return next(action.id for action in look.trace.actions if action.label == label)


def inspected(look: Look, wish: Wish) -> Inspection:
    found = Inspector().inspect(look.trace, look.tree, look.pauses, wish, 0)
    assert found is not None
    return found


def test_what_it_says_of_a_hook(look: Look) -> None:
    found = inspected(look, Wish(number_of(look, "B.on_before_zero_grad")))
    assert [node.label.rpartition(".")[2] for node in found.path] == [
        *("fit", "epoch", "run_training_epoch", "batch", "run_training_batch", "optimizer_step")
    ]
    assert [action.owner for action in found.called] == ["A", "B", "C", "TinyModel"]
    assert (found.places, found.following) == (1, False)
    stat = next(stat for stat in hook_stats(look.trace) if stat.label == "B.on_before_zero_grad")
    assert (found.figures.calls, found.figures.total_ns) == (stat.count, stat.total_ns)
    assert found.source.note.startswith("source not here")


def test_of_several_places_it_is_that_of_the_selected_call(look: Look) -> None:
    number = number_of(look, "A.on_validation_start")
    places = {
        tuple(node.label for node in inspected(look, Wish(number, row)).path)
        for row in range(len(look.trace))
        if int(look.trace.action[row]) == number
    }
    assert len(places) == inspected(look, Wish(number)).places == 2
    assert any("sanity check" in place for place in places)
    assert inspected(look, Wish(number, 10**9)).path, "a row that is none does no harm"


def test_without_a_selection_it_is_the_open_hook(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    part = look_at(run, 200)
    found = inspected(part, Wish())
    assert part.trace.open_rows and found.following
    assert found.action.id == int(part.trace.action[part.trace.open_rows[-1]])
    whole = look_at(run)
    assert Inspector().inspect(whole.trace, whole.tree, whole.pauses, Wish(), 0) is None
    assert inspected(whole, Wish(3)).action.id == 3
    assert Inspector().inspect(whole.trace, whole.tree, whole.pauses, Wish(10**6), 0) is None


def test_a_replay_that_goes_back_forgets(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    early, late = look_at(run, 200), look_at(run)
    inspector, wish = Inspector(), Wish(number_of(late, "TinyModel.optimizer_step"))
    assert inspector.is_new(wish)
    found = [inspector.inspect(at.trace, at.tree, at.pauses, wish, gen) for at, gen in ((late, 0), (early, 1))]
    assert not inspector.is_new(wish)
    assert found[0] is not None and found[1] is not None
    assert repr(found[1].figures) == repr(inspected(early, wish).figures)
    assert found[1].figures.calls < found[0].figures.calls


FIGURES = st.builds(
    ActionFigures,
    calls=st.integers(0, 10**10),
    open=st.integers(0, 3),
    errors=st.integers(0, 10**6),
    total_ns=st.integers(0, 10**18),
    self_ns=st.integers(0, 10**18),
    mean_ns=st.one_of(st.none(), st.floats(0, 1e16)),
    p50_ns=st.one_of(st.none(), st.floats(0, 1e16)),
    p95_ns=st.one_of(st.none(), st.floats(0, 1e16)),
    max_ns=st.one_of(st.none(), st.integers(0, 10**16)),
    min_ns=st.one_of(st.none(), st.integers(0, 10**16)),
    spread=st.lists(st.integers(0, 100), max_size=24).map(tuple),
    trend=st.builds(Trend, st.integers(1, 10**9), st.lists(st.floats(0, 1e9), max_size=64).map(tuple)),
)
ACTIONS = st.builds(
    Action,
    st.integers(0, 9),
    st.sampled_from(["callback", "module", "strategy", "loop", "alien"]),
    st.text(max_size=60),
    st.integers(0, 2),
    st.text(max_size=60),
    st.sampled_from([True, False, None]),
    st.one_of(st.none(), st.text(max_size=80), st.just("/a/very/long/path/to/some/model/file.py:123")),
    st.one_of(st.none(), st.text(max_size=100)),
    st.one_of(st.none(), st.text(max_size=40)),
)


@given(ACTIONS, FIGURES, st.lists(ACTIONS, max_size=6), st.integers(30, 120))
def test_every_line_fills_its_width_and_controls_nothing(
    action: Action, figures: ActionFigures, called: list[Action], width: int
) -> None:
    inspection = Inspection(action, called=tuple(called), figures=figures, run_ns=10**9, places=2)
    lines = inspector_lines(inspection, width)
    assert len(lines) >= 7
    for line in lines:
        assert line_width(line) == width
        assert not {"\x1b", "\n", "\r", "\u202e"} & set(line_text(line))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=24), st.integers(1, 30))
def test_a_spread_shows_whatever_is_there(spread: list[int], width: int) -> None:
    text = spread_text(spread, width)
    assert len(text) == min(width, len(spread))
    if width >= len(spread):
        assert [mark != " " for mark in text] == [count > 0 for count in spread]


def test_a_trend_is_true_to_time() -> None:
    nan = math.nan
    assert trend_text(Trend(10, (1.0, 1.0, nan, 9.0)), 60, 12) == "▁▁·█··"
    assert trend_text(Trend(10, (nan, 5.0)), 20, 12) == "·▄"
    assert trend_text(Trend(10, (1.0, 3.0, 9.0, 9.0)), 40, 2) == "▁█"
    assert trend_text(Trend(), 100, 10) == ""


def test_what_it_says_fits_the_pane(look: Look) -> None:
    found = inspected(look, Wish(number_of(look, "B.on_before_zero_grad")))
    own = replace(
        found.action,
        defined_at="/home/me/project/callbacks.py:12",
        defined_by="B",
        doc="Before :meth:`~a.b.zero_grad`.",
    )
    texts = [line_text(line).rstrip() for line in inspector_lines(replace(found, action=own), 52)]
    assert texts[:6] == [
        "what   Before zero_grad.",
        "whose  * B  /home/me/project/callbacks.py:12",
        "where  … › run_training_batch › optimizer_step",
        "with   C A*  C B*  C C*  M TinyModel",
        "calls  12  total 12ms  self 12ms = 2.3% of the run",
        "takes  mean 1.0ms  p50 1.0ms  p95 1.0ms  max 1.0ms",
    ]
    sentence = why("on_before_zero_grad", "callback")
    assert sentence is not None and found.why == sentence
    shown = [text[7:] for text in texts[7:] if text[:7] in ("why    ", "       ")]
    assert len(shown) > 1 and " ".join(shown) == sentence, "it is whole, however narrow the pane"


def pane(app: SessionApp) -> InspectorPane:
    return app.screen_stack[0].query_one(InspectorPane)


def shown(app: SessionApp) -> Inspection:
    """What it shows. (A function, since a type checker believes that it stays so.)"""
    inspection = app.frame.inspection
    assert inspection is not None
    return inspection


async def test_it_follows_the_cursor_of_every_pane(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=700, state="running"))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        assert visible(app, "inspector")
        assert shown(app).following
        for name, keys in (("loop", ("g", "down", "down")), ("waterfall", ("v", "down")), ("log", ("v", "G", "up"))):
            await press(app, pilot, *keys)
            focused = app.screen.focused
            assert focused is not None and focused.id == name
            assert not shown(app).following
            assert shown(app).action.id == app.frame.wish.action
            assert shown(app).action.label in str(pane(app).border_title)
        await press(app, pilot, "v", "f")
        assert shown(app).following


async def test_i_hides_and_shows_it(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=700, state="running"))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "i")
        assert not visible(app, "inspector") and visible(app, "waterfall")
        await press(app, pilot, "i")
        assert visible(app, "inspector") and not visible(app, "waterfall")


async def test_on_a_small_screen_it_is_a_pane_of_its_own(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run"), Hands(), start="e2b2")
    async with app.run_test(size=SMALL) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "i")
        assert visible(app, "inspector") and not visible(app, "loop")
        assert app.screen.focused is pane(app)
        await press(app, pilot, "full_stop", "right_curly_bracket")
        assert rows(app, "inspector").startswith("what ")
        await press(app, pilot, "i")
        assert visible(app, "loop")


async def test_the_source_is_below_and_scrolls(tmp_path: Path, code: Path) -> None:
    live = LiveRun(tmp_path / "run")
    actions = live.path / "actions-0.jsonl"
    entries = [json.loads(line) for line in actions.read_text(encoding="utf-8").splitlines()]
    changed = [entry | {"defined_at": f"{code}:5", "doc": None} for entry in entries]
    actions.write_text("".join(f"{json.dumps(entry)}\n" for entry in changed), encoding="utf-8")
    live.advance(100)
    app = live_app(live.path)
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "g", "down")
        assert "↓ why, source" in str(pane(app).border_subtitle)
        assert "no docstring" in rows(app, "inspector")
        await press(app, pilot, "tab")
        assert app.screen.focused is pane(app)
        selected = shown(app).action
        await press(app, pilot, "G")
        assert "async def on_fit_start(" in rows(app, "inspector")
        assert shown(app).action == selected, "whoever reads on still looks at the same hook"
        await press(app, pilot, "g")
        assert rows(app, "inspector").startswith("what")


async def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    evil = "[bold red]Evil[/] \x1b[2J"
    app = live_app(make_run(tmp_path / "run", callbacks=(evil,)))
    async with app.run_test(size=WIDE) as pilot:
        await settle(app, pilot)
        await press(app, pilot, "g", "down")
        assert "Evil" in rows(app, "loop")
        assert shown(app).action.owner == evil
        assert "\x1b" not in rows(app, "inspector") + str(pane(app).border_title)
        assert "Evil" in str(pane(app).border_title)
        assert "\x1b" not in app.export_screenshot()


def test_what_is_followed_keeps_still_while_much_happens_and_is_current_once_nothing_does(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", batches=60)
    live.advance(50)
    session = Session(LiveFeed(live.path, lambda: WALL), live.path)
    seen = []
    for _ in range(20):
        live.advance(7)
        seen.append(session.poll().inspection)
    assert 1 < len({id(inspection) for inspection in seen}) <= 4
    frame = session.poll()
    assert frame.inspection is not None and frame.trace is not None
    open_row = frame.trace.open_rows[-1]
    assert frame.inspection.action.id == int(frame.trace.action[open_row])
    assert session.poll().inspection is frame.inspection, "nothing changed: nothing to paint"
    session.wish = Wish(action=0)
    live.advance(7)
    assert session.poll().inspection is not frame.inspection, "what the user asks for does not wait"
