"""The rows of the log as text, and the ways from one to another; no terminal needed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.analyze.streams import ACTIONS, script_actions, streams
from tests.builders import MS, enter, leave, mark, records, script
from tests.tui.test_filter import found, trace_of
from tracer.errors import NotFoundError, UsageError
from tracer.run.events import Action, Int64Array
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER, Mark
from tracer.run.trace import Trace
from tui.filter import parse_filter
from tui.jump import next_call, position_of
from tui.log import LogView, columns_of, log_header, log_line
from tui.matches import AllRows, MatchIndex
from tui.seek import AtBatch, AtHook, AtTime
from tui.text import Line

PLAY = script(epochs=2, batches=3, test_batches=1)


def view_of(trace: Trace, text: str = "") -> LogView:
    query = parse_filter(text)
    if not query.terms:
        return LogView(trace, AllRows(len(trace)))
    return LogView(trace, MatchIndex(query).advance(trace, 0, lambda: 0.0, 1.0), query)


@pytest.fixture
def played() -> LogView:
    return view_of(trace_of(records(PLAY.events), script_actions(PLAY)))


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def lines(view: LogView, width: int = 100) -> list[str]:
    return [text_of(log_line(view, position, columns_of(view, width))) for position in range(len(view))]


def test_it_says_which_rows_were_chosen(played: LogView) -> None:
    assert played.trace is not None and played.chosen is None
    chosen = view_of(played.trace, "backward").chosen
    assert chosen is not None and chosen.tolist() == found(played.trace, "backward")
    nothing = view_of(trace_of(records([])), "backward").chosen
    assert nothing is not None and not len(nothing)


@given(streams(), st.integers(40, 220), st.sampled_from(["", "hook1,hook2"]))
def test_every_row_fills_exactly_its_width(events: Int64Array, width: int, text: str) -> None:
    view = view_of(trace_of(events), text)
    columns = columns_of(view, width)
    assert cell_len(text_of(log_header(columns))) == width
    for position in range(len(view)):
        assert cell_len(text_of(log_line(view, position, columns))) == width


def test_a_row_says_when_where_who_and_how_long(played: LogView) -> None:
    assert played.trace is not None
    row = found(played.trace, "EarlyStopping.on_train_batch_start epoch:2 batch:2")[0]
    shown = log_line(played, row, columns_of(played, 140))
    where = f"00:00.{int(played.trace.start_ns[row]) // 1000:06}"
    assert text_of(shown).split() == [
        *("│", where, "train", "e2b2", "s4", "C", "on_train_batch_start", "EarlyStopping", "1.00", "ms", "1.00", "ms"),
    ]
    assert {role: text for text, role in shown}["callback"] == "C "
    narrow = text_of(log_line(played, row, columns_of(played, 54)))
    assert narrow.split() == ["│", where[:9], "e2b2", "C", "on_train_batch_start", "1.0ms"]


def test_the_rail_shows_the_rhythm_of_batches_and_epochs(played: LogView) -> None:
    assert played.trace is not None
    rail = [shown[0] for shown in lines(played)]
    contexts = played.trace.column("batch"), played.trace.column("epoch"), played.trace.column("stage")
    changed = [row for row in range(1, len(rail)) if any(column[row] != column[row - 1] for column in contexts)]
    assert rail[0] == "╞"
    assert {row for row in range(1, len(rail)) if rail[row] != "│"} <= set(changed)
    batches = [row for row in changed if contexts[0][row] >= 0 and rail[row] == "├"]
    assert len(batches) == 1 + 2 * (3 + 2) + 1  # sanity check, two epochs with validation, test
    # Under a filter that shows one call a batch, every row is another batch.
    each = [shown[0] for shown in lines(view_of(played.trace, "hook:run_training_batch"))]
    assert each == ["╞", "├", "├", "╞", "├", "├"]


def test_open_and_failed_calls_are_marked() -> None:
    events = [enter(0, 0), enter(1, MS), leave(1, 2 * MS), mark(Mark.ERROR, None), enter(2, 3 * MS)]
    shown = lines(view_of(trace_of(records(events))))
    assert "▶L run" not in shown[0] and "▶" in shown[0] and "✗" in shown[1] and "▶" in shown[2]
    assert shown[0].endswith(" " * 10) and "1.00 ms" in shown[1]


def test_a_pause_is_no_call_of_the_loop() -> None:
    actions = (Action(0, "loop", "", 0, "run_training_epoch"), Action(1, "loop", PAUSE_OWNER, 0, PAUSE_HOOK))
    events = records([enter(0, 0), enter(1, MS), leave(1, 3 * MS), leave(0, 4 * MS)])
    view = view_of(trace_of(events, actions))
    assert "‖ paused ╌╌╌" in lines(view)[1] and "2.00 ms" in lines(view)[1]
    assert ("warn" in [role for _, role in log_line(view, 1, columns_of(view, 80))]) and "hooktrace" not in lines(view)[
        1
    ]


def test_long_runs_show_hours() -> None:
    view = view_of(
        trace_of(records([enter(0, 3_599 * 10**9), leave(0, 3_661_234_567_891), enter(1, 3_662_000_001_000)]))
    )
    assert lines(view, 60)[0].split()[1:3] == ["00:59:59.000", "C"]
    assert lines(view, 140)[1].split()[1] == "01:01:02.000001"


def test_hostile_names_stay_text() -> None:
    hostile = Action(0, "callback", "\x1b[2J[bold]\u202eX", 0, "on\n\t\x07_x")
    view = view_of(trace_of(records([enter(0, 0), leave(0, 1)]), (hostile,)))
    for width in (40, 80, 200):
        shown = lines(view, width)[0]
        assert cell_len(shown) == width
        assert not set(shown) & set("\x1b\n\t\x07\u202e")
    assert "\x1b" not in replace(view_of(view.trace or trace_of(records([])), "on\x1b"), trace=view.trace).title


def test_the_title_counts(played: LogView) -> None:
    assert played.trace is not None
    total = len(played.trace)
    assert played.title == f"log · {total} calls"
    assert view_of(played.trace, "backward").title == f"log · 42 of {total} calls · /backward"
    part = MatchIndex(parse_filter("backward")).advance(played.trace, 0, lambda: 0.0, 1.0)
    searching = LogView(played.trace, replace(part, looked_at=total // 2, of=total), parse_filter("backward"))
    assert searching.searching and "so far, 50" in searching.title
    assert LogView().title == "log · 0 calls"


@given(streams(), st.sampled_from(["", "hook1,hook2,hook3", "-hook1"]), st.data())
def test_the_next_call_is_the_nearest(events: Int64Array, text: str, data: st.DataObject) -> None:
    view = view_of(trace_of(events), text)
    actions = data.draw(st.lists(st.integers(0, len(ACTIONS) - 1), max_size=2, unique=True))
    here = data.draw(st.integers(0, max(0, len(view) - 1)))
    calls = [position for position in range(len(view)) if view.action(position) in actions]
    known = 0 if view.trace is None else len(view.trace.actions)
    actions = [action for action in actions if action < known]
    assert next_call(view, here, actions, True) == next((call for call in calls if call > here), None)
    assert next_call(view, here, actions, False) == next((call for call in reversed(calls) if call < here), None)


def test_places_are_found_by_row(played: LogView) -> None:
    trace = played.trace
    assert trace is not None
    row = position_of(played, AtBatch(2, 3), 0)
    assert trace.column("epoch")[row] == 1 and trace.column("batch")[row] == 2 and trace.column("batch")[row - 1] != 2
    assert position_of(played, AtBatch(None, 3), row) == row
    assert position_of(played, AtBatch(None, 3), 0) < row
    assert trace.column("epoch")[position_of(played, AtBatch(2, None), 0)] == 1
    time_ns = int(trace.start_ns[row])
    assert position_of(played, AtTime(time_ns), 0) == int(np.searchsorted(trace.start_ns, time_ns))
    hook = position_of(played, AtHook("run_training_batch"), row)
    assert hook > row and trace.actions[played.action(hook)].hook == "run_training_batch"
    assert position_of(played, AtHook("run_training_batch"), len(played) - 1) < row  # from the start again


def test_places_under_a_filter_are_the_next_that_it_shows(played: LogView) -> None:
    assert played.trace is not None
    view = view_of(played.trace, "hook:run_training_batch")
    assert position_of(view, AtBatch(2, 2), 0) == 4
    assert position_of(view, AtTime(played.trace.now_ns), 0) == len(view) - 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (AtTime(10**12), "the log ends at 0.3 s"),
        (AtBatch(9, None), "there is no epoch 9 in this run: it has 2"),
        (AtBatch(1, 9), "there is no batch 9 in epoch 1: it has 3"),
        (AtHook("on_fit_stop"), "no hook 'on_fit_stop' was called in this run"),
        (AtHook("run_training_epoch"), "the filter hides every call of run_training_epoch"),
    ],
)
def test_places_that_are_not_there_are_said(played: LogView, target: AtTime | AtBatch | AtHook, message: str) -> None:
    assert played.trace is not None
    with pytest.raises((NotFoundError, UsageError)) as caught:
        position_of(view_of(played.trace, "hook:run_training_batch"), target, 0)
    assert str(caught.value) == message


def test_an_empty_log_has_no_places() -> None:
    assert next_call(LogView(), 0, [0], True) is None
    with pytest.raises(NotFoundError, match="the log is empty"):
        position_of(LogView(), AtTime(0), 0)
