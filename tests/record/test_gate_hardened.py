"""Where holding a training up could go wrong: forks, generators, endings, faults, tuners, later functions."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, seed_everything
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder, ModelCheckpoint
from torch.utils.data import DataLoader, Dataset

from tests.record.gating import Meeting, Remote, training
from tests.record.models import Mixed, Plain, trainer
from tracer import HookTracer, open_run
from tracer.record.describe import owner_of
from tracer.run.breakpoints import parse_breakpoint
from tracer.run.control import Reply, Request
from tracer.run.layout import CONTROL_FILE
from tracer.run.page import PAGE_BYTES


def _tracer(tmp_path: Path) -> list[Callback]:
    return [Meeting(tmp_path / "run"), HookTracer(tmp_path / "run")]


def _begin(remote: Remote, *breakpoints: str) -> None:
    assert remote.ask(Request.PAUSE) is Reply.DONE
    remote.answer(remote.viewer.set_breakpoints(tuple(map(parse_breakpoint, breakpoints))))


class _Profiled(Dataset[torch.Tensor]):
    """Names an action in whatever process reads it."""

    run: Any

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        with self.run.profiler.profile("read"):
            return torch.ones(32) * index


def test_a_worker_that_was_forked_while_a_breakpoint_was_armed_is_not_held(tmp_path: Path) -> None:
    data = _Profiled()
    loader = DataLoader(data, num_workers=1, multiprocessing_context="fork")
    data.run = run = trainer(tmp_path, _tracer(tmp_path), limit_val_batches=0)
    with training(lambda: run.fit(Plain(), loader), tmp_path / "run") as remote:
        _begin(remote, "read", "on_train_batch_start batch=2")
        assert remote.next_stop()["why"].startswith("breakpoint on_train_batch_start")
    assert run.global_step == 3


class _Generating(Callback):
    """Leaves a generator open within an action, to be ended later by somebody else."""

    def __init__(self) -> None:
        self.open: Iterator[int] | None = None

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        def counting() -> Iterator[int]:
            with trainer.profiler.profile("within a generator"):
                yield from range(3)

        self.open = counting()
        next(self.open)

    def on_train_batch_end(self, *args: Any) -> None:
        self.open = None


def test_generators_can_be_stepped_through(tmp_path: Path) -> None:
    run = trainer(tmp_path, [_Generating(), *_tracer(tmp_path)], limit_val_batches=0)
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote)
        hooks = [remote.stop(Request.STEP)["action"]["hook"] for _ in range(120)]
    assert hooks.count("within a generator") == 3
    assert run.global_step == 3
    assert open_run(tmp_path / "run").state == "finished"


class _Failing(Callback):
    def on_train_batch_end(self, *args: Any) -> None:
        raise ArithmeticError("no luck")

    def on_exception(self, *args: Any) -> None:
        """Only to be called."""


def test_nobody_is_held_up_once_an_exception_ends_it(tmp_path: Path) -> None:
    """run.json says by then that it has failed, so a viewer would not offer to go on."""
    run = trainer(tmp_path, [_Failing(), *_tracer(tmp_path)])
    with (
        pytest.raises(ArithmeticError),
        training(lambda: run.fit(Mixed()), tmp_path / "run") as remote,
    ):
        _begin(remote, "on_exception", "teardown")
        number = remote.viewer.request(Request.CONTINUE)
        remote.until(lambda: not remote.status.listening)
        assert remote.viewer.reply(number) in (Reply.DONE, Reply.CLOSED)
    recorded = open_run(tmp_path / "run")
    assert recorded.state == "failed"
    hooks = [recorded.trace().actions[number].label for number in recorded.trace().action]
    assert "_Failing.on_exception" in hooks
    assert hooks.count("hooktrace.paused") == 1


def test_what_is_saved_by_a_training_that_was_held_in_the_middle_of_saving_is_the_same(tmp_path: Path) -> None:
    def saved(root: Path, callbacks: list[Callback]) -> Any:
        seed_everything(3, verbose=False)
        return trainer(root, [*callbacks, ModelCheckpoint(root, "last")]), root / "last.ckpt"

    plain, expected = saved(tmp_path / "a", [])
    plain.fit(Mixed())
    run, found = saved(tmp_path / "b", _tracer(tmp_path))
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote, "save_checkpoint", "on_save_checkpoint", "state_dict")
        inside = [remote.next_stop()["action"]["hook"] for _ in range(3)]
        remote.stop(Request.STEP)
    assert inside[0] == "save_checkpoint"
    assert set(inside[1:]) <= {"on_save_checkpoint", "state_dict"}
    one, other = (torch.load(path, weights_only=False)["state_dict"] for path in (expected, found))
    assert all(torch.equal(one[name], other[name]) for name in one)


class _Tunable(Mixed):
    def __init__(self) -> None:
        super().__init__()
        self.lr, self.batch_size = 0.1, 1

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


def test_a_stop_in_a_search_for_the_learning_rate_is_not_forgotten_with_it(tmp_path: Path) -> None:
    finder = LearningRateFinder(num_training_steps=5)
    run = trainer(tmp_path, [finder, *_tracer(tmp_path)], max_epochs=3, limit_train_batches=10)
    with training(lambda: run.fit(_Tunable()), tmp_path / "run") as remote:
        _begin(remote, "on_train_batch_start batch=2")
        sight = remote.next_stop()
        assert ("callback", "LearningRateFinder") in {(one["owner_kind"], one["owner"]) for one in sight["stack"]}
        assert remote.ask(Request.STOP) is Reply.STOPPING
    assert run.global_step == 1, "the first batch after the search is the last"
    assert open_run(tmp_path / "run").state == "stopped"


@pytest.mark.parametrize("finder", [LearningRateFinder, BatchSizeFinder])
def test_the_loops_of_a_tuner_are_stepped_through(finder: type[Callback], tmp_path: Path) -> None:
    run = trainer(tmp_path, [finder(), *_tracer(tmp_path)], limit_val_batches=0)
    with training(lambda: run.fit(_Tunable()), tmp_path / "run") as remote:
        _begin(remote)
        stacks = [remote.stop(Request.STEP_BATCH)["stack"] for _ in range(3)]
        assert all(finder.__name__ in {entry["owner"] for entry in stack} for stack in stacks)
        remote.ask(Request.CONTINUE)
    alone = trainer(tmp_path / "alone", [finder()], limit_val_batches=0)
    alone.fit(_Tunable())
    assert run.global_step == alone.global_step  # how many batches a search leaves differs between versions


def _until_held_in(remote: Remote, stage: str) -> None:
    def held() -> bool:
        status = remote.status
        return status.paused and status.shown == status.stops and remote.sight()["where"]["stage"] == stage

    remote.until(held)


def test_breakpoints_and_slow_motion_hold_for_the_functions_that_follow(tmp_path: Path) -> None:
    run, model = trainer(tmp_path, _tracer(tmp_path)), Mixed()

    def functions() -> None:
        run.fit(model)
        run.test(model, verbose=False)
        run.predict(model, model.test_dataloader())

    with training(functions, tmp_path / "run") as remote:
        _begin(remote, "Mixed.on_test_start", "Mixed.on_predict_start")
        remote.ask(Request.CONTINUE)
        _until_held_in(remote, "test")
        remote.answer(remote.viewer.set_delay(1000))
        remote.ask(Request.CONTINUE)
        _until_held_in(remote, "predict")
        assert remote.status.delay_ns == 1000
        remote.answer(remote.viewer.set_breakpoints(()))
        assert remote.status.breakpoints == ()
    assert [call.state for call in open_run(tmp_path / "run").info.calls] == ["finished"] * 3


def test_a_fault_in_naming_an_action_is_no_second_fault_at_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unless(name: str, *args: Any) -> Any:
        if name.endswith("on_train_epoch_end"):
            raise ZeroDivisionError("bug")
        return owner_of(name, *args)

    monkeypatch.setattr("tracer.record.spans.owner_of", unless)
    run = trainer(tmp_path, _tracer(tmp_path), max_epochs=2)
    with (
        pytest.warns(RuntimeWarning, match="recording stopped: ZeroDivisionError: bug") as warned,
        training(lambda: run.fit(Mixed()), tmp_path / "run") as remote,
    ):
        _begin(remote, "never")
        remote.ask(Request.CONTINUE)
        remote.until(lambda: not remote.status.listening)
    assert sum("hooktrace" in str(warning.message) for warning in warned) == 1
    assert run.global_step == 6


def test_what_a_program_calls_args_is_left_alone(tmp_path: Path) -> None:
    """Lightning's functions that call hooks lie in a call.py, and so may a program's own."""
    (tmp_path / "call.py").write_text(
        "def walk(profiler, args):\n    with profiler.profile('walking'):\n        return list(args)\n"
    )
    spec = importlib.util.spec_from_file_location("users_call", tmp_path / "call.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    walked = []

    class Walking(Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            walked.append(module.walk(trainer.profiler, iter("abc")))

    run = trainer(tmp_path, [Walking(), *_tracer(tmp_path)])
    with training(lambda: run.fit(Mixed()), tmp_path / "run") as remote:
        _begin(remote, "walking")
        assert remote.next_stop()["arguments"] is None
    assert walked == [["a", "b", "c"]]


def test_without_a_page_there_is_a_recording_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "run" / CONTROL_FILE).mkdir(parents=True)  # stands for a file system on which nothing can be mapped
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    with pytest.warns(RuntimeWarning, match="can be watched but not held or stopped"):
        run.fit(Mixed())
    recorded = open_run(tmp_path / "run")
    assert (recorded.state, recorded.info.dropped, run.global_step) == ("finished", None, 3)


def test_the_page_has_its_place_on_the_disk(tmp_path: Path) -> None:
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    run.fit(Plain())
    assert (tmp_path / "run" / CONTROL_FILE).stat().st_blocks * 512 >= PAGE_BYTES
