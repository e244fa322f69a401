"""Asking callbacks for their state and giving it back is recorded, and is otherwise what it would have been."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.trainer import call

from tests.record.models import Plain, trainer
from tracer import HookTracer, open_run

FUNCTIONS = (call._call_callbacks_state_dict, call._call_callbacks_load_state_dict)


class Counting(Callback):
    """Counts batches, over runs."""

    def __init__(self) -> None:
        self.batches = 0
        self.raises = False

    def on_train_batch_end(self, *args: Any) -> None:
        self.batches += 1

    def state_dict(self) -> dict[str, Any]:
        if self.raises:
            raise ArithmeticError
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.batches = state_dict["batches"]


def _recorded(run_dir: Path) -> list[str]:
    trace = open_run(run_dir).trace()
    labels = [trace.actions[number].label for number in trace.action]
    return [label for label in labels if label.endswith("state_dict")]


def _is_lightnings_own() -> bool:
    return (call._call_callbacks_state_dict, call._call_callbacks_load_state_dict) == FUNCTIONS


def test_checkpoints_are_the_same(tmp_path: Path) -> None:
    states = []
    for callbacks in ([], [HookTracer(tmp_path / "run")]):
        run = trainer(tmp_path / str(len(callbacks)), [Counting(), *callbacks])
        run.fit(Plain())
        state = torch.load(run.checkpoint_callback.best_model_path, weights_only=True)["callbacks"]
        states.append({name: value for name, value in state.items() if "ModelCheckpoint" not in name})
    assert states == [{"Counting": {"batches": 3}}] * 2
    assert _recorded(tmp_path / "run") == ["Counting.state_dict", "ModelCheckpoint.state_dict"]
    assert _is_lightnings_own()


def test_states_are_given_back(tmp_path: Path) -> None:
    run = trainer(tmp_path, [Counting()])
    run.fit(Plain())
    counting = Counting()
    again = trainer(tmp_path, [counting, HookTracer(tmp_path / "run")], max_epochs=2)
    again.fit(Plain(), ckpt_path=run.checkpoint_callback.best_model_path)
    assert counting.batches == 6
    assert _recorded(tmp_path / "run")[:2] == ["Counting.load_state_dict", "ModelCheckpoint.load_state_dict"]


def test_one_that_raises(tmp_path: Path) -> None:
    counting = Counting()
    counting.raises = True
    run = trainer(tmp_path, [counting, HookTracer(tmp_path / "run")])
    with pytest.raises(ArithmeticError):
        run.fit(Plain())
    trace = open_run(tmp_path / "run").trace()
    failed = [trace.actions[trace.action[row]].label for row in (trace.status == 1).nonzero()[0]]
    assert failed[-2:] == ["save_checkpoint", "Counting.state_dict"]
    assert _is_lightnings_own()


def test_a_training_within_a_training(tmp_path: Path) -> None:
    class Nesting(Callback):
        def on_train_epoch_start(self, *args: Any) -> None:
            trainer(tmp_path / "in", [Counting(), HookTracer(tmp_path / "inner")]).fit(Plain())
            trainer(tmp_path / "in", [Counting()]).fit(Plain())

    trainer(tmp_path, [Nesting(), Counting(), HookTracer(tmp_path / "outer")]).fit(Plain())
    assert _recorded(tmp_path / "inner") == ["Counting.state_dict", "ModelCheckpoint.state_dict"]
    assert _recorded(tmp_path / "outer") == [
        "Nesting.state_dict",
        "Counting.state_dict",
        "ModelCheckpoint.state_dict",
    ]
    assert _is_lightnings_own()
