"""The same with two loggers: a table for people and programs, and event files for TensorBoard."""

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from smallest import BARE, points
from validation import Validated

if __name__ == "__main__":
    torch.manual_seed(0)
    loggers = [CSVLogger("logs", name="csv", version=""), TensorBoardLogger("logs", name="tensorboard", version="")]
    trainer = Trainer(max_epochs=2, log_every_n_steps=4, **BARE | {"logger": loggers})
    trainer.fit(Validated(), points(64), points(32, seed=1))
