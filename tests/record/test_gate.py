"""Pausing, stepping, breakpoints and slow motion: a real training, driven through the real control page."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, seed_everything
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.profilers import SimpleProfiler

from tests.record.gating import Meeting, Remote, training
from tests.record.models import Manual, Mixed, Plain, TwoLoaders, trainer, weights
from tracer import HookTracer, open_run
from tracer.run.breakpoints import parse_breakpoint
from tracer.run.control import Release, Reply, Request
from tracer.run.layout import PAUSE_HOOK
from tracer.run.trace import Trace

MS = 1_000_000


def _begin(remote: Remote) -> None:
    """Stops the training before it has got anywhere, so that the test says what happens next."""
    assert remote.ask(Request.PAUSE) is Reply.DONE


def _tracer(tmp_path: Path) -> list[Callback]:
    return [Meeting(tmp_path / "run"), HookTracer(tmp_path / "run")]


def _labels(sight: dict[str, Any]) -> list[str]:
    return [f"{entry['owner']}.{entry['hook']}" for entry in sight["stack"]]


def _label(trace: Trace, row: int) -> str:
    action = trace.actions[int(trace.action[row])]
    return f"{action.owner}.{action.hook}"


def _pauses(trace: Trace) -> list[int]:
    return [row for row in range(len(trace)) if trace.actions[int(trace.action[row])].hook == PAUSE_HOOK]


def _ancestors(trace: Trace, row: int) -> list[str]:
    found = []
    while (row := int(trace.parent[row])) >= 0:
        found.append(_label(trace, row))
    return found[::-1]


def _in_order(trace: Trace) -> list[str]:
    """All calls in the order in which they began, without the pauses."""
    return [_label(trace, row) for row in range(len(trace)) if not _label(trace, row).endswith(f".{PAUSE_HOOK}")]


@pytest.mark.parametrize("model", [Mixed, Manual, TwoLoaders])
def test_stepping_goes_from_hook_to_hook_and_shows_where_it_is(model: type[Plain], tmp_path: Path) -> None:
    run = trainer(tmp_path, [*_tracer(tmp_path), EarlyStopping("x", strict=False)], max_epochs=1)
    seen = []
    with training(lambda: run.fit(model()), tmp_path / "run") as remote:
        _begin(remote)
        for _ in range(130):
            sight = remote.stop(Request.STEP)
            seen.append(sight)
            assert sight["side"] == "before"
            assert sight["why"] == "step"
    trace = open_run(tmp_path / "run").trace()
    pauses = _pauses(trace)[1:]
    assert len(pauses) == len(seen)
    hooks = [f"{sight['action']['owner']}.{sight['action']['hook']}" for sight in seen]
    for row, sight, hook in zip(pauses, seen, hooks, strict=True):
        assert _ancestors(trace, row) == _labels(sight)
        assert _label(trace, row + 1) == hook, "a pause is followed by the hook before which it stopped"
        where = sight["where"]
        span = trace.span(row + 1)
        assert (span.stage, span.epoch, span.batch, span.global_step) == tuple(where.values())
    first = _in_order(trace).index(hooks[0])
    assert hooks == _in_order(trace)[first : first + len(hooks)], "no hook is passed over"


def test_pause_stops_at_either_side(tmp_path: Path) -> None:
    """Armed by a breakpoint far away, each pause stops at the very next boundary, and that may be where a hook ends."""
    run = trainer(tmp_path, _tracer(tmp_path), max_epochs=40)
    sides: set[str] = set()
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote)
        remote.viewer.set_breakpoints((parse_breakpoint("never"),))
        while sides != {"before", "after"}:
            remote.ask(Request.CONTINUE)
            sides.add(remote.stop(Request.PAUSE)["side"])
    assert open_run(tmp_path / "run").state == "finished"


def test_batches_are_stepped_through_stages(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path), max_epochs=2)
    places = []
    with training(lambda: run.fit(TwoLoaders()), tmp_path / "run") as remote:
        _begin(remote)
        for _ in range(9):
            sight = remote.stop(Request.STEP_BATCH)
            places.append(tuple(sight["where"].values())[:3])
            assert sight["why"] == "batch"
    val = [("validate", 0, batch) for batch in (0, 1)]
    assert places[:2] == [("sanity_check", None, 0), ("sanity_check", None, 1)]
    assert places[4:7] == [("train", 0, 0), ("train", 0, 1), ("train", 0, 2)]
    assert places[7:9] == val


def test_breakpoints_stop_where_their_conditions_hold(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path), max_epochs=3)
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote)
        wanted = ("forward stage=validate epoch=1", "SGD.step step=4", "on_train_epoch_end epoch>=2")
        remote.answer(remote.viewer.set_breakpoints(tuple(map(parse_breakpoint, wanted))))
        hits = [remote.next_stop() for _ in range(4)]
        assert [hit["why"] for hit in hits] == [f"breakpoint {wanted[index]}" for index in (1, 0, 0, 2)]
        assert [hit["where"]["batch"] for hit in hits] == [1, 0, 1, None]
        remote.answer(remote.viewer.set_breakpoints(()))
        remote.ask(Request.CONTINUE)
    assert open_run(tmp_path / "run").state == "finished"


def test_what_is_shown_at_a_stop(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path))
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote)
        remote.viewer.set_breakpoints((parse_breakpoint("Mixed.on_before_optimizer_step batch=1"),))
        sight = remote.next_stop()
        assert sight["action"] == {"owner_kind": "module", "owner": "Mixed", "hook": "on_before_optimizer_step"}
        assert _labels(sight)[:3] == [".run_training_epoch", ".run_training_batch", "Mixed.optimizer_step"]
        assert sight["arguments"] == [{"name": "optimizer", "kind": "SGD"}]
        assert sight["batch"] == [{"path": "batch", "kind": "Tensor 1×32 float32 cpu"}]
        assert sight["learning_rates"] == [{"optimizer": "SGD", "number": 0, "group": 0, "lr": 0.1}]
        assert set(sight["metrics"]) == {"loss"}
        norms = {entry["name"]: entry["norm"] for entry in sight["gradients"]["largest"]}
        assert set(norms) == {"layer.weight", "layer.bias"}
        assert sight["gradients"]["total"] == pytest.approx(sum(norm**2 for norm in norms.values()) ** 0.5)
        assert sight["notes"] == []
        remote.viewer.set_breakpoints((parse_breakpoint("training_step"),))
        steps = remote.next_stop()["arguments"]
        assert steps == [{"name": "batch", "kind": "Tensor 1×32 float32 cpu"}, {"name": "batch_idx", "kind": "2"}]


class Awkward(Mixed):
    """Holds things that cannot be looked at."""

    def named_parameters(self, *args: Any, **kwargs: Any) -> Any:
        if self.trainer.global_step and not kwargs:
            raise LookupError("not now")
        return super().named_parameters(*args, **kwargs)


def test_what_cannot_be_looked_at_becomes_a_note(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path))
    with training(lambda: run.fit(Awkward()), tmp_path / "run") as remote:
        _begin(remote)
        remote.viewer.set_breakpoints((parse_breakpoint("on_train_batch_end batch=1"),))
        sight = remote.next_stop()
        assert sight["notes"] == ["gradients: LookupError: not now"]
        assert sight["gradients"] is None
        assert sight["learning_rates"]
    assert run.global_step == 3


def _trained(root: Path, callbacks: list[Any]) -> tuple[Any, Any]:
    seed_everything(3, verbose=False)
    return trainer(root, callbacks, max_epochs=2, gradient_clip_val=0.3), Mixed()


def test_a_training_that_was_held_up_computes_the_same(tmp_path: Path) -> None:
    plain, expected = _trained(tmp_path / "a", [])
    plain.fit(expected)
    state = torch.get_rng_state()
    run, found = _trained(tmp_path / "b", _tracer(tmp_path))
    with training(lambda: run.fit(found), tmp_path / "run") as remote:
        _begin(remote)
        for _ in range(120):
            remote.stop(Request.STEP)
        remote.viewer.set_delay(MS // 10)
        remote.stop(Request.STEP_BATCH)
        remote.viewer.set_breakpoints((parse_breakpoint("on_before_optimizer_step"),))
        for _ in range(2):
            remote.next_stop()
    assert all(torch.equal(one, other) for one, other in zip(weights(expected), weights(found), strict=True))
    assert plain.callback_metrics == run.callback_metrics
    assert torch.equal(state, torch.get_rng_state())
    assert len(_pauses(open_run(tmp_path / "run").trace())) > 120


def test_pauses_are_recorded_and_no_parents_work(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path))
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote)
        remote.viewer.set_breakpoints((parse_breakpoint("on_before_zero_grad batch=1"),))
        remote.next_stop()
        began = time.monotonic_ns()
        remote.until(lambda: time.monotonic_ns() - began > 300 * MS)
    trace = open_run(tmp_path / "run").trace()
    (row,) = [row for row in _pauses(trace) if trace.span(row).batch == 1]
    assert trace.duration_ns[row] > 290 * MS
    assert trace.span(row).status == "ok"
    for parent in _ancestors_rows(trace, row):
        assert trace.self_ns[parent] < 250 * MS < trace.duration_ns[parent]


def _ancestors_rows(trace: Trace, row: int) -> list[int]:
    found = []
    while (row := int(trace.parent[row])) >= 0:
        found.append(row)
    return found


def test_slow_motion_waits_at_every_boundary_and_can_be_left(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path), limit_train_batches=200, limit_val_batches=0)
    with training(lambda: run.fit(_Long()), tmp_path / "run") as remote:
        _begin(remote)
        assert remote.answer(remote.viewer.set_delay(20 * MS)) is Reply.DONE
        assert remote.status.delay_ns == 20 * MS
        remote.stop(Request.STEP_BATCH)
        remote.stop(Request.STEP_BATCH)
        remote.answer(remote.viewer.set_delay(0))
        assert remote.status.delay_ns == 0
    trace = open_run(tmp_path / "run").trace()
    slow = [row for row in _pauses(trace) if trace.span(row).batch == 0 and trace.duration_ns[row] > 15 * MS]
    spans = sum(trace.span(row).batch == 0 for row in range(len(trace))) - len(slow)
    assert len(slow) >= 2 * spans - 10, "each side of each span, but for those around the requests"
    assert not [row for row in _pauses(trace) if (trace.span(row).batch or 0) > 2]


class _Long(Mixed):
    def train_dataloader(self) -> Any:
        from tests.record.endless import many

        return many()


def test_requests_are_answered_in_order_and_the_last_counts(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path))
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote)
        viewer = remote.viewer
        steps = [viewer.request(Request.STEP) for _ in range(5)]
        assert [remote.answer(number) for number in steps] == [Reply.DONE] * 5
        assert remote.status.stops == 6
        assert remote.answer(viewer.request(Request.PAUSE)) is Reply.DONE, "it is paused already"
        assert remote.answer(viewer.request(99)) is Reply.UNKNOWN  # type: ignore[arg-type]
        assert remote.status.stops == 6
        viewer.set_breakpoints((parse_breakpoint("on_train_start"),))
        remote.next_stop(Request.STEP_BATCH)
        numbers = [viewer.request(what) for what in (Request.STEP_BATCH, Request.STEP_BATCH, Request.CONTINUE)]
        assert [remote.answer(number) for number in numbers][-1] is Reply.DONE
        assert not remote.status.paused


def test_every_trainer_function_listens_anew(tmp_path: Path) -> None:
    callbacks = [Meeting(tmp_path / "run", every=True), HookTracer(tmp_path / "run")]
    run, model = trainer(tmp_path, callbacks), Mixed()

    def functions() -> None:
        run.fit(model)
        run.validate(model, verbose=False)
        run.predict(model, model.test_dataloader())

    with training(functions, tmp_path / "run") as remote:
        _begin(remote)
        assert remote.stop(Request.STEP_BATCH)["where"]["stage"] == "sanity_check"
        for stage in ("validate", "predict"):
            remote.ask(Request.CONTINUE)
            remote.until(lambda: remote.status.stops == 0)  # no longer the page of the function before
            assert remote.stop(Request.PAUSE)["why"] == "asked"
            assert remote.stop(Request.STEP_BATCH)["where"]["stage"] == stage
    assert [call.state for call in open_run(tmp_path / "run").info.calls] == ["finished"] * 3


def test_the_users_profiler_sees_nothing_of_it(tmp_path: Path) -> None:
    def actions(held_up: bool) -> dict[str, int]:
        profiler = SimpleProfiler()
        tracer = HookTracer(tmp_path / f"run{held_up}")
        meeting = [Meeting(tmp_path / "runTrue")] if held_up else [Callback()]
        run = trainer(tmp_path, [*meeting, tracer], profiler=profiler)
        with training(lambda: run.fit(Mixed()), tmp_path / f"run{held_up}") as remote:
            if held_up:
                _begin(remote)
                for _ in range(100):
                    remote.stop(Request.STEP)
        return {name: len(times) for name, times in profiler.recorded_durations.items()}

    def named(actions: dict[str, int]) -> dict[str, int]:
        return {name.replace("Meeting", "Callback"): count for name, count in actions.items()}

    assert named(actions(True)) == actions(False)


def test_stop_ends_after_the_batch(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path), max_epochs=5)
    model = Mixed()
    with training(lambda: run.fit(model), tmp_path / "run") as remote:
        _begin(remote)
        remote.viewer.set_breakpoints((parse_breakpoint("on_train_batch_start batch=1"),))
        remote.next_stop()
        assert remote.ask(Request.STOP) is Reply.STOPPING
    assert (run.global_step, run.current_epoch) == (2, 1)
    assert open_run(tmp_path / "run").state == "stopped"
    run.test(model, verbose=False)
    assert open_run(tmp_path / "run").state == "stopped"
    assert [call.state for call in open_run(tmp_path / "run").info.calls] == ["stopped", "finished"]


def test_stop_is_refused_where_lightning_would_not_heed_it(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path))
    with training(lambda: run.test(Mixed(), verbose=False), tmp_path / "run") as remote:
        _begin(remote)
        assert remote.ask(Request.STOP) is Reply.ONLY_FIT
        assert remote.status.paused, "what is refused changes nothing"
    assert open_run(tmp_path / "run").state == "finished"


def test_a_fault_of_the_gate_sets_training_free_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: Any) -> Any:
        raise ZeroDivisionError("bug")

    run = trainer(tmp_path, _tracer(tmp_path))
    with pytest.warns(RuntimeWarning, match="the gate failed: ZeroDivisionError: bug") as warned:
        monkeypatch.setattr("tracer.record.gate.open_actions", failing)
        with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
            remote.until(lambda: remote.status.listening)
            remote.viewer.request(Request.PAUSE)
            remote.until(lambda: not remote.status.listening)
    assert sum("hooktrace" in str(warning.message) for warning in warned) == 1
    recorded = open_run(tmp_path / "run")
    assert (recorded.state, recorded.info.dropped) == ("finished", None)
    assert run.global_step == 3


_VIEWER = """
import sys, time
from pathlib import Path
from tracer.run.control import ControlViewer, Request
viewer = ControlViewer(Path(sys.argv[1]))
print(viewer.request(Request.PAUSE), flush=True)
while True:
    viewer.beat()
    time.sleep(0.05)
