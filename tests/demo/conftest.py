"""The demo's command line, run inside the test: importing Lightning anew for each test would take six seconds each."""

import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from demo_model.cli import main

Demo = Callable[..., int]

QUICK = ("--data", "synthetic", "--train_size", "128")
FEW = ("--trainer.max_epochs", "1", "--trainer.limit_val_batches", "2", "--trainer.log_every_n_steps", "1")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The network is so small that threads of torch spend their time waiting for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Demo:
    """Runs `python -m demo_model ARGS` in this process and returns its exit code."""
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        monkeypatch.setenv(name, "0")  # so that what seeding leaves behind ends with the test

    def run(*args: str) -> int:
        monkeypatch.setattr(sys, "argv", ["demo_model", *args])
        try:
            return main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 1

    return run


@pytest.fixture
def blank_mnist(tmp_path: Path) -> Path:
    """A whole MNIST of black images, all labelled 0; sparse files, so that it takes no room."""
    raw = tmp_path / "blank" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        write_idx(raw / f"{part}-images-idx3-ubyte", 2051, count, 28, 28)
        write_idx(raw / f"{part}-labels-idx1-ubyte", 2049, count)
    return tmp_path / "blank"


def write_idx(path: Path, *header: int) -> None:
    """An IDX file of zeros with this header: its kind, then the length of each dimension."""
    size = 4 * len(header)
    content = 1
    for length in header[1:]:
        content *= length
    with path.open("wb") as file:
        file.write(struct.pack(f">{len(header)}I", *header))
        file.truncate(size + content)
