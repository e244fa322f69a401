"""A callback that takes longer the longer it trains; after ten epochs somebody has enough and presses Ctrl-C."""

import os
import signal
import time

import torch
from lightning.pytorch import Callback, Trainer

from smallest import BARE, Line, points


class History(Callback):
    """Keeps every loss, and from the fifth epoch on looks through all that it has kept."""

    def __init__(self):
        self.losses = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(outputs["loss"].item())
        if trainer.current_epoch >= 4:
            time.sleep(len(self.losses) / 20_000)

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 10:
            os.kill(os.getpid(), signal.SIGINT)  # what Ctrl-C does


if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer(max_epochs=100, callbacks=[History()], **BARE).fit(Line(), points(256))
