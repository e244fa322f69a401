"""The same with a test at the end, of the best checkpoint."""

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.nn.functional import mse_loss

from smallest import BARE, points
from validation import Validated


class Tested(Validated):
    def test_step(self, batch, batch_idx):
        x, y = batch
        self.log("test_loss", mse_loss(self.layer(x), y))


if __name__ == "__main__":
    torch.manual_seed(0)
    best = ModelCheckpoint(dirpath="tested", monitor="val_loss")
    trainer = Trainer(max_epochs=2, callbacks=[best], **BARE | {"enable_checkpointing": True})
    trainer.fit(Tested(), points(64), points(32, seed=1))
    trainer.test(ckpt_path="best", dataloaders=points(32, seed=2))
