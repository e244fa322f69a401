"""The same with validation and with metrics."""

import torch
from lightning.pytorch import Trainer
from torch.nn.functional import mse_loss

from smallest import BARE, Line, points


class Validated(Line):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", mse_loss(self.layer(x), y))


if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer(max_epochs=2, **BARE).fit(Validated(), points(64), points(32, seed=1))
