"""The filter of the log: what a line means, and that finding piece by piece finds what looking at the whole does."""

from collections.abc import Sequence
from itertools import chain, count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.streams import ACTIONS, STARTED_AT, script_actions, streams
from tests.builders import MS, enter, leave, mark, records, script
from tracer.errors import UsageError
from tracer.run.build import TraceBuilder
from tracer.run.events import Action, Int64Array
from tracer.run.layout import Mark
from tracer.run.trace import Trace
from tui import matches
from tui.filter import LogFilter, Matcher, parse_filter
from tui.matches import AllRows, MatchIndex, Rows
from tui.recording import Recording

QUERIES = (
    *(
        "",
        "hook1",
        "-hook1",
        "h*1,h*2",
        "owner:Owner2",
        "kind:loop,module",
        "overridden",
        "stage:train",
        "-stage:train",
    ),
    *("epoch:1-2", "batch:2-", "-batch:-2", "step:0-3", ">3ns", "<4ns", "self>1ns", "-self>1ns", "error", "-error"),
    *("open", "-open", ">0ns", "hook0,hook2 -kind:callback >2ns -batch:2", "stage:val >0ns"),
)


def trace_of(events: Int64Array, actions: Sequence[Action] = ACTIONS) -> Trace:
    builder = TraceBuilder(0, STARTED_AT)
    builder.feed(events, actions)
    return builder.trace()


def found(trace: Trace, text: str) -> list[int]:
    """Rows that a filter finds, looked at as a whole."""
    matcher = Matcher(parse_filter(text))
    matcher.look_at(trace)
    rows: list[int] = matcher.rows(trace, 0, len(trace)).tolist()
    return rows


@st.composite
def failing_streams(draw: st.DrawFn) -> Int64Array:
    """Streams of calls some of which fail, which is said in the record after."""
    events = draw(streams())
    places = draw(st.lists(st.integers(0, len(events)), max_size=6))
    return np.insert(events, sorted(places), mark(Mark.ERROR, None))


def all_of(rows: Rows) -> list[int]:
    return [rows.row(position) for position in range(len(rows))]


@pytest.fixture
def played() -> Trace:
    play = script(epochs=2, batches=3, test_batches=1)
    return trace_of(records(play.events), script_actions(play))


def hooks(trace: Trace, text: str) -> set[str]:
    return {trace.actions[int(trace.action[row])].label for row in found(trace, text)}


def test_words_find_hooks_and_owners(played: Trace) -> None:
    assert hooks(played, "EARLY on_train_batch_*") == {
        "EarlyStopping.on_train_batch_start",
        "EarlyStopping.on_train_batch_end",
    }
    assert hooks(played, "train_batch_start -checkpoint -kind:strategy") == {
        "EarlyStopping.on_train_batch_start",
        "TinyModel.on_train_batch_start",
    }
    assert hooks(played, "hook:backward") == hooks(played, "*_before_backward,*_after_backward,*.backward")
    assert hooks(played, "=backward") == {"SingleDeviceStrategy.backward"}
    assert hooks(played, "hook:tiny") == set()
    assert hooks(played, "earlystopping.on_fit_start") == {"EarlyStopping.on_fit_start"}
    assert hooks(played, "kind:l") == {
        *("_TrainingEpochLoop.train_dataloader_next", "_EvaluationLoop.val_next", "_EvaluationLoop.test_next"),
        *("run_training_epoch", "run_training_batch"),
    }


def test_places_are_counted_as_on_the_screen(played: Trace) -> None:
    second = found(played, "epoch:2 stage:train batch:1")
    epoch, batch = played.column("epoch")[second], played.column("batch")[second]
    assert set(epoch.tolist()) == {1} and set(batch.tolist()) == {0}
    stages = played.column("stage")
    assert 0 in stages and 3 in stages
    assert not set(stages[found(played, "epoch:1-")].tolist()) & {0, 3}  # their numbers mean something else
    assert set(stages[found(played, "stage:sanity,test")].tolist()) == {0, 3}
    assert found(played, "batch:-2") == found(played, "batch:1-2") == sorted(found(played, "batch:1,2"))
    assert set(played.column("global_step")[found(played, "step:2-")].tolist()) == {2, 3, 4, 5, 6}


