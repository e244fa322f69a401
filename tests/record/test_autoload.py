"""Recording a program that knows nothing of it: what the entry points give to a Trainer, and what they leave alone."""

import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.demos.boring_classes import BoringDataModule, BoringModel
from lightning.pytorch.profilers import AdvancedProfiler, PyTorchProfiler, SimpleProfiler

from tests.cli.test_imports import loaded_by
from tests.record.models import Mixed, Plain, trainer
from tracer import HookTracer, HookTracerMixin, Run, open_run
from tracer.record.autoload import callbacks


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment asks Trainers to record."""
    monkeypatch.setenv("HOOKTRACE_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


def _hooks(run: Run) -> list[str]:
    trace = run.trace()
    return [trace.actions[number].hook for number in trace.action]


def test_not_asked_it_gives_nothing_and_loads_nothing() -> None:
    loaded = loaded_by("from tracer.record.autoload import callbacks; assert callbacks() == []")

    assert callbacks() == []
    assert {name for name in loaded if name.startswith("tracer.")} == {
        "tracer.record",
        "tracer.record.autoload",
        "tracer.record.environment",
    }
    assert not {name.partition(".")[0] for name in loaded} & {"torch", "lightning", "pytorch_lightning", "numpy"}


def test_disabled_it_gives_nothing(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(callbacks()) == 1
    monkeypatch.setenv("HOOKTRACE_DISABLED", "1")
    assert callbacks() == []


def test_every_trainer_of_a_program_is_a_run_of_its_own(tmp_path: Path, run_dir: Path) -> None:
    mine = [Callback()]  # Lightning extends the very list that it is given
    again = trainer(tmp_path, max_epochs=2)
    for one in (again, trainer(tmp_path, mine), Trainer(callbacks=mine, fast_dev_run=True, logger=False)):
        one.fit(Plain(), datamodule=BoringDataModule())
    again.test(Plain(), verbose=False)

    runs = [open_run(run_dir.with_name(name)) for name in ("run", "run-2", "run-3")]
    assert [run.state for run in runs] == ["finished"] * 3
    assert [[call.function for call in run.info.calls] for run in runs] == [["fit", "test"], ["fit"], ["fit"]]
    assert _hooks(runs[1])[:2] == ["setup", "setup"]  # the datamodule's is before that of any callback
    assert not run_dir.with_name("run-4").exists()


def test_under_the_other_name_of_lightning(tmp_path: Path, run_dir: Path) -> None:
    import pytorch_lightning
    from pytorch_lightning.__version__ import version
    from pytorch_lightning.demos.boring_classes import BoringModel as Other

    options: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "default_root_dir": tmp_path}
    pytorch_lightning.Trainer(fast_dev_run=2, accelerator="cpu", **options).fit(Other())

    run = open_run(run_dir)
    assert run.state == "finished"
    assert run.info.versions["lightning"] == version
    assert _hooks(run).count("training_step") == 2


def test_a_bare_trainer_is_recorded_too(tmp_path: Path, run_dir: Path) -> None:
    one = Trainer(barebones=True, max_epochs=1, limit_train_batches=2, limit_val_batches=1, default_root_dir=tmp_path)
    one.fit(BoringModel())

    assert open_run(run_dir).state == "finished"
    assert _hooks(open_run(run_dir)).count("training_step") == 2


def test_a_program_of_lightnings_command_line(tmp_path: Path, run_dir: Path) -> None:
    options = {
        "fast_dev_run": 1,
        "accelerator": "cpu",
        "default_root_dir": str(tmp_path),
        "enable_model_summary": False,
    }
    LightningCLI(BoringModel, BoringDataModule, args={"fit": {"trainer": options}, "subcommand": "fit"})

    run = open_run(run_dir)
    assert run.state == "finished"
    assert run.info.model == "BoringModel"
    assert {"train_dataloader", "on_train_batch_end", "on_fit_end"} <= set(_hooks(run))


def test_a_tracer_named_in_a_configuration_of_lightnings_command_line(tmp_path: Path, run_dir: Path) -> None:
    options = {
        "fast_dev_run": 1,
        "accelerator": "cpu",
        "default_root_dir": str(tmp_path),
        "enable_model_summary": False,
        "callbacks": [{"class_path": "tracer.HookTracer", "init_args": {"dirpath": str(tmp_path / "mine")}}],
    }
    LightningCLI(BoringModel, BoringDataModule, args={"fit": {"trainer": options}, "subcommand": "fit"})

    assert open_run(tmp_path / "mine").state == "finished"
    assert not run_dir.exists()


def test_a_trainer_within_a_hook_of_another_is_a_run_of_its_own(tmp_path: Path, run_dir: Path) -> None:
    class Nesting(Callback):
        def on_train_epoch_end(self, outer: Any, pl_module: Any) -> None:
            trainer(tmp_path).fit(Mixed())

    outer = trainer(tmp_path, [Nesting()])
    outer.fit(Plain())

    runs = [open_run(path) for path in (run_dir, run_dir.with_name("run-2"))]
    assert [run.info.model for run in runs] == ["Plain", "Mixed"]
    assert [run.trace().open_rows for run in runs] == [(), ()]
    assert [_hooks(run).count("training_step") for run in runs] == [3, 3]
    assert not run_dir.with_name("run-3").exists()


def test_lightning_does_not_announce_it(run_dir: Path) -> None:
    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    said: list[str] = []
    keeping = Keeping()
    fabric = logging.getLogger("lightning.fabric")
    fabric.addHandler(keeping)
    try:
        made = Trainer(logger=False)
        logging.getLogger("lightning.fabric.utilities.registry").info("Adding 1 callbacks from entry point 'other': X")
    finally:
        fabric.removeHandler(keeping)

    assert sum(type(callback) is HookTracer for callback in vars(made)["callbacks"]) == 1
    assert said == ["Adding 1 callbacks from entry point 'other': X"]


def test_a_fault_costs_the_recording_and_one_warning(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tracer.record.callback", None)  # as if it could not be imported

    with pytest.warns(RuntimeWarning, match="hooktrace: cannot record: ModuleNotFoundError") as warned:
        made = [Trainer(logger=False, enable_checkpointing=False) for _ in range(2)]

    assert len(made) == 2
    assert sum("hooktrace" in str(warning.message) for warning in warned) == 1


class Bringing(Plain):
    """A module that brings a tracer."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def configure_callbacks(self) -> Any:
        return [HookTracer(self.path)]


