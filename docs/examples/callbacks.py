"""The same with callbacks: two of Lightning's and one of our own."""

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from smallest import BARE, points
from validation import Validated


class Slope(Callback):
    """Prints the slope of the line, which should become 2."""

    def on_train_epoch_end(self, trainer, pl_module):
        print(f"epoch {trainer.current_epoch}: slope {pl_module.layer.weight.item():.2f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    callbacks = [
        ModelCheckpoint(dirpath="checkpoints", monitor="val_loss"),
        Slope(),
        EarlyStopping(monitor="val_loss", min_delta=0.01),
    ]
    trainer = Trainer(max_epochs=50, callbacks=callbacks, **BARE | {"enable_checkpointing": True})
    trainer.fit(Validated(), points(64), points(32, seed=1))