def test_durations_and_endings() -> None:
    events = [enter(0, 0), enter(1, 10), leave(1, 1010), mark(Mark.ERROR, None), enter(2, 1010), leave(2, 3010)]
    trace = trace_of(records(events))
    assert found(trace, ">1us") == found(trace, ">1µs") == found(trace, ">1μS") == [1, 2]
    assert found(trace, ">1.5us") == found(trace, ">=1.5us") == [2]
    assert found(trace, "<1us") == [1]
    assert found(trace, "error") == [1] and found(trace, "open") == [0]
    closed = trace_of(records([*events, leave(0, 5000)]))
    assert found(closed, ">4us") == [0] and found(closed, "self>2us") == [0, 2] and found(closed, "self>3us") == []


def test_only_what_the_class_brings_is_overridden() -> None:
    actions = [Action(number, "module", "A", 0, "on_x", brings) for number, brings in enumerate((True, False, None))]
    trace = trace_of(records([event for i in range(3) for event in (enter(i, i), leave(i, i))]), actions)
    assert found(trace, "overridden") == [0] and found(trace, "-overridden") == [1, 2]


def test_instances_of_one_class_can_be_told_apart() -> None:
    actions = [Action(number, "callback", "Timer", number, "on_x") for number in range(2)]
    trace = trace_of(records([enter(0, 0), leave(0, 1), enter(1, 2), leave(1, 3)]), actions)
    assert found(trace, "owner:Timer") == [0, 1] and found(trace, "owner:timer#1") == found(trace, "#1.on_x") == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-", "after - comes what to leave out, as in -on_train_batch_end"),
        ("colour:red", "no 'colour' to filter by: there are batch, epoch, hook, kind, owner, stage, step"),
        ("hook:", "after hook: comes what to look for, as in hook:backward"),
        ("stage:t", "no stage 't': there are sanity_check, train, validate, test, predict"),
        ("kind:human", "no kind 'human': there are callback, module, datamodule, strategy, loop"),
        ("epoch:0", "cannot use epoch:0: epoch counts from 1"),
        ("batch:9-3", "cannot use batch:9-3: the first number is the smaller one"),
        ("batch:x", "cannot read batch:x: write batch:2, batch:2-5 or batch:2-"),
        ("batch:-", "cannot read batch:-: write batch:2, batch:2-5 or batch:2-"),
        (">5", "cannot read >5: write >1ms, with ns, us, ms, s or m"),
        ("<ms", "cannot read <ms: write <1ms, with ns, us, ms, s or m"),
        (",", "around , come names, as in backward,training_step"),
    ],
)
def test_wrong_words_are_named_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter(f"on_fit_start {text}")
    assert str(caught.value) == message


@given(st.text(max_size=40))
def test_any_line_is_a_filter_or_gets_one_plain_line(text: str) -> None:
    try:
        query = parse_filter(text)
    except UsageError as error:
        assert "\n" not in str(error) and "\x1b" not in str(error) and len(str(error)) < 120
    else:
        assert len(query.terms) == len(text.split())
        found(trace_of(records([enter(0, 0), leave(0, 9)])), text)


def test_no_words_are_no_filter() -> None:
    assert parse_filter("  ") == LogFilter()


@given(failing_streams(), st.sampled_from(QUERIES), st.data())
def test_finding_piece_by_piece_finds_the_same(events: Int64Array, text: str, data: st.DataObject) -> None:
    """However the stream is cut and however the clock of a replay jumps, each moment shows what it would alone."""
    moments = data.draw(st.lists(st.integers(0, len(events)), min_size=1, max_size=6))
    whole = trace_of(events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "_BITS", 2)
        patch.setattr(matches, "PIECE", 4)
        index = MatchIndex(parse_filter(text))
        for moment in moments:
            trace = trace_of(events[:moment])
            rows = index.advance(trace, data.draw(st.integers(0, len(whole))), lambda: 0.0, 1.0)
            expected = found(trace, text)
            assert all_of(rows) == expected
            assert rows.looked_at == rows.of == len(trace)
            _check_positions(rows, expected, len(trace))