class MixedBringing(HookTracerMixin, Bringing):
    """The same, with the mixin."""


@pytest.mark.parametrize("fails", [False, True], ids=["", "and the training fails"])
@pytest.mark.parametrize("way", ["callback", "callback and mixin", "module", "module and mixin"])
def test_a_tracer_of_the_programs_own_records(way: str, fails: bool, tmp_path: Path, run_dir: Path) -> None:
    class Failing(Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            if fails:
                raise ArithmeticError

    mine = tmp_path / "mine"
    model = {
        "callback": Plain(),
        "callback and mixin": Mixed(),
        "module": Bringing(mine),
        "module and mixin": MixedBringing(mine),
    }[way]
    given = [HookTracer(mine)] if way.startswith("callback") else []
    one = trainer(tmp_path, [Failing(), *given], enable_checkpointing=False)
    profiler = one.profiler
    try:
        one.fit(model)
    except ArithmeticError:
        assert fails

    assert one.profiler is profiler
    assert open_run(mine).state == ("failed" if fails else "finished")
    assert open_run(mine).trace().open_rows == ()
    assert not run_dir.exists()


def test_the_mixin_records_through_it(tmp_path: Path, run_dir: Path) -> None:
    one = trainer(tmp_path)
    one.fit(Mixed())

    assert sum(type(callback) is HookTracer for callback in one.callbacks) == 1
    assert _hooks(open_run(run_dir))[0] == "configure_callbacks"
    assert {"forward", "log"} <= set(_hooks(open_run(run_dir)))
    assert not run_dir.with_name("run-2").exists()


def _reported(profiler: Any, summary: str) -> dict[str, int]:
    """Actions and how often each was met, as far as a profiler of Lightning's reports it."""
    if isinstance(profiler, SimpleProfiler):
        return {name: len(times) for name, times in profiler.recorded_durations.items()}
    if isinstance(profiler, AdvancedProfiler):
        return dict.fromkeys(re.findall("^Profile stats for: (.*)$", summary, re.MULTILINE), 1)
    assert isinstance(profiler, PyTorchProfiler)
    events: Any = profiler.function_events
    return {event.key: event.count for event in events.key_averages()}


@pytest.mark.parametrize("kind", ["simple", "advanced", "pytorch", SimpleProfiler])
def test_a_profiler_of_the_programs_own_reports_the_same(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def report() -> dict[str, int]:
        one = trainer(tmp_path, profiler=kind if isinstance(kind, str) else kind(), limit_train_batches=4)
        profiler = one.profiler
        summary = profiler.summary
        said: list[str] = []

        def keep() -> str:
            said.append(summary())
            return said[-1]

        profiler.summary = keep
        one.fit(Plain())
        assert one.profiler is profiler
        return _reported(profiler, said[-1])

    expected = report()
    monkeypatch.setenv("HOOKTRACE_DIR", str(tmp_path / "run"))

    assert len(expected) > 10
    assert report() == expected
    assert open_run(tmp_path / "run").state == "finished"
