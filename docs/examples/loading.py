"""A data set that takes 10 ms for each batch, and a module that takes much less."""

import time

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, Dataset

from smallest import BARE, Line


class Slow(Dataset):
    def __len__(self):
        return 800

    def __getitem__(self, index):
        time.sleep(0.00125)
        x = torch.tensor([index / 800])
        return x, 2 * x + 1


if __name__ == "__main__":
    torch.manual_seed(0)
    Trainer(max_epochs=2, **BARE).fit(Line(), DataLoader(Slow(), batch_size=8))
