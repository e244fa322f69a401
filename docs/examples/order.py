"""Four callbacks; in which order are they called?"""

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from smallest import BARE, points
from validation import Validated


class First(Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        pass

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        pass


class Second(First):
    pass


if __name__ == "__main__":
    torch.manual_seed(0)
    callbacks = [ModelCheckpoint(dirpath="order"), First(), EarlyStopping(monitor="val_loss"), Second()]
    trainer = Trainer(max_epochs=2, callbacks=callbacks, **BARE | {"enable_checkpointing": True})
    trainer.fit(Validated(), points(64), points(32, seed=1))
