"""The optimizers' own steps are recorded, and the optimizers are what they would have been."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

from tests.record.models import Manual, Mixed, Plain, trainer
from tracer import HookTracer, Trace, open_run


class Peeking(Callback):
    """Keeps what it finds of the optimizers in the middle of the training."""

    def __init__(self) -> None:
        self.hooks: list[int] = []
        self.copies: list[torch.optim.Optimizer] = []

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        optimizer = trainer.optimizers[0]
        self.hooks.append(_hooks_on(optimizer))
        self.copies = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
        for copied in self.copies:
            copied.step()


class WholeSGD(torch.optim.SGD):
    """Puts everything it has into a pickle, and steps through its base class."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "step"}  # a scheduler's, which is local

    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


class Whole(Mixed):
    """Trains with it."""

    def configure_optimizers(self) -> Any:
        torch.optim.SGD(self.parameters(), lr=0.1)  # so that torch has prepared the base class's `step` too
        return WholeSGD(self.parameters(), lr=0.1)


def _hooks_on(optimizer: Any) -> int:
    return len(optimizer._optimizer_step_pre_hooks) + len(optimizer._optimizer_step_post_hooks)


def _steps(trace: Trace) -> list[int]:
    return [row for row in range(len(trace)) if trace.actions[trace.action[row]].hook == "step"]


def _hook(trace: Trace, row: int) -> str:
    return str(trace.actions[trace.action[row]].label)


def _children(trace: Trace, parent: int) -> list[str]:
    return [_hook(trace, row) for row in range(len(trace)) if trace.parent[row] == parent]


def test_step_holds_the_closure(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run")], enable_checkpointing=False).fit(Plain())
    trace = open_run(tmp_path / "run").trace()
    steps = _steps(trace)
    assert len(steps) == 3
    for row in steps:
        assert _hook(trace, row) == "SGD.step"
        assert trace.actions[trace.action[row]].owner_kind == "loop"
        assert _hook(trace, trace.parent[row]) == "Plain.optimizer_step"
        assert _children(trace, row) == [
            "SingleDeviceStrategy.training_step",
            "Plain.on_before_zero_grad",
            "Plain.optimizer_zero_grad",
            "SingleDeviceStrategy.backward",
            "Plain.on_before_optimizer_step",
            "Plain.configure_gradient_clipping",
        ]
        assert 0 < trace.self_ns[row] < trace.duration_ns[row]


def test_optimizers_of_manual_optimization_are_two_instances(tmp_path: Path) -> None:
    class Two(Manual):
        def training_step(self, batch: Any, batch_idx: int) -> None:
            self.manual_backward(self.step(batch))
            for optimizer in self.optimizers():  # type: ignore[union-attr]  # two of them
                optimizer.step()

        def configure_optimizers(self) -> Any:
            return [torch.optim.SGD(self.parameters(), lr=0.1) for _ in range(2)]

    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Two())
    trace = open_run(tmp_path / "run").trace()
    assert [_hook(trace, row) for row in _steps(trace)] == ["SGD.step", "SGD#1.step"] * 3
    assert {_hook(trace, trace.parent[row]) for row in _steps(trace)} == {"optimizer_step"}


def test_lbfgs_takes_its_closure_several_times(tmp_path: Path) -> None:
    class Searching(Plain):
        def configure_optimizers(self) -> Any:
            return torch.optim.LBFGS(self.parameters(), max_iter=3, tolerance_change=0)

    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Searching())
    trace = open_run(tmp_path / "run").trace()
    steps = _steps(trace)
    assert [_hook(trace, row) for row in steps] == ["LBFGS.step"] * 3
    assert all(_children(trace, row).count("SingleDeviceStrategy.training_step") > 1 for row in steps)


@pytest.mark.parametrize("model", [Mixed, Whole])
def test_copies_of_an_optimizer_are_not_recorded(model: type[Mixed], tmp_path: Path) -> None:
    peeking = Peeking()
    run = trainer(tmp_path, [peeking, HookTracer(tmp_path / "run")])
    run.fit(model())
    assert peeking.hooks == [2, 2, 2]
    assert [_hooks_on(optimizer) for optimizer in run.optimizers] == [0]
    assert len(_steps(open_run(tmp_path / "run").trace())) == 3


def test_state_of_an_optimizer_is_the_same(tmp_path: Path) -> None:
    states: list[dict[str, Any]] = []

    class Keeping(Callback):
        def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
            states.append(copy.deepcopy(trainer.optimizers[0].state_dict()))

    for callbacks in ([], [HookTracer(tmp_path / "run")]):
        torch.manual_seed(1)
        trainer(tmp_path, [Keeping(), *callbacks]).fit(Plain())
    assert len(states) == 6
    assert states[:3] == states[3:]


def test_step_that_raises(tmp_path: Path) -> None:
    class Torn(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            raise ArithmeticError

    class Trying(Manual):
        def training_step(self, batch: Any, batch_idx: int) -> None:
            if batch_idx < 2:
                with pytest.raises(ArithmeticError):
                    super().training_step(batch, batch_idx)
            else:
                super().training_step(batch, batch_idx)

        def configure_optimizers(self) -> Any:
            return Torn(self.parameters(), lr=0.1)

    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    with pytest.raises(ArithmeticError):
        run.fit(Trying())
    trace = open_run(tmp_path / "run").trace()
    assert [_hook(trace, row) for row in _steps(trace)] == ["Torn.step"] * 3
    assert trace.open_rows == ()
    assert [_hooks_on(optimizer) for optimizer in run.optimizers] == [0]


def test_optimizers_that_are_exchanged_while_training(tmp_path: Path) -> None:
    class Exchanging(Plain):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            if batch_idx == 1:
                self.trainer.optimizers = [torch.optim.Adam(self.parameters())]

    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    run.fit(Exchanging())
    trace = open_run(tmp_path / "run").trace()
    assert [_hook(trace, row) for row in _steps(trace)] == ["SGD.step", "Adam.step", "Adam.step"]
    assert [_hooks_on(optimizer) for optimizer in run.optimizers] == [0]
