"""Two processes that train together, until one of them waits for the other in a place where the other never comes."""

import signal

import torch
from lightning.pytorch import Callback, Trainer

from smallest import BARE, Line, points


class Uneven(Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_rank == 0 and batch_idx == 2:
            trainer.strategy.barrier()  # rank 1 does not


if __name__ == "__main__":
    signal.alarm(30)  # otherwise it would hang for half an hour: kill it after 30 s
    torch.manual_seed(0)
    trainer = Trainer(max_epochs=1, accelerator="cpu", strategy="ddp", devices=2, callbacks=[Uneven()], **BARE)
    trainer.fit(Line(), points(64))