"""


def _other_viewer(run_dir: Path) -> "subprocess.Popen[bytes]":
    """A viewer in a process of its own that has asked for a pause."""
    process = subprocess.Popen(
        [sys.executable, "-c", _VIEWER, str(run_dir)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGKILL, Release.VIEWER_GONE), (signal.SIGSTOP, Release.VIEWER_SILENT)]
)
def test_training_goes_on_without_a_viewer(
    number: signal.Signals, reason: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracer.record.patience.SILENT_NS", 300 * MS)
    run = trainer(tmp_path, _tracer(tmp_path), limit_train_batches=10_000)
    with training(lambda: run.fit(_Long()), tmp_path / "run") as remote:
        remote.until(lambda: remote.status.listening)
        process = _other_viewer(tmp_path / "run")
        remote.until(lambda: remote.status.paused)
        began = time.monotonic_ns()
        remote.until(lambda: time.monotonic_ns() - began > 400 * MS)
        assert remote.status.paused, "as long as it gives signs of life"
        process.send_signal(number)
        remote.until(lambda: remote.status.releases)
        assert (remote.status.release, remote.status.paused) == (reason, False)
        process.kill()
        process.wait()
        assert remote.ask(Request.STOP) is Reply.STOPPING
    assert process.stdout is not None
    process.stdout.close()


_PAUSED_PROGRAM = """
import signal
from pathlib import Path
from tests.record.models import Mixed, trainer
from tracer import HookTracer
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell ignores for what runs in the background
run = trainer(Path({root!r}), [HookTracer({run!r})])
run.fit(Mixed())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_a_paused_training(number: signal.Signals, tmp_path: Path) -> None:
    text = _PAUSED_PROGRAM.format(root=str(tmp_path), run=str(tmp_path / "run"))
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    remote = Remote(tmp_path / "run")
    remote.going = lambda: process.poll() is None
    remote.until(lambda: remote.status.listening)
    remote.viewer.request(Request.PAUSE)
    remote.until(lambda: remote.status.paused)
    places = ("on_train_batch_start", "on_exception", "teardown")
    remote.viewer.set_breakpoints(tuple(map(parse_breakpoint, places)))
    remote.next_stop()
    process.send_signal(number)
    process.wait(30)
    recorded = open_run(tmp_path / "run")
    assert recorded.state == "interrupted"
    assert recorded.trace().open_rows == ()


