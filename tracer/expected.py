"""Trains a minimal model and records it: the program behind `hooktrace explain --expected`.

It stands beside the rooms because it belongs to none: it trains, so no verb may load it, and it is no part of the
recorder either, but one more program that has a `HookTracer` among its callbacks. The verb starts it as a process of
its own: `python -m tracer.expected FUNCTION DIRECTORY`.

The model has its steps, the data its loaders, the callback nothing at all. The trainer is as Lightning makes it, but
for what would depend on the machine: it runs on the CPU, in one process, without a progress bar. It is given the
checkpoint that it would add itself, so that it shows where that goes in the order.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, TensorDataset

if TYPE_CHECKING or find_spec("lightning") is not None:
    from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.plugins.environments import LightningEnvironment  # type: ignore[attr-defined]
else:
    from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
    from pytorch_lightning.callbacks import ModelCheckpoint
    from pytorch_lightning.plugins.environments import LightningEnvironment

from tracer.record.callback import HookTracer
from tracer.record.mixin import HookTracerMixin

_EPOCHS, _BATCHES, _VAL_BATCHES, _IN_A_BATCH = 2, 3, 2, 2


class MyModel(HookTracerMixin, LightningModule):
    """One layer and the steps. The mixin records what Lightning dispatches to nobody: `forward`, `backward`, ..."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's output."""
        output: torch.Tensor = self.layer(x)
        return output

    def _loss(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return torch.as_tensor(self(batch[0])).square().mean()

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The loss of a batch."""
        return self._loss(batch)

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The loss of a batch."""
        return self._loss(batch)

    def test_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The loss of a batch."""
        return self._loss(batch)

    def predict_step(self, batch: list[torch.Tensor], batch_idx: int) -> Any:
        """The outputs of a batch."""
        return self(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


class MyData(LightningDataModule):
    """Loaders of a few batches of zeros."""

    def train_dataloader(self) -> Any:
        """Three batches."""
        return _loader(_BATCHES)

    def val_dataloader(self) -> Any:
        """Two batches."""
        return _loader(_VAL_BATCHES)

    def test_dataloader(self) -> Any:
        """Three batches."""
        return _loader(_BATCHES)

    def predict_dataloader(self) -> Any:
        """Three batches."""
        return _loader(_BATCHES)


class MyCallback(Callback):
    """Shows where a callback's hooks are called."""


def _loader(batches: int) -> DataLoader[Any]:
    return DataLoader(TensorDataset(torch.zeros(batches * _IN_A_BATCH, 4)), batch_size=_IN_A_BATCH)


def trace(function: str, directory: Path) -> None:
    """Runs a trainer function for the minimal model.

    Args:
        function: One of `layout.FUNCTIONS`.
        directory: Of a run below it, `run`, where it records; what the trainer writes goes beside it.
    """
    trainer = Trainer(
        max_epochs=_EPOCHS,
        accelerator="cpu",
        devices=1,
        plugins=[LightningEnvironment()],  # not what this machine offers: a cluster would be waited for
        callbacks=[ModelCheckpoint(), MyCallback(), HookTracer(directory / "run")],
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=directory,
    )
    getattr(trainer, function)(MyModel(), datamodule=MyData())


if __name__ == "__main__":
    trace(sys.argv[1], Path(sys.argv[2]))
