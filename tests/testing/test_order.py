"""`tracer.testing` on real Trainers: what it records, which orders hold, and what it says of those that do not."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Callback

from tests.record.models import Manual, Mixed, Plain, TwoLoaders, trainer
from tracer import HookTracer, open_run
from tracer.errors import HooktraceError
from tracer.pytest_plugin import HookTrace, hook_trace
from tracer.testing import (
    CallTrace,
    assert_count,
    assert_order,
    directly,
    never,
    recording,
    times,
    trace_fit,
    trace_predict,
    trace_test,
    trace_validate,
)
from tracer.testing.calls import Call, read_calls

__all__ = ["hook_trace"]


class First(Callback):
    """Of two callbacks the one that is given first."""


class Second(First): ...


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> CallTrace:
    root = tmp_path_factory.mktemp("fitted")
    run = trainer(root, [First(), Second(), Second()], enable_checkpointing=False, max_epochs=2)
    return trace_fit(run, Mixed())


@pytest.mark.parametrize("model", [Mixed, Manual, TwoLoaders])
def test_the_calls_are_those_of_the_full_trace(tmp_path: Path, model: type) -> None:
    path = tmp_path / "run"
    trainer(tmp_path, [First(), HookTracer(path)]).fit(model())
    calls = read_calls(path)

    trace = open_run(path).trace()

    spans = [trace.span(row) for row in range(len(trace)) if trace.actions[trace.action[row]].owner != "HookTracer"]
    assert len(calls) == len(spans) > 100
    for call, span in zip(calls, spans, strict=True):
        assert (call.label, call.depth, call.duration_ns) == (span.action.label, span.depth, span.duration_ns)
        assert (call.stage, call.epoch, call.batch) == (span.stage, span.epoch, span.batch)
        assert (call.global_step, call.dataloader, call.kind) == (
            span.global_step,
            span.dataloader,
            span.action.owner_kind,
        )


def test_orders_that_hold(fitted: CallTrace) -> None:
    assert_order(fitted, ["on_fit_start", "on_sanity_check_start", "on_train_start", "on_fit_end"])
    assert_order(
        fitted, ["First.on_train_epoch_end", directly("Second.on_train_epoch_end"), "Mixed.on_train_epoch_end"]
    )
    assert_order(fitted, ["Second#0.on_fit_start", directly("Second#1.on_fit_start"), "module.on_fit_start"])
    assert_order(fitted, ["optimizer_step > SGD.step > training_step", "optimizer_step > backward"])
    assert_order(fitted, ["optimizer_step", directly("SGD.step"), directly("training_step")])
    assert_order(fitted, ["on_train_epoch_start", times(3, "training_step"), "on_train_epoch_end"])
    assert_order(fitted, [times(2, "on_train_epoch_start"), never("on_train_epoch_start"), "on_fit_end"])
    assert_order(fitted, ["on_before_zero_grad", never("on_after_backward"), "strategy.backward"])
    assert_order(
        fitted.where(epoch=1, batch=2, stage="train"), [times(1, "on_train_batch_start"), "on_train_batch_end"]
    )
    assert_order(fitted.where(stage="sanity_check"), [times(2, "validation_step")])


def test_counts(fitted: CallTrace) -> None:
    assert_count(fitted, "training_step", 6)
    assert_count(fitted, "callback.on_train_batch_start", 18)
    assert_count(fitted.where(epoch=0), "Second.on_train_batch_start", 6)
    assert_count(fitted.without("Second"), "callback.on_train_batch_start", 6)
    with pytest.raises(AssertionError, match="expected 5 calls of training_step, but there are 6\n  6 x "):
        assert_count(fitted, "training_step", 5)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (["on_fit_start", "setup"], "step 2 of 2: setup does not come behind on_fit_start; it comes before, as call"),
        (["on_train_epoch_ends"], "is never called\n  did you mean on_train_epoch_end"),
        (["First.training_step"], "is never called\n  training_step is called on SingleDeviceStrategy, but not as"),
        (["on_train_batch_start", directly("training_step")], "comes later, but not directly behind on_train_batch_s"),
        (
            ["on_train_epoch_start", times(4, "training_step"), "on_train_epoch_end"],
            "training_step comes more than 4 times",
        ),
        (["on_train_epoch_start", times(2, "training_step"), "on_train_epoch_end"], "training_step comes more than 2"),
        ([times(7, "training_step")], "training_step comes 6 times"),
        (["on_fit_start", never("training_step"), "on_fit_end"], "training_step must not come here"),
        (["on_fit_start", never("training_step")], "training_step must not come here"),
    ],
)
def test_orders_that_do_not_hold(fitted: CallTrace, steps: list[Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_order(fitted, steps)


def test_a_message_shows_where_it_broke(fitted: CallTrace) -> None:
    with pytest.raises(AssertionError) as failed:
        assert_order(fitted, ["on_train_start", "optimizer_step > backward", directly("on_train_batch_end")])

    lines = str(failed.value).splitlines()
    assert lines[0].startswith("hook order broke at step 3 of 3: on_train_batch_end comes later, but not directly")
    assert lines[3].startswith("     on_train_start  (call ")
    assert lines[5] == "  -> directly on_train_batch_end"
    assert [line.split()[-1] for line in lines if line.startswith("  ->")][1] == "First.on_before_backward"


@pytest.mark.parametrize("text", ["", "a b", "on fit start", "A.b.c.", "> x", "#1.x"])
def test_what_is_no_step(fitted: CallTrace, text: str) -> None:
    with pytest.raises(ValueError, match="is no step of an order"):
        assert_order(fitted, [text])


def test_what_says_nothing(fitted: CallTrace) -> None:
    with pytest.raises(ValueError, match="at least one step"):
        assert_order(fitted, [])
    with pytest.raises(ValueError, match="nothing comes -1 times"):
        times(-1, "on_fit_start")


def _exact(call: Call) -> str:
    """The call and no other owner's: a class without a number means all its instances that are called in a row."""
    return f"{call.owner}#{call.instance}.{call.hook}" if call.owner else call.hook


