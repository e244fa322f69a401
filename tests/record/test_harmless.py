"""A traced run is the run it would have been: weights, reports, what others see of trainer and module."""

import copy
import gc
import hashlib
import pickle
import random
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, seed_everything
from lightning.pytorch.demos.boring_classes import BoringDataModule, BoringModel
from lightning.pytorch.profilers import PassThroughProfiler, SimpleProfiler
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch.utils._python_dispatch import TorchDispatchMode

from demo_model.cli import DemoCLI
from demo_model.named_configs import named_configs
from tests.record.models import Manual, Mixed, Plain, TwoLoaders, trainer, weights
from tracer import HookTracer, open_run
from tracer.record.context import Place


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


class _Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations of torch that draw random numbers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counted: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.counted[str(func)] += 1
        return func(*args, **(kwargs or {}))


def _left_behind(root: Path, act: Callable[[], Any]) -> dict[str, Any]:
    """What a training leaves in the process and in `root`; `act` trains and returns the trainer."""
    gc.collect()  # what others left open is warned of when it is thrown away
    with warnings.catch_warnings(record=True) as caught, _Draws() as draws:
        warnings.simplefilter("always")
        run = act()
        gc.collect()
    module, callbacks = run.lightning_module, [callback for callback in run.callbacks if not _ours(callback)]
    states = [_plain(optimizer.state_dict()) for optimizer in run.optimizers]
    return {
        "weights": _plain(dict(module.state_dict())),
        "optimizers": states,
        "metrics": {name: value.item() for name, value in run.callback_metrics.items()},
        "csv": [path.read_bytes() for path in sorted(root.rglob("metrics.csv"))],
        "checkpoints": {path.name: _plain(torch.load(path, weights_only=False)) for path in root.rglob("*.ckpt")},
        "random": (torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())),
        "draws": draws.counted,
        "warnings": Counter(str(warning.message).replace(str(root), "ROOT") for warning in caught),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "callbacks": [(type(callback), vars(callback).keys()) for callback in callbacks],
        "profiler": (type(run.profiler), _report(run.profiler)),
        "training": (module.training, run.global_step, run.current_epoch),
    }


def _assert_same(traced: dict[str, Any], untraced: dict[str, Any]) -> None:
    # Some warnings come once a process, so the run that is the first can have more.
    assert not traced.pop("warnings") - untraced.pop("warnings")
    for name, value in untraced.items():
        assert traced[name] == value, name


def _report(profiler: Any) -> dict[str, int]:
    """What the user's profiler has to say, but for the times."""
    return {name: len(times) for name, times in getattr(profiler, "recorded_durations", {}).items()}


def _ours(callback: Any) -> bool:
    return type(callback) is HookTracer


def _plain(value: Any) -> Any:
    """A value that can be compared: tensors as lists; paths and times that differ from run to run left out."""
    if isinstance(value, torch.Tensor):
        content = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return value.dtype, value.shape, hashlib.sha256(content).hexdigest()
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items() if key not in _OF_THE_RUN}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else str(type(value)) + repr(value)


_OF_THE_RUN = ("best_model_path", "best_k_models", "kth_best_model_path", "last_model_path", "dirpath")


