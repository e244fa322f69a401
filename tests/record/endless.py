"""Data for long runs of a tiny model."""

from lightning.pytorch.demos.boring_classes import RandomDataset
from torch.utils.data import DataLoader


def many() -> DataLoader[object]:
    """Ten thousand batches."""
    return DataLoader(RandomDataset(32, 10_000))
