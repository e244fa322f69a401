"""Places in a run: what people may type, and where that is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, make_run
from tracer.errors import HooktraceError, NotFoundError, UsageError
from tracer.run.reader import open_run
from tracer.run.trace import Trace
from tui.seek import FORMS, AtBatch, AtHook, AtTime, Places, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("1:23", AtTime(83_000_000_000)),
        ("01:02:03.5", AtTime(3_723_500_000_000)),
        ("83.5", AtTime(83_500_000_000)),
        ("83s", AtTime(83_000_000_000)),
        (" 0 ", AtTime(0)),
        ("e2", AtBatch(2, None)),
        ("E2B100", AtBatch(2, 100)),
        ("e2 b100", AtBatch(2, 100)),
        ("b100", AtBatch(None, 100)),
        ("on_validation_start", AtHook("on_validation_start")),
        ("EarlyStopping.on_fit_start", AtHook("EarlyStopping.on_fit_start")),
        ("EarlyStopping#1.on_fit_start", AtHook("EarlyStopping#1.on_fit_start")),
        ("backward", AtHook("backward")),
        ("e2x", AtHook("e2x")),
    ],
)
def test_what_people_write_is_understood(text: str, target: object) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["", "  ", "-5", "1:2:3:4", "e0", "e2b0", "b00", "?", "a b", "[bold]", "\x1b[2J", "٣"])
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    message = str(caught.value)
    assert message.startswith("cannot go to ")
    assert "\n" not in message and "\x1b" not in message
    assert FORMS in message or "counted from 1" in message


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_a_clock_reading_is_that_time(hours: int, minutes: int, seconds: int) -> None:
    expected = AtTime((hours * 3600 + minutes * 60 + seconds) * 10**9)
    assert parse_target(f"{hours}:{minutes:02}:{seconds:02}") == expected


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_epochs_and_batches_are_read_as_written(epoch: int, batch: int) -> None:
    assert parse_target(f"e{epoch}b{batch}") == AtBatch(epoch, batch)


@given(st.text(max_size=30))
def test_parsing_gives_a_target_or_our_own_error(text: str) -> None:
    try:
        target = parse_target(text)
    except UsageError:
        return
    assert isinstance(target, AtTime | AtBatch | AtHook)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    run = make_run(tmp_path_factory.mktemp("seek") / "run", epochs=3, batches=4, val_batches=2, test_batches=2)
    return open_run(run).trace()


@pytest.fixture(scope="module")
def places(trace: Trace) -> Places:
    return Places(trace)


def at(trace: Trace, time_ns: int) -> tuple[str | None, int | None, int | None, str]:
    """Stage, epoch, batch and hook of the innermost span that starts at a time."""
    found = [trace.span(row) for row in range(len(trace)) if trace.start_ns[row] == time_ns]
    assert found, "no span starts there"
    return found[-1].stage, found[-1].epoch, found[-1].batch, found[-1].action.hook


def test_an_epoch_begins_where_its_first_hook_does(trace: Trace, places: Places) -> None:
    assert at(trace, places.find(parse_target("e2"), 0))[:2] == ("train", 1)
    assert at(trace, places.find(parse_target("e1"), 10**15))[3] == "on_train_epoch_start"


def test_a_batch_begins_with_its_loading(trace: Trace, places: Places) -> None:
    assert at(trace, places.find(parse_target("e3b4"), 0)) == ("train", 2, 3, "train_dataloader_next")


def test_a_batch_alone_is_one_of_this_epoch(trace: Trace, places: Places) -> None:
    inside_epoch_2 = places.find(parse_target("e2b3"), 0)
    assert at(trace, places.find(parse_target("b1"), inside_epoch_2))[:3] == ("train", 1, 0)
    assert at(trace, places.find(parse_target("b1"), 0))[:3] == ("train", 0, 0)


def test_a_hook_is_its_next_call_and_after_the_last_its_first(trace: Trace, places: Places) -> None:
    target = parse_target("on_train_epoch_end")
    seen = [places.find(target, 0)]
    for _ in range(8):
        seen.append(places.find(target, seen[-1]))
    assert seen[:9] == sorted(set(seen[:9]))
    owners = places.find(parse_target("EarlyStopping.on_train_epoch_end"), 0)
    assert owners == seen[0]
    assert places.find(target, 10**15) == seen[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("e9", "there is no epoch 9 in this run: it has 3"),
        ("e2b5", "there is no batch 5 in epoch 2: it has 4"),
        ("on_epoch", "no hook 'on_epoch' was called in this run; there is "),
        ("nothing_like_it", "no hook 'nothing_like_it' was called in this run"),
    ],
)
def test_a_place_that_is_not_there_is_named(places: Places, text: str, message: str) -> None:
    with pytest.raises(NotFoundError, match="no ") as caught:
        places.find(parse_target(text), 0)
    assert str(caught.value).startswith(message)


def test_stepping_over_batches_meets_each_once(trace: Trace, places: Places) -> None:
    met, time_ns = [], 0
    while (following := places.batch_after(time_ns)) is not None:
        time_ns = following
        met.append(at(trace, time_ns)[:3])
    assert len(met) == len(set(met[1:])) + 1 == 1 + 3 * (4 + 2) + 2  # the sanity check has its one batch
    back = []
    while (before := places.batch_before(time_ns)) is not None:
        back.append(at(trace, time_ns)[:3])
        time_ns = before
    assert [*back, at(trace, time_ns)[:3]] == met[::-1]


def test_a_step_back_inside_a_batch_goes_to_its_start(places: Places) -> None:
    start = places.batch_after(0)
    assert start is not None
    assert places.batch_before(start + MS) == start


def test_stepping_over_epochs_meets_calls_too(trace: Trace, places: Places) -> None:
    stages, time_ns = [], -1
    while (following := places.epoch_after(time_ns)) is not None:
        time_ns = following
        stages.append(at(trace, time_ns)[:2])
    assert stages == [("train", None), ("train", 0), ("train", 1), ("train", 2), ("train", None), ("test", None)]


def test_stepping_over_hooks_goes_both_ways(trace: Trace, places: Places) -> None:
    action = next(action.id for action in trace.actions if action.hook == "backward")
    first = places.hook_after(action, 0)
    assert first is not None
    second = places.hook_after(action, first)
    assert second is not None
    assert places.hook_before(action, second) == first
    assert places.hook_before(action, first) is None
    assert places.hook_after(action, 10**15) is None


def test_a_run_that_ended_before_any_batch_has_none(tmp_path: Path) -> None:
    places = Places(open_run(make_run(tmp_path / "run", until=12, state="died")).trace())
    assert places.batch_after(0) is None
    with pytest.raises(HooktraceError, match="there is no epoch 1 in this run: it has 0"):
        places.find(parse_target("e1"), 0)
