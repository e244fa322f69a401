"""The ways in: callback, mixin, both; one trainer or several, once or again; where the run goes."""

from pathlib import Path
from typing import Any

import lightning
import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringDataModule
from lightning.pytorch.utilities.model_helpers import is_overridden

from tests.record.models import Mixed, Plain, trainer
from tracer import HookTracer, HookTracerMixin, Trace, open_run


def _hooks(trace: Trace) -> list[str]:
    return [trace.actions[number].hook for number in trace.action]


def test_callback_sees_everything_from_prepare_data_on(tmp_path: Path) -> None:
    class Data(BoringDataModule):
        def prepare_data(self) -> None:
            """Overridden, so Lightning calls it."""

    run = trainer(tmp_path, [Callback(), HookTracer(tmp_path / "run")])
    run.fit(Plain(), datamodule=Data())
    hooks = _hooks(open_run(tmp_path / "run").trace())
    assert hooks[:3] == ["prepare_data", "setup", "setup"]
    assert hooks[-1] == "teardown"


def test_mixin_alone_records_everything(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.fit(Mixed())
    recorded = open_run(Path(run.log_dir or "") / "hooktrace")
    hooks = _hooks(recorded.trace())
    assert hooks[0] == "configure_callbacks"
    assert {"forward", "backward", "log", "zero_grad", "train", "on_train_batch_end"} <= set(hooks)
    assert recorded.metrics_path == Path(run.log_dir or "") / "hooktrace" / ".." / "metrics.csv"
    assert recorded.metrics().names == ("loss",)


@pytest.mark.parametrize("make", [Plain, Mixed])
def test_a_bare_trainer_is_recorded(make: type[Plain], tmp_path: Path) -> None:
    given: list[Callback] = [HookTracer()] if make is Plain else []
    few: dict[str, Any] = {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1}
    run = Trainer(barebones=True, callbacks=given, accelerator="cpu", default_root_dir=tmp_path, **few)
    run.fit(make())
    recorded = open_run(tmp_path / "hooktrace")
    assert recorded.state == "finished"
    assert _hooks(recorded.trace()).count("training_step") == 2
    assert ("forward" in _hooks(recorded.trace())) == (make is Mixed)


def test_versions_are_those_of_the_program(tmp_path: Path) -> None:
    class Own(Trainer):
        """A Trainer that a program derives for itself."""

    options: dict[str, Any] = {"callbacks": [HookTracer(tmp_path / "run")], "logger": False, "fast_dev_run": True}
    Own(**options, enable_progress_bar=False, default_root_dir=tmp_path).fit(Plain())
    assert open_run(tmp_path / "run").info.versions["lightning"] == lightning.__version__


def test_a_tracer_that_is_there_wins_over_the_mixins_own(tmp_path: Path) -> None:
    class Bringing(Mixed):
        def configure_callbacks(self) -> Any:
            return [HookTracer(tmp_path / "mine")]

    for model, name in ((Mixed(), "given"), (Bringing(), "mine")):
        run = trainer(tmp_path, [HookTracer(tmp_path / name)] if name == "given" else [])
        run.fit(model)
        assert sum(isinstance(callback, HookTracer) for callback in run.callbacks) == 1
        assert open_run(tmp_path / name).state == "finished"


def test_one_trainer_asked_several_times_is_one_run(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    model = Mixed()
    run.fit(model)
    run.validate(model, verbose=False)
    run.test(model, verbose=False)
    recorded = open_run(Path(run.log_dir or "") / "hooktrace")
    assert [(call.function, call.state) for call in recorded.info.calls] == [
        ("fit", "finished"),
        ("validate", "finished"),
        ("test", "finished"),
    ]
    trace = recorded.trace()
    assert trace.contexts.call.max() == 2
    assert {"on_fit_end", "on_validation_start", "on_test_start"} <= set(_hooks(trace))


def test_a_tracer_that_comes_late_records_the_rest(tmp_path: Path) -> None:
    class Adding(Callback):
        def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
            trainer.callbacks.append(HookTracer(tmp_path / "run"))

    run = trainer(tmp_path, [Adding()], enable_checkpointing=False)
    run.fit(Plain())
    recorded = open_run(tmp_path / "run")
    assert recorded.state == "finished"
    assert {"on_fit_start", "on_train_batch_end", "on_fit_end"} <= set(_hooks(recorded.trace()))


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKTRACE_DIR", str(tmp_path / "run"))
    for _ in range(3):
        trainer(tmp_path).fit(Mixed())
    spans = [len(open_run(tmp_path / name).trace()) for name in ("run", "run-2", "run-3")]
    assert spans[0] == spans[1] == spans[2] > 100


def test_override_that_calls_super_is_one_call(tmp_path: Path) -> None:
    class Calling(Mixed):
        def forward(self, x: Any) -> Any:
            return super().forward(x)

    trainer(tmp_path, [HookTracer(tmp_path / "run")], num_sanity_val_steps=0, limit_val_batches=0).fit(Calling())
    assert _hooks(open_run(tmp_path / "run").trace()).count("forward") == 3


def test_mixin_without_trainer_is_a_plain_module() -> None:
    model = Mixed()
    model.train()
    model.zero_grad()
    assert model(next(iter(model.train_dataloader()))).shape == (1, 2)


def test_mixin_hides_nobodys_override(tmp_path: Path) -> None:
    seen: list[str] = []

    class Other(LightningModule):
        """Another base, behind the one with the mixin, with functions of its own."""

        def configure_callbacks(self) -> Any:
            seen.append("configure_callbacks")
            return []

        def zero_grad(self, set_to_none: bool = True) -> None:
            seen.append("zero_grad")
            super().zero_grad(set_to_none)

    class First(HookTracerMixin, LightningModule):
        """Only inherits what is recorded."""

    class Diamond(First, Other, Plain):
        """Without the mixin, `Other` would come before Lightning's own functions."""

    assert is_overridden("configure_callbacks", Diamond(), LightningModule)
    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Diamond())
    assert seen[:2] == ["configure_callbacks", "zero_grad"]
    hooks = _hooks(open_run(tmp_path / "run").trace())
    assert hooks.count("zero_grad") == seen.count("zero_grad")
    assert hooks.count("configure_callbacks") == 1
