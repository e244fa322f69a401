"""Bars, rates and times left: laws over generated streams, and what real trainings come to."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch.callbacks import ModelCheckpoint, Timer

from tests.analyze.streams import ACTIONS, STARTED_AT, script_actions, streams
from tests.builders import MS, Script, enter, leave, mark, records, run_json, script
from tests.record.models import Plain, TwoLoaders, trainer
from tests.record.test_context import Unsized
from tests.tui.measuring import progress_of
from tracer import HookTracer
from tracer.run.build import TraceBuilder
from tracer.run.events import Action, ActionTail, EventTail, Int64Array
from tracer.run.info import RunInfo, read_info
from tracer.run.layout import MAX_ACTIONS, PAUSE_HOOK, PAUSE_OWNER, RUN_FILE, TIME_BITS, Mark, write_json
from tracer.run.reader import open_run
from tracer.run.trace import Trace
from tui.bars import progress_lines
from tui.progress import Bar, Progress, ProgressMeter

S = 10**9


def info(**changes: Any) -> RunInfo:
    """What run.json says, with these trainer arguments."""
    return replace(_any_info(), trainer={"max_epochs": 3} | changes)


@cache
def _any_info() -> RunInfo:
    with TemporaryDirectory() as directory:
        write_json(Path(directory) / RUN_FILE, run_json("running"))
        return read_info(Path(directory))


def trace_of(events: Int64Array, actions: Sequence[Action] = ACTIONS) -> Trace:
    """The trace of a whole stream."""
    builder = TraceBuilder(0, STARTED_AT)
    builder.feed(events, actions)
    return builder.trace()


def with_pauses(events: Sequence[int], number: int, pauses: dict[int, int], open_at: int | None = None) -> list[int]:
    """The stream with pauses: action `number` before the events at these places, for so many ns each.

    With `open_at` it ends in a pause that is not over, at that place.
    """
    shifted: list[int] = []
    shift, now_ns = 0, 0
    for place, event in enumerate(events):
        code, value = event >> TIME_BITS, event & ((1 << TIME_BITS) - 1)
        if place == open_at:
            return [*shifted, enter(number, now_ns + shift)]
        if code >= MAX_ACTIONS:
            shifted.append(event)
            continue
        now_ns = value
        if place in pauses:
            shifted += [enter(number, now_ns + shift), leave(number, now_ns + shift + pauses[place])]
            shift += pauses[place]
        shifted.append(event + shift)
    return shifted


@st.composite
def planned_streams(draw: st.DrawFn) -> Int64Array:
    """Any stream, with plans, pauses and trainer calls anywhere."""
    values = draw(streams()).tolist()
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from([Mark.PLANNED, Mark.CALL]))
        values.insert(draw(st.integers(0, len(values))), mark(kind, draw(st.integers(0, 3))))
    return records(values)


@given(
    planned_streams(),
    st.lists(st.integers(0, 140), max_size=4),
    st.integers(0, 10**12),
    st.fixed_dictionaries(
        {},
        optional={
            "max_epochs": st.sampled_from([-1, 1, 3, None, "many"]),
            "max_steps": st.integers(-1, 9),
            "accumulate_grad_batches": st.integers(1, 4),
            "max_time": st.floats(0, 100) | st.just(math.nan) | st.none(),
        },
    ),
)
def test_no_bar_is_overfull_and_no_time_left_senseless(
    events: Int64Array, cuts: list[int], wait_ns: int, arguments: dict[str, Any]
) -> None:
    actions = [*ACTIONS[:-1], replace(ACTIONS[-1], owner_kind="loop", owner=PAUSE_OWNER, hook=PAUSE_HOOK)]
    builder, meter = TraceBuilder(0, STARTED_AT), ProgressMeter()
    for portion in np.split(events, sorted(min(cut, len(events)) for cut in cuts)):
        builder.feed(portion, actions)
        meter.advance(builder.trace())
    trace = builder.trace()
    progress = meter.progress(info(**arguments), trace.now_ns + wait_ns)
    assert progress == progress_of(trace, info(**arguments), trace.now_ns + wait_ns), "however the stream was cut"
    for bar in progress.bars:
        assert bar.done >= 0
        assert bar.total is None or bar.done <= bar.total
        assert bar.share is None or 0 <= bar.share <= 1
        assert bar.rate_per_s is None or 0 < bar.rate_per_s < math.inf
        assert bar.left_s is None or 0 <= bar.left_s < math.inf
    for line in progress_lines(progress, 60, "running"):
        assert sum(len(text) for text, _ in line) == 60


PLAYED = script(epochs=3, batches=6, val_batches=3, test_batches=2)
PAUSE = Action(len(PLAYED.actions), "loop", PAUSE_OWNER, 0, PAUSE_HOOK)


@given(st.dictionaries(st.integers(0, 1200), st.integers(0, 5 * S), max_size=6), st.integers(0, 1200))
def test_pauses_change_nothing_but_the_clock(pauses: dict[int, int], until: int) -> None:
    events = PLAYED.events[:until]
    actions = [*script_actions(PLAYED), PAUSE]
    calm = trace_of(records(events), actions)
    slowed = trace_of(records(with_pauses(events, PAUSE.id, pauses)), actions)
    assert progress_of(calm, info(), calm.now_ns) == progress_of(slowed, info(), slowed.now_ns)


@given(st.integers(150, 1000), st.integers(0, 3600 * S))
def test_while_it_is_paused_nothing_moves(place: int, wait_ns: int) -> None:
    actions = [*script_actions(PLAYED), PAUSE]
    events = PLAYED.events[:place]
    pausing = with_pauses([*events, 0], PAUSE.id, {}, open_at=place)
    paused = trace_of(records(pausing), actions)
    before = trace_of(records([*pausing, leave(PAUSE.id, paused.now_ns)]), actions)
    stood = progress_of(paused, info(), paused.now_ns + wait_ns)
    assert stood.paused
    assert stood.bars == progress_of(before, info(), before.now_ns).bars
    if stood.bars:
        assert all("‖ paused" in "".join(text for text, _ in line) for line in progress_lines(stood, 70, "running"))
        assert not any("paused" in "".join(text for text, _ in line) for line in progress_lines(stood, 70, "died"))


def plays(
    batches: Sequence[int],
    length: int | None,
    first_ns: int = 10 * MS,
    val_ns: int = 0,
    epoch: int = 0,
    first_batch: int = 0,
) -> Script:
    """A fit of epochs with so many batches of 10 ms each, a validation after each epoch that takes `val_ns`."""
    play = Script(callbacks=(), hook_ns=10 * MS)
    play.mark(call=0, stage=1)
    for count in batches:
        play.mark(stage=1, epoch=epoch, batch=None, planned=length)
        play.span("module", "Model", "on_train_epoch_start")
        for batch in range(first_batch, first_batch + count):
            play.mark(batch=batch, step=(length or 0) * epoch + batch)
            play.hook_ns = first_ns if batch == first_batch else 10 * MS
            play.span("loop", "", "run_training_batch")
        if val_ns:
            play.mark(stage=2, batch=0, planned=1)
            play.hook_ns = val_ns
            play.span("strategy", "S", "validation_step")
        play.hook_ns, epoch, first_batch = 10 * MS, epoch + 1, 0
    return play


def bars_of(play: Script, now_ns: int | None = None, **arguments: Any) -> dict[str, Bar]:
    trace = trace_of(records(play.events), script_actions(play))
    progress = progress_of(trace, info(**arguments), trace.now_ns if now_ns is None else now_ns)
    return {bar.label: bar for bar in progress.bars}


def test_a_slow_first_batch_is_forgotten_after_a_few() -> None:
    assert bars_of(plays([5], 100, first_ns=2 * S))["epoch"].rate_per_s == pytest.approx(100)
    assert bars_of(plays([5], 100, first_ns=2 * S))["epoch"].left_s == pytest.approx(0.95)
    assert bars_of(plays([2], 100))["epoch"].rate_per_s == pytest.approx(100)
    assert bars_of(plays([1], 100))["epoch"].rate_per_s is None


def test_the_epochs_rate_is_known_from_the_epoch_before() -> None:
    bar = bars_of(plays([20, 1], 20, val_ns=5 * S))["epoch"]
    assert (bar.done, bar.total) == (1, 20)
    assert bar.rate_per_s == pytest.approx(100)
    assert bar.left_s == pytest.approx(0.19)


@pytest.mark.parametrize("done", [0.1, 0.5, 0.9])
def test_the_fits_time_left_has_the_validations_to_come(done: float) -> None:
    begun = int(20 * done)
    whole_ns = plays([20] * 5, 20, val_ns=3 * S).now_ns
    play = plays([20, 20, begun], 20)
    play = plays([20, 20], 20, val_ns=3 * S)
    rest = plays([begun], 20, epoch=2)
    play.events += [
        event + play.now_ns if event >> TIME_BITS < MAX_ACTIONS else event for event in rest.events[2:]
    ]  # the names of its actions are the first of the other's
    left_s = bars_of(play, max_epochs=5)["fit"].left_s
    assert left_s == pytest.approx((whole_ns - play.now_ns - rest.now_ns) / S, rel=0.05)


def test_a_validation_does_not_slow_the_epoch_it_interrupts() -> None:
    play = plays([12], 20, val_ns=9 * S)
    bars = bars_of(play)
    assert list(bars) == ["validation", "epoch", "fit"]
    assert (bars["validation"].done, bars["validation"].total) == (1, 1)
    assert bars["epoch"].rate_per_s == pytest.approx(100)


def test_without_lengths_there_are_counts_and_rates_only() -> None:
    bars = bars_of(plays([7], None), max_epochs=-1)
    assert (bars["epoch"].done, bars["epoch"].total, bars["epoch"].left_s) == (7, None, None)
    assert bars["epoch"].rate_per_s == pytest.approx(100)
    assert (bars["fit"].done, bars["fit"].total, bars["fit"].left_s) == (7, None, None)
    steps = bars_of(plays([7], None), max_epochs=-1, max_steps=10, accumulate_grad_batches=2)["fit"]
    assert (steps.done, steps.total) == (7, 20)
    assert steps.left_s == pytest.approx(0.13)


def test_max_time_ends_a_fit_by_the_wall_clock() -> None:
    play = plays([7], None)
    bar = bars_of(play, max_epochs=-1, max_time=60.0)["fit"]
    assert bar.left_s == pytest.approx(60 - play.now_ns / S)
    assert bars_of(play, now_ns=100 * S, max_epochs=-1, max_time=60.0)["fit"].left_s == 0
    assert bars_of(plays([7], 20), max_epochs=1, max_time=60.0)["fit"].left_s == pytest.approx(0.13)
    line = "".join(text for text, _ in progress_lines(Progress(bars=(bar,)), 60, "running")[0])
    assert line.endswith("1:00") and "╌╌" in line


@pytest.mark.parametrize(
    ("length", "accumulated", "steps", "batches"),
    [(10, 4, 5, 18), (10, 4, 6, 20), (10, 5, 3, 15), (10, 1, 7, 7), (8, 16, 2, 16)],
)
def test_steps_are_batches_as_lightning_accumulates(length: int, accumulated: int, steps: int, batches: int) -> None:
    bars = bars_of(plays([3], length), max_epochs=-1, max_steps=steps, accumulate_grad_batches=accumulated)
    assert bars["fit"].total == batches


def test_a_fit_resumed_within_an_epoch_is_as_far_as_it_was() -> None:
    bars = bars_of(plays([4], 20, epoch=3, first_batch=10), max_epochs=5)
    assert (bars["epoch"].done, bars["epoch"].total) == (14, 20)
    assert (bars["fit"].done, bars["fit"].total) == (74, 100)
    assert bars["fit"].left_s == pytest.approx(0.26)


def told(run_dir: Path) -> dict[str, tuple[int, int | None]]:
    """Of each label, what its bar came to while the run was followed; done and total."""
    run = open_run(run_dir)
    events, actions = EventTail(run_dir).read(), ActionTail(run_dir).read()
    builder, meter = TraceBuilder(0, run.info.started_at), ProgressMeter()
    seen: dict[str, tuple[int, int | None]] = {}
    for first in range(0, len(events), 3):
        builder.feed(events[first : first + 3], actions)
        trace = builder.trace()
        meter.advance(trace)
        seen |= {bar.label: (bar.done, bar.total) for bar in meter.progress(run.info, trace.now_ns).bars}
    return seen


def test_real_trainings_come_to_what_they_planned(tmp_path: Path) -> None:
    model, run = TwoLoaders(), trainer(tmp_path, [HookTracer(tmp_path / "run")], max_epochs=2, limit_val_batches=1.0)
    run.fit(model)
    run.test(model, verbose=False)
    run.predict(model)
    run.validate(model, verbose=False)
    assert told(tmp_path / "run") == {
        "sanity check": (4, 4),  # two batches of each of the two loaders
        "epoch": (3, 3),
        "fit": (6, 6),
        "test": (2, 2),
        "predict": (2, 2),
        "validation": (5, 5),
    }


def test_a_real_training_without_length_ends_by_time_or_steps(tmp_path: Path) -> None:
    run = trainer(
        tmp_path,
        [HookTracer(tmp_path / "run")],
        limit_train_batches=1.0,
        max_epochs=-1,
        max_steps=8,
        max_time="01:00:00:00",
    )
    run.fit(Unsized())
    assert open_run(tmp_path / "run").info.trainer["max_time"] == 86_400
    seen = told(tmp_path / "run")
    assert seen["fit"] == (8, 8)
    assert seen["epoch"] == (3, None)


def test_a_real_resumed_training_goes_on_where_it_was(tmp_path: Path) -> None:
    checkpoints = ModelCheckpoint(tmp_path / "ckpt", filename="{step}", every_n_train_steps=7, save_top_k=-1)
    trainer(tmp_path, [checkpoints], limit_train_batches=5, max_epochs=2).fit(Plain())
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")], limit_train_batches=5, max_epochs=3)
    run.fit(Plain(), ckpt_path=tmp_path / "ckpt" / "step=7.ckpt")
    path = tmp_path / "run"
    events, actions = EventTail(path).read(), ActionTail(path).read()
    moments = (progress_of(trace_of(events[:end], actions), open_run(path).info, 0) for end in range(1, len(events)))
    first = next(moment for moment in moments if moment.batch and moment.stage == "train")
    assert [(bar.label, bar.done, bar.total) for bar in first.bars] == [("epoch", 3, 5), ("fit", 8, 15)]
    assert told(path)["fit"] == (15, 15)


def test_the_users_own_timer_counts_as_max_time(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run"), Timer("00:00:01:30")], limit_train_batches=1).fit(Plain())
    assert open_run(tmp_path / "run").info.trainer["max_time"] == 90