@given(st.data())
def test_calls_taken_in_order_are_an_order_and_turned_around_none(fitted: CallTrace, data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, len(fitted) - 1), min_size=1, max_size=8)))
    labels = [_exact(fitted.calls[place]) for place in places]

    assert_order(fitted, labels)

    once = [label for label in labels if sum(_exact(call) == label for call in fitted) == 1]
    if len(once) > 1:
        with pytest.raises(AssertionError, match="it comes before"):
            assert_order(fitted, once[::-1])


def test_other_trainer_functions(tmp_path: Path) -> None:
    run = trainer(tmp_path, enable_checkpointing=False)
    assert_count(trace_validate(run, Plain(), verbose=False), "validation_step", 2)
    assert_count(trace_test(run, Plain(), verbose=False), "test_step", 2)
    assert_count(trace_predict(run, Plain()), "predict_step", 2)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    run = trainer(tmp_path, [First()], logger=False, enable_checkpointing=False)
    callbacks = list(run.callbacks)

    trace_fit(run, Plain())

    assert run.callbacks == callbacks
    assert type(run.profiler).__name__ == "PassThroughProfiler"
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]
    assert not list((tmp_path / "temporary").iterdir())


def test_a_training_that_fails_is_recorded_too(tmp_path: Path) -> None:
    class Failing(Plain):
        def on_train_batch_end(self, *args: Any) -> None:
            raise RuntimeError("no")

    run = trainer(tmp_path, enable_checkpointing=False)
    with recording(run) as result, pytest.raises(RuntimeError, match="no"):
        run.fit(Failing())

    failed = [call.label for call in result.trace if call.failed]
    assert failed == ["run_training_epoch", "Failing.on_train_batch_end"]


def test_a_tracer_that_is_there_already_waits(tmp_path: Path) -> None:
    run = trainer(tmp_path, [HookTracer(tmp_path / "own")], enable_checkpointing=False)

    assert_count(trace_fit(run, Mixed()), "training_step", 3)

    assert not (tmp_path / "own").exists()


def test_what_cannot_be_recorded_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer(tmp_path)
    with recording(run) as result, pytest.raises(HooktraceError, match="after the `with` block"):
        _ = result.trace
    with pytest.raises(HooktraceError, match="the trainer ran nothing"):
        _ = result.trace
    monkeypatch.setenv("HOOKTRACE_DISABLED", "1")
    with pytest.raises(HooktraceError, match="HOOKTRACE_DISABLED is set"):
        trace_fit(run, Plain())


def test_the_fixture(hook_trace: HookTrace, tmp_path: Path) -> None:
    run = trainer(tmp_path, enable_checkpointing=False)
    assert_order(hook_trace.fit(run, Plain()), ["on_fit_start", "on_fit_end"])
    with hook_trace.recording(run) as result:
        run.validate(Plain(), verbose=False)
    assert_count(result.trace, "on_validation_start", 2)
