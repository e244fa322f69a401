"""A callback and a module with methods that look like hooks, and that Lightning never calls."""

import torch
from lightning.pytorch import Callback, Trainer

from smallest import BARE, Line, points


class Watch(Callback):
    def on_train_epoch_ends(self, trainer, pl_module):
        print("the epoch is over")


class Old(Line):
    def training_step_end(self, output):
        print("the loss is computed")
        return output

    def on_after_optimizer_step(self, optimizer):
        print("the weights have changed")


if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer(max_epochs=2, callbacks=[Watch()], **BARE).fit(Old(), points(64))
