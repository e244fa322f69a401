"""Tiny models and trainers: real Lightning, milliseconds a run."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel, RandomDataset
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from tracer import HookTracerMixin


class Plain(BoringModel):
    """Without the mixin; logs, and brings its own `on_validation_model_train` as the demo does."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        output: Any = super().training_step(batch, batch_idx)
        self.log("loss", output["loss"])
        return output

    def on_validation_model_train(self) -> None:
        self.trainer.lightning_module.train()


class Mixed(HookTracerMixin, Plain):
    """The same with the mixin."""


class Manual(HookTracerMixin, BoringModel):
    """Manual optimization; raises in the optimizer's step if told to."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizer = self.optimizers()
        optimizer.zero_grad()  # type: ignore[union-attr]  # one optimizer, so one object
        self.manual_backward(self.step(batch))
        optimizer.step()  # type: ignore[union-attr]


class TwoLoaders(Plain):
    """Validates on two dataloaders of different length."""

    def val_dataloader(self) -> Any:
        return [DataLoader(RandomDataset(32, length)) for length in (2, 3)]

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
        return super().validation_step(batch, batch_idx)


def trainer(root: Path, callbacks: Any = (), **options: Any) -> Any:
    """A quiet `Trainer` for a few batches (`Any`: Lightning sets most of its attributes from elsewhere)."""
    settings: dict[str, Any] = {
        "max_epochs": 1,
        "limit_train_batches": 3,
        "limit_val_batches": 2,
        "limit_test_batches": 2,
        "limit_predict_batches": 2,
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": root,
        "logger": CSVLogger(root),
        "log_every_n_steps": 1,
    }
    return Trainer(callbacks=list(callbacks), **(settings | options))


def weights(model: LightningModule) -> list[torch.Tensor]:
    """A copy of the parameters."""
    return [parameter.detach().clone() for parameter in model.parameters()]