@given(failing_streams(), st.sampled_from(QUERIES), st.data())
def test_a_run_that_is_rewound_while_it_is_written_shows_the_same(
    events: Int64Array, text: str, data: st.DataObject
) -> None:
    """The moments of a recording share their columns, unlike those above: what is open in one is closed in another."""
    recording, index, query = Recording(STARTED_AT), MatchIndex(parse_filter(text)), parse_filter(text)
    fed = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "_BITS", 2)
        patch.setattr(matches, "PIECE", 4)
        for _ in range(data.draw(st.integers(1, 8))):
            portion = data.draw(st.integers(0, len(events) - fed))
            recording.feed(events[fed : fed + portion], ACTIONS)
            fed += portion
            latest_ns = recording.whole.now_ns
            past = data.draw(st.none() | st.integers(0, latest_ns))
            trace = recording.whole if past is None else recording.at(past).trace
            rows = index.advance(trace, 0, lambda: 0.0, 1.0)
            matcher = Matcher(query)
            matcher.look_at(trace)
            assert all_of(rows) == matcher.rows(trace, 0, len(trace)).tolist()


@pytest.mark.parametrize("text", ["open", "-open", ">3ms", "self<2ms", "hook:run_training -open"])
def test_a_call_that_ends_or_is_open_again_is_looked_at_anew(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches, "_BITS", 2)
    monkeypatch.setattr(matches, "PIECE", 4)
    play = script(epochs=1, batches=2, val_batches=1)
    events, actions = records(play.events), script_actions(play)
    index = MatchIndex(parse_filter(text))
    forwards = list(range(0, len(events), 3))
    for moment in (*forwards, *forwards[::-7], len(events), len(events) // 2, len(events)):
        trace = trace_of(events[:moment], actions)
        assert all_of(index.advance(trace, 0, lambda: 0.0, 1.0)) == found(trace, text)


def _check_positions(rows: Rows, expected: list[int], count: int) -> None:
    for row in range(count):
        assert rows.position(row) == int(np.searchsorted(expected, row))
    for position in range(len(expected)):
        for forward, wanted in ((True, expected[position + 1 :]), (False, expected[:position])):
            seen = [(first, np.arange(count)[part].tolist()) for first, part in rows.stretches(position, forward)]
            assert list(chain.from_iterable(part for _, part in sorted(seen))) == wanted
            assert all(expected[first : first + len(part)] == part for first, part in seen)


def test_every_row_is_a_set_of_rows_too() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "PIECE", 4)
        _check_positions(AllRows(10), list(range(10)), 10)
        assert all_of(AllRows(3)) == [0, 1, 2]


@given(failing_streams(), st.sampled_from(QUERIES), st.data())
def test_a_filter_fills_in_from_where_the_user_looks(events: Int64Array, text: str, data: st.DataObject) -> None:
    trace = trace_of(events)
    near = data.draw(st.integers(0, max(0, len(trace) - 1)))
    expected = found(trace, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "_BITS", 2)
        patch.setattr(matches, "PIECE", 4)
        index = MatchIndex(parse_filter(text))
        ticks = count()
        for number in range(1, -(-len(trace) // 4) + 1):
            rows = index.advance(trace, near, lambda: float(next(ticks)), 0.5)  # time for one piece
            near_rows = [row for row in expected if row >> 2 == near >> 2]
            assert set(near_rows) <= set(all_of(rows)) <= set(expected)
            assert number * 4 - 3 <= rows.looked_at <= number * 4
        assert all_of(index.advance(trace, near, lambda: 0.0, 0.0)) == expected


def test_an_action_that_gets_its_name_late_is_looked_at_again() -> None:
    builder = TraceBuilder(0, STARTED_AT)
    index = MatchIndex(parse_filter("backward"))
    builder.feed(records([enter(0, 0), leave(0, MS)]), ())
    assert len(index.advance(builder.trace(), 0, lambda: 0.0, 1.0)) == 0
    builder.feed(records([]), [Action(0, "strategy", "S", 0, "backward")])
    assert all_of(index.advance(builder.trace(), 0, lambda: 0.0, 1.0)) == [0]


def test_what_a_frame_holds_stays_as_it_is_while_the_index_goes_on() -> None:
    play = script()
    events, actions = records(play.events), script_actions(play)
    index = MatchIndex(parse_filter(">2ms"))
    kept = [
        (rows, all_of(rows))
        for stop in range(0, len(events), 7)
        for rows in [index.advance(trace_of(events[:stop], actions), 0, lambda: 0.0, 1.0)]
    ]
    assert kept[-1][1] and all(all_of(rows) == before for rows, before in kept)
