"""A traced run is the run it would have been: weights, reports, what others see of trainer and module."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, seed_everything
from lightning.pytorch.profilers import SimpleProfiler
from lightning.pytorch.utilities.model_helpers import is_overridden

from tests.record.models import Mixed, Plain, trainer, weights
from tracer import HookTracer, open_run


def _train(model: Plain, root: Path, callbacks: list[Any]) -> tuple[list[torch.Tensor], dict[str, Any], torch.Tensor]:
    run = trainer(root, callbacks, max_epochs=2)
    run.fit(model)
    return weights(model), dict(run.callback_metrics), torch.get_rng_state()


@pytest.mark.parametrize("traced", [Plain, Mixed])
def test_bit_identical(traced: type[Plain], tmp_path: Path) -> None:
    seed_everything(1)
    expected = _train(Plain(), tmp_path / "a", [])
    seed_everything(1)
    found = _train(traced(), tmp_path / "b", [HookTracer(tmp_path / "run")])
    assert all(torch.equal(one, other) for one, other in zip(expected[0], found[0], strict=True))
    assert expected[1].keys() == found[1].keys()
    assert all(torch.equal(expected[1][name], found[1][name]) for name in expected[1])
    assert torch.equal(expected[2], found[2])
    assert len(open_run(tmp_path / "run").trace()) > 100


def test_overrides_are_what_they_were() -> None:
    hooks = [name for name in dir(LightningModule) if callable(getattr(LightningModule, name)) and name[0] != "_"]
    plain, mixed = Plain(), Mixed()

    def overridden(model: Plain) -> list[str]:
        return [name for name in hooks if is_overridden(name, model, LightningModule)]

    assert len(hooks) > 100
    assert overridden(plain) == overridden(mixed)


def test_profiler_of_the_user_reports_the_same(tmp_path: Path) -> None:
    def actions(callbacks: list[Any]) -> dict[str, int]:
        profiler = SimpleProfiler()
        run = trainer(tmp_path, callbacks, profiler=profiler)
        run.fit(Plain())
        assert run.profiler is profiler
        return {name: len(times) for name, times in profiler.recorded_durations.items() if "HookTracer" not in name}

    assert actions([HookTracer(tmp_path / "run")]) == actions([])


def test_stands_in_for_the_profiler_only_while_it_runs(tmp_path: Path) -> None:
    profiler = SimpleProfiler()
    seen: list[bool] = []

    class Looking(Plain):
        def on_train_start(self) -> None:
            there = vars(self.trainer)["profiler"]
            seen.append(isinstance(there, SimpleProfiler))
            seen.append(there is profiler)
            seen.append(there.recorded_durations is profiler.recorded_durations)

    run = trainer(tmp_path, [HookTracer(tmp_path / "run")], profiler=profiler)
    run.fit(Looking())
    assert seen == [True, False, True]
    assert run.profiler is profiler


def test_checkpoints_hold_nothing_of_ours(tmp_path: Path) -> None:
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    run.fit(Mixed())
    run.save_checkpoint(tmp_path / "x.ckpt")
    checkpoint = torch.load(tmp_path / "x.ckpt", weights_only=True)
    assert not [key for key in checkpoint["callbacks"] if "HookTracer" in key]
    assert set(checkpoint["state_dict"]) == set(Plain().state_dict())
    loaded = Mixed.load_from_checkpoint(tmp_path / "x.ckpt")
    assert all(map(torch.equal, weights(loaded), weights(run.lightning_module)))


def test_pickles_and_copies(tmp_path: Path) -> None:
    tracer, model = HookTracer(tmp_path / "run"), Mixed()
    run = trainer(tmp_path, [tracer])
    run.fit(model)
    for again in (pickle.loads(pickle.dumps(tracer)), copy.deepcopy(tracer)):
        other = trainer(tmp_path, [again])
        other.fit(copy.deepcopy(model))
    assert open_run(tmp_path / "run-3").state == "finished"
    assert type(pickle.loads(pickle.dumps(model))) is Mixed
    forward: Any = copy.deepcopy(model).forward
    assert forward.__self__ is not model


def test_returned_values_are_untouched(tmp_path: Path) -> None:
    class Skipping(Mixed):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
            return -1 if batch_idx == 1 else None

    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Skipping())
    trace = open_run(tmp_path / "run").trace()
    hooks = [trace.actions[number].hook for number in trace.action]
    assert hooks.count("run_training_batch") == 1


def test_disabled_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKTRACE_DISABLED", "1")
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    run.fit(Mixed())
    assert not (tmp_path / "run").exists()
    assert sum(type(callback) is HookTracer for callback in run.callbacks) == 1