class FitCLI(DemoCLI):
    """The demo's command line with one verb: describing five takes longer than the training."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        return {"fit": DemoCLI.subcommands()["fit"]}


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        monkeypatch.setenv(name, "0")  # so that what seeding leaves behind ends with the test
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more would wait for each other
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize("config", named_configs())
def test_a_demo_config_leaves_the_same(config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Before 2.6 the epoch after a search for the learning rate has only those batches that the search has left.
    batches = 40 + 4 if config == "swa_lrfinder" else 4
    few = {"max_epochs": 1, "limit_train_batches": batches, "limit_val_batches": 1, "log_every_n_steps": 1}
    few |= {"val_check_interval": 4} if config == "swa_lrfinder" else {}
    options = [part for name, value in few.items() for part in (f"--trainer.{name}", str(value))]
    size = ["--train_size", str(8 * batches), "--model.batch_size", "8"]
    data = ["--data", "synthetic", *size, "--trainer.profiler", "simple"]

    def left(name: str, disabled: str) -> dict[str, Any]:
        monkeypatch.setenv("HOOKTRACE_DISABLED", disabled)
        monkeypatch.setenv("HOOKTRACE_DIR", str(tmp_path / "recording"))
        root = ["--trainer.default_root_dir", str(tmp_path / name), "--trainer.enable_progress_bar", "false"]
        monkeypatch.setattr("sys.argv", ["demo", "fit", "--config", config, *data, *options, *root])
        return _left_behind(tmp_path / name, lambda: FitCLI().trainer)

    untraced = left("untraced", "1")
    assert not (tmp_path / "recording").exists()
    traced = left("traced", "")
    assert open_run(tmp_path / "recording").state == "finished"
    _assert_same(traced, untraced)
    assert untraced["csv"]
    assert untraced["profiler"][1]
    assert untraced["draws"].total() > 4
    assert untraced["checkpoints"]


@pytest.mark.parametrize("datamodule", [False, True], ids=["", "datamodule"])
@pytest.mark.parametrize("make", [Plain, Mixed, Manual, TwoLoaders])
def test_all_functions_leave_the_same(make: type[BoringModel], datamodule: bool, tmp_path: Path) -> None:
    def act(root: Path, callbacks: list[Any]) -> Any:
        seed_everything(3)
        run, model = trainer(root, callbacks, max_epochs=2, gradient_clip_val=None), make()
        data = BoringDataModule() if datamodule else None
        run.fit(model, datamodule=data)
        run.validate(model, datamodule=data, verbose=False)
        run.test(model, datamodule=data, verbose=False)
        run.predict(model, datamodule=data)
        return run

    untraced = _left_behind(tmp_path / "a", lambda: act(tmp_path / "a", []))
    traced = _left_behind(tmp_path / "b", lambda: act(tmp_path / "b", [HookTracer(tmp_path / "run")]))
    _assert_same(traced, untraced)
    assert len(open_run(tmp_path / "run").info.calls) == 4


def test_compiled_module_computes_the_same(tmp_path: Path) -> None:
    found = []
    for make, callbacks in ((Plain, []), (Mixed, [HookTracer(tmp_path / "run")])):
        seed_everything(1)
        model: Any = torch.compile(make(), backend="eager")
        run = trainer(tmp_path / make.__name__, callbacks)
        run.fit(model)
        found.append(weights(run.lightning_module))
    assert all(map(torch.equal, *found))
    trace = open_run(tmp_path / "run").trace()
    assert {"forward", "training_step"} & {action.hook for action in trace.actions}
    assert trace.open_rows == ()


class Saving(Plain):
    """Keeps its arguments."""

    def __init__(self, width: int = 3, *, name: str = "x") -> None:
        super().__init__()
        self.save_hyperparameters()


class SavingMixed(Mixed):
    """The same with the mixin."""

    def __init__(self, width: int = 3, *, name: str = "x") -> None:
        super().__init__()
        self.save_hyperparameters()


def test_hyperparameters_and_loading(tmp_path: Path) -> None:
    saved = {}
    for make, callbacks in ((Saving, []), (SavingMixed, [HookTracer(tmp_path / "run")])):
        run = trainer(tmp_path / make.__name__, callbacks)
        run.fit(make(7, name="y"))
        path = tmp_path / f"{make.__name__}.ckpt"
        run.save_checkpoint(path)
        saved[make] = torch.load(path, weights_only=True)
        loaded = make.load_from_checkpoint(path, name="z")
        assert dict(loaded.hparams) == {"width": 7, "name": "z"}
        assert all(map(torch.equal, weights(loaded), weights(run.lightning_module)))
    one, other = saved.values()
    assert one.keys() == other.keys()
    assert one["hyper_parameters"] == other["hyper_parameters"] == {"width": 7, "name": "y"}


class Copying(Plain):
    """Pickles and copies its trainer and callbacks while it trains."""

    def on_train_start(self) -> None:
        run: Any = self.trainer
        self.again = [pickle.loads(pickle.dumps(run.callbacks)), copy.deepcopy(run.callbacks)]
        self.profilers = [pickle.loads(pickle.dumps(run.profiler)), copy.deepcopy(run).profiler]


def test_a_trainer_is_pickled_and_copied_as_without_us(tmp_path: Path) -> None:
    run, model = trainer(tmp_path, [HookTracer(tmp_path / "run")]), Copying()
    pickle.loads(pickle.dumps(run.callbacks))  # as a launcher that spawns processes does before they train
    run.fit(model)
    for callbacks in model.again:
        assert [type(callback) for callback in callbacks] == [type(callback) for callback in run.callbacks]
    assert [type(profiler) for profiler in model.profilers] == [PassThroughProfiler] * 2
    assert open_run(tmp_path / "run").state == "finished"


def test_a_recording_beside_the_metrics_makes_their_logger_no_trouble(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = trainer(tmp_path, [HookTracer()])
        run.fit(Plain())
    assert not [warning for warning in caught if "not empty" in str(warning.message)]
    recording = open_run(Path(run.log_dir) / "hooktrace")
    assert recording.metrics_path is not None
    assert recording.metrics_path.samefile(Path(run.log_dir) / "metrics.csv")
    assert recording.trace().actions[0].hook in ("prepare_data", "setup")


def test_a_run_that_fails_before_that_is_recorded_too(tmp_path: Path) -> None:
    class Failing(Plain):
        def prepare_data(self) -> None:
            raise RuntimeError("no data")

    run = trainer(tmp_path, [HookTracer()])
    with pytest.raises(RuntimeError, match="no data"):
        run.fit(Failing())
    recording = open_run(Path(run.log_dir) / "hooktrace")
    assert (recording.state, recording.info.exception) == ("failed", "RuntimeError: no data")
    assert recording.trace().actions[0].hook == "prepare_data"


@pytest.mark.parametrize("name", ["before", "_train_batch", "_fetched_evaluation", "_planned"])
def test_a_fault_in_following_the_loop_ends_the_recording_only(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise AttributeError("a loop without this")

    monkeypatch.setattr(Place, name, fail)
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    with pytest.warns(RuntimeWarning, match="a loop without this"):
        run.fit(Plain())
    assert run.state.finished
    assert run.global_step == 3


def test_a_fault_in_finding_an_owner_ends_the_recording_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise LookupError("nobody's")

    monkeypatch.setattr("tracer.record.spans.owner_of", fail)
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    with pytest.warns(RuntimeWarning, match="nobody's") as warned:
        run.fit(Plain())
    assert run.state.finished
    assert run.global_step == 3
    assert sum("hooktrace" in str(warning.message) for warning in warned) == 1
    assert "nobody's" in str(open_run(tmp_path / "run").info.dropped)
