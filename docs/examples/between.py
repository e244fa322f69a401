"""Short epochs, and something slow between them."""

import time

import torch
from lightning.pytorch import Callback, Trainer

from smallest import BARE, Line, points


class Report(Callback):
    """Stands for whatever people do at the end of an epoch: here, for 0.3 s of it."""

    def on_train_epoch_end(self, trainer, pl_module):
        time.sleep(0.3)


if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer(max_epochs=6, callbacks=[Report()], **BARE).fit(Line(), points(256))
