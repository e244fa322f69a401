"""The smallest Lightning program: a module, data, a Trainer."""

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset


class Line(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        x, y = batch
        return mse_loss(self.layer(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def points(count, seed=0):
    """Points of y = 2x + 1, eight to a batch."""
    x = torch.rand(count, 1, generator=torch.Generator().manual_seed(seed))
    return DataLoader(TensorDataset(x, 2 * x + 1), batch_size=8)


# What a Trainer brings along by itself; the steps below put it back.
BARE = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}

if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer(max_epochs=2, **BARE).fit(Line(), points(64))
