"""Which digits to learn from: turns `--data`, `--data_dir` and `--train_size` into three sets of digits.

The sets keep the proportions of MNIST with a validation set of 5,000: eleven parts for training, one for validation,
two for testing, so that a quick run on few images is quick in every loop.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import Dataset, Subset, random_split

from demo_model import mnist, synthetic
from demo_model.digits import Batch
from demo_model.errors import DataError

Source = Literal["mnist", "synthetic"]

MNIST_TRAIN, MNIST_VAL = 55_000, 5_000
SYNTHETIC_TRAIN = 11_000
_SPLIT_SEED = 42
_DRAWING_SEEDS = 1, 2, 3
"""Of training, validation and test digits."""


@dataclass(frozen=True)
class Splits:
    """The digits to train on, to validate on while training, and to test on at the end."""

    train: Dataset[Batch]
    val: Dataset[Batch]
    test: Dataset[Batch]


def prepare(data: Source | Literal["auto"], data_dir: Path) -> None:
    """Sees to it that `load` will find its digits: checks MNIST, downloads it if need be. In one process only.

    Raises DataError when MNIST is damaged, or asked for and not to be had.
    """
    if data == "synthetic":
        return
    if not mnist.is_present(data_dir):
        _download(data_dir, optional=data == "auto")
    if mnist.is_present(data_dir):
        mnist.check(data_dir)


def load(data: Source | Literal["auto"], data_dir: Path, train_size: int | None = None) -> Splits:
    """The digits, `train_size` of them for training (None: 55,000 of MNIST, 11,000 drawn ones).

    Raises DataError when there are not that many.
    """
    if data == "synthetic" or (data == "auto" and not mnist.is_present(data_dir)):
        return _drawn(train_size or SYNTHETIC_TRAIN)
    return _real(data_dir, train_size or MNIST_TRAIN)


def _download(data_dir: Path, optional: bool) -> None:
    rank_zero_info(f"MNIST is not in {data_dir}: downloading it (12 MB)")
    try:
        mnist.download(data_dir)
    except DataError as error:
        if not optional:
            raise DataError(f"{error}; --data synthetic needs no download") from error
        rank_zero_info(f"{error}: training on synthetic digits instead")


def _drawn(count: int) -> Splits:
    train, val, test = (synthetic.draw(size, seed) for size, seed in zip(_sizes(count), _DRAWING_SEEDS, strict=True))
    return Splits(train, val, test)


def _real(data_dir: Path, count: int) -> Splits:
    if count > MNIST_TRAIN:
        raise DataError(f"train_size {count:,} is too many: MNIST has {MNIST_TRAIN:,} training images")
    generator = torch.Generator().manual_seed(_SPLIT_SEED)
    train, val = random_split(mnist.load(data_dir, train=True), [MNIST_TRAIN, MNIST_VAL], generator)
    test = mnist.load(data_dir, train=False)
    sizes = _sizes(count)
    return Splits(_first(train, sizes[0]), _first(val, sizes[1]), _first(test, sizes[2]))


def _sizes(train: int) -> tuple[int, int, int]:
    return train, max(1, train // 11), max(1, 2 * train // 11)


def _first(digits: Dataset[Batch], count: int) -> Dataset[Batch]:
    return Subset(digits, range(count))