def test_another_thread_is_not_held_up(tmp_path: Path) -> None:
    class Threaded(Callback):
        def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
            import threading

            def work() -> None:
                with trainer.profiler.profile("work of another thread"):
                    pass

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    run = trainer(tmp_path, [Threaded(), *_tracer(tmp_path)])
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote)
        remote.viewer.set_breakpoints((parse_breakpoint("on_train_batch_end batch=2"),))
        assert remote.next_stop()["why"].startswith("breakpoint")
    assert run.global_step == 3


def test_nothing_is_swapped_while_nothing_is_armed(tmp_path: Path) -> None:
    found = []

    class Looking(Callback):
        def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
            seam = trainer.profiler
            found.append(seam.profile == seam.table.__getitem__ == seam.record)

    run = trainer(tmp_path, [Looking(), *_tracer(tmp_path)])
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote)
        remote.viewer.set_breakpoints((parse_breakpoint("on_train_batch_start batch=1"),))
        remote.next_stop()
        remote.viewer.set_breakpoints(())
        remote.next_stop(Request.STEP)
        remote.ask(Request.CONTINUE)
    assert found == [False, True, True]


def test_inspect_is_json_for_everyone(tmp_path: Path) -> None:
    run = trainer(tmp_path, _tracer(tmp_path))
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        sight = remote.stop(Request.PAUSE)
    assert json.loads(json.dumps(sight, allow_nan=False)) == sight
