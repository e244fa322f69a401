"""Real trainers, a few batches each, that together call every hook there is something to say about."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.demos.boring_classes import RandomDataset
from torch.utils.data import DataLoader

from tests.record.models import Manual, Mixed, trainer
from tracer.testing import recording
from tracer.testing.calls import CallTrace


class Data(LightningDataModule):
    """Brings every hook of a datamodule but those of the batch transfer, which are the module's then."""

    def prepare_data(self) -> None:
        pass

    def setup(self, stage: str) -> None:
        self.length = 8

    def train_dataloader(self) -> Any:
        return DataLoader(RandomDataset(32, self.length))

    val_dataloader = test_dataloader = predict_dataloader = train_dataloader

    def state_dict(self) -> dict[str, Any]:
        return {"length": 8}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.length = state_dict["length"]


class Full(Mixed):
    """Brings what Lightning calls only where there is one."""

    def prepare_data(self) -> None:
        pass

    def configure_model(self) -> None:
        pass

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("val_loss", 1.0)
        return super().validation_step(batch, batch_idx)

    def test_step(self, batch: Any, batch_idx: int) -> Any:
        self.log_dict({"test_loss": 1.0})
        return super().test_step(batch, batch_idx)

    def on_test_model_train(self) -> None:
        self.train()


class Toggling(Manual):
    """Manual optimization that says whose parameters are trained."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizer = self.optimizers()
        self.toggle_optimizer(optimizer)  # type: ignore[arg-type]  # one optimizer, so one object
        super().training_step(batch, batch_idx)
        self.untoggle_optimizer(optimizer)  # type: ignore[arg-type]


class Failing(Mixed):
    """Raises in its first training step."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        raise ZeroDivisionError


class Sharded(Mixed):
    """Brings the hook that `configure_model` has replaced."""

    def configure_sharded_model(self) -> None:
        pass


class Stateful(Callback):
    """Has something to save."""

    def state_dict(self) -> dict[str, Any]:
        return {"seen": 1}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        assert state_dict == {"seen": 1}


def recorded_lessons(root: Path) -> dict[str, CallTrace]:
    """The calls of each trainer, by what it is there for."""
    saved = root / "saved.ckpt"
    return {
        "everything": _everything(root, saved),
        "resumed": _fit(trainer(root, [Stateful()], max_epochs=3), Full(), datamodule=Data(), ckpt_path=saved),
        "no sanity check": _fit(trainer(root, [Stateful()], num_sanity_val_steps=0), Mixed()),
        "manual": _fit(trainer(root, [Stateful()]), Toggling()),
        "failed": _fit(trainer(root, [Stateful()]), Failing(), datamodule=Data()),
        "sharded": _fit(trainer(root, [Stateful()], limit_train_batches=1), Sharded()),
    }


def _everything(root: Path, saved: Path) -> CallTrace:
    """Two epochs that accumulate and clip and validate, then each of the other functions."""
    callbacks = [Stateful(), ModelCheckpoint(root / "checkpoints")]
    options = {"max_epochs": 2, "limit_train_batches": 4, "accumulate_grad_batches": 2, "gradient_clip_val": 0.5}
    one, model, data = trainer(root, callbacks, **options), Full(), Data()
    with recording(one) as result:
        one.fit(model, data)
        one.save_checkpoint(saved)
        one.validate(model, data, verbose=False)
        one.test(model, data, ckpt_path=saved, verbose=False)
        one.predict(model, data)
    return result.trace


def _fit(one: Any, model: Any, **options: Any) -> CallTrace:
    with recording(one) as result, suppress(ZeroDivisionError):
        one.fit(model, **options)
    return result.trace
