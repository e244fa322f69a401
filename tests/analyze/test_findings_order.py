"""Findings about hooks and their order, each on a real training that has the fault, and none on healthy ones."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningDataModule
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel, RandomDataset
from torch.utils.data import DataLoader

from tests.record.models import Manual, Mixed, Plain, TwoLoaders, trainer
from tracer import HookTracer, HookTracerMixin, open_run
from tracer.analyze.findings import Finding, findings


def found(path: Path, model: Any, *callbacks: Any, function: str = "fit", data: Any = None, **options: Any) -> Any:
    """The findings about a real training, by id; a list of two of the same id cannot be told apart and fails."""
    given = [*callbacks, HookTracer(path / "run")]
    getattr(trainer(path, given, **options), function)(model, datamodule=data)
    return by_id(path / "run")


def by_id(run: Path) -> dict[str, Finding]:
    opened = open_run(run)
    all_of_them = findings(opened.trace(), opened.info)
    assert len({(finding.id, finding.hooks) for finding in all_of_them}) == len(all_of_them)
    return {finding.id: finding for finding in all_of_them}


class Printing(Callback):
    """A callback that overrides hooks of all kinds, as one does to see when they are called."""

    def on_train_epoch_end(self, *args: Any) -> None: ...
    def on_validation_end(self, *args: Any) -> None: ...
    def on_validation_epoch_end(self, *args: Any) -> None: ...
    def on_test_end(self, *args: Any) -> None: ...
    def on_exception(self, *args: Any) -> None: ...
    def on_save_checkpoint(self, *args: Any) -> None: ...
    def on_before_zero_grad(self, *args: Any) -> None: ...
    def on_sanity_check_start(self, *args: Any) -> None: ...


@pytest.mark.parametrize("model", [Plain, Mixed, Manual, TwoLoaders, BoringModel])
def test_healthy_runs_have_none(tmp_path: Path, model: type) -> None:
    callbacks = [EarlyStopping("train_loss", strict=False), LearningRateMonitor(), ModelCheckpoint(tmp_path / "saved")]
    assert found(tmp_path, model(), *callbacks, max_epochs=2) == {}


@pytest.mark.parametrize("function", ["validate", "test", "predict"])
def test_other_trainer_functions_have_none(tmp_path: Path, function: str) -> None:
    assert found(tmp_path, Plain(), Printing(), function=function) == {}


@pytest.mark.parametrize(
    "options",
    [
        {"limit_val_batches": 0},
        {"check_val_every_n_epoch": 2},
        {"num_sanity_val_steps": 0},
        {"max_steps": 2, "max_epochs": -1},
        {"accumulate_grad_batches": 4},
        {"fast_dev_run": True},
        {"max_epochs": 0},
    ],
)
def test_what_was_asked_for_is_no_finding(tmp_path: Path, options: dict[str, Any]) -> None:
    class Validating(Plain):
        def validation_step(self, batch: Any, batch_idx: int) -> Any:
            return super().validation_step(batch, batch_idx)

        def on_validation_epoch_end(self) -> None: ...

    assert found(tmp_path, Validating(), Printing(), **options) == {}


def test_manual_optimization_calls_no_hooks_of_the_automatic(tmp_path: Path) -> None:
    class Hand(Manual):
        def optimizer_step(self, *args: Any, **kwargs: Any) -> None: ...
        def configure_gradient_clipping(self, *args: Any, **kwargs: Any) -> None: ...

    finding = found(tmp_path, Hand())["never-called"]

    assert finding.hooks == ("Hand.configure_gradient_clipping", "Hand.optimizer_step")
    assert "manual optimization" in finding.what
    assert finding.sure == "certain"
    assert f"optimizer_step: 0 calls, defined at {__file__}:" in finding.evidence[1]


def test_validation_without_data(tmp_path: Path) -> None:
    class Blind(Plain):
        val_dataloader: Any = None

        def validation_step(self, batch: Any, batch_idx: int) -> Any: ...
        def on_validation_epoch_end(self) -> None: ...

    finding = found(tmp_path, Blind(), Printing())["never-called"]

    assert finding.hooks == ("Blind.on_validation_epoch_end", "Blind.validation_step")
    assert "val_dataloader" in finding.next_step


def test_the_datamodule_is_preferred(tmp_path: Path) -> None:
    class Data(LightningDataModule):
        def train_dataloader(self) -> Any:
            return DataLoader(RandomDataset(32, 8))

        def val_dataloader(self) -> Any:
            return self.train_dataloader()

    class Loading(Plain):
        def train_dataloader(self) -> Any: ...

    finding = found(tmp_path, Loading(), data=Data())["never-called"]

    assert finding.title == "Loading.train_dataloader was never called"
    assert "datamodule" in finding.what


def test_loaders_that_were_passed(tmp_path: Path) -> None:
    class Loading(Plain):
        def train_dataloader(self) -> Any: ...
        def test_dataloader(self) -> Any: ...

    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Loading(), DataLoader(RandomDataset(32, 8)))

    finding = by_id(tmp_path / "run")["never-called"]
    assert finding.hooks == ("Loading.train_dataloader",)
    assert "passed to the trainer" in finding.what


class Old(Plain):
    """Everything that Lightning 2 neither calls nor complains about."""

    def training_step_end(self, *args: Any) -> None: ...
    def on_after_optimizer_step(self) -> None: ...
    def on_train_epoch_ends(self) -> None: ...
    def on_sanity_check_start(self) -> None: ...
    def on_demand(self) -> None: ...
    def on_purpose(self) -> None: ...
    def val_step(self, batch: Any) -> None: ...
    def helper(self) -> None: ...

    def on_fit_start(self) -> None:
        self.on_purpose()


def test_methods_that_only_look_like_hooks(tmp_path: Path) -> None:
    given = HookTracer(tmp_path / "run")
    trainer(tmp_path, [given]).fit(Old())
    opened = open_run(tmp_path / "run")

    told = {finding.hooks[0]: finding for finding in findings(opened.trace(), opened.info)}

    assert {name.removeprefix("Old."): finding.sure for name, finding in told.items()} == {
        "training_step_end": "certain",
        "on_after_optimizer_step": "certain",
        "on_train_epoch_ends": "likely",
        "on_sanity_check_start": "certain",
        "on_demand": "possible",
        "val_step": "likely",
    }
    assert {finding.id for finding in told.values()} == {"not-a-hook"}
    assert told["Old.on_train_epoch_ends"].next_step == "rename it to on_train_epoch_end"
    assert told["Old.val_step"].next_step == "rename it to validation_step"
    assert told["Old.on_sanity_check_start"].next_step == "move it to the callback"


def test_callbacks_that_run_in_another_order_than_given(tmp_path: Path) -> None:
    finding = found(tmp_path, Plain(), ModelCheckpoint(tmp_path / "saved"), Printing())["callback-order"]

    assert finding.title == "ModelCheckpoint not at the place given among the callbacks"
    assert "checkpoints run last" in finding.what
    assert finding.evidence[:2] == (
        "given: ModelCheckpoint, Printing, HookTracer",
        "run:   Printing, ModelCheckpoint",
    )
    assert finding.evidence[2] == "Printing before ModelCheckpoint at on_train_epoch_end, on_validation_end"


def test_batches_that_are_skipped_have_no_end(tmp_path: Path) -> None:
    class Skipping(Plain):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
            return -1 if batch_idx == 1 else None

    finding = found(tmp_path, Skipping(), Printing())["unpaired"]

    assert finding.title == "on_train_batch_start without its on_train_batch_end"
    assert "Skipping.on_train_batch_start: 2 times, on_train_batch_end 1 times" in finding.evidence


def test_an_optimizer_step_that_does_not_step(tmp_path: Path) -> None:
    class Forgetful(Plain):
        def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
            args[3]()

    finding = found(tmp_path / "a", Forgetful())["default-left-out"]
    assert (finding.hooks, finding.sure) == (("Forgetful.optimizer_step",), "likely")
    assert "updates no weights" in finding.what


def test_an_argument_that_is_no_longer_passed(tmp_path: Path) -> None:
    class Indexed(Plain):
        def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_idx: int = 0) -> None:
            optimizer.zero_grad()

    finding = found(tmp_path, Indexed())["removed-argument"]

    assert finding.title == "Indexed.optimizer_zero_grad takes optimizer_idx, which is no longer passed"


def test_modes_left_as_they_are_and_gradients_not_clipped(tmp_path: Path) -> None:
    class Stuck(HookTracerMixin, Plain):
        def on_validation_model_train(self) -> None: ...

    class Unclipped(HookTracerMixin, Plain):
        def configure_gradient_clipping(self, *args: Any, **kwargs: Any) -> None: ...

    assert found(tmp_path / "a", Stuck())["default-left-out"].hooks == ("Stuck.on_validation_model_train",)
    clipped = found(tmp_path / "b", Unclipped(), gradient_clip_val=0.5)
    assert clipped["default-left-out"].hooks == ("Unclipped.configure_gradient_clipping",)
    assert found(tmp_path / "c", Unclipped()) == {}


def test_a_run_that_failed_is_not_blamed_for_what_it_never_reached(tmp_path: Path) -> None:
    class Failing(Plain):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            raise RuntimeError("no")

        def on_train_epoch_end(self) -> None: ...

    with pytest.raises(RuntimeError, match="no"):
        found(tmp_path, Failing(), Printing())
    assert by_id(tmp_path / "run") == {}
