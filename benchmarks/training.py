"""What recording costs a whole training, against no tracer and other tools, in interleaved rounds.

Two programs: an empty loop (Lightning's BoringModel: nothing but hooks, the worst case) and the ConvNet of the demo on
digits. Every round runs every way once, in an order that turns, so that a machine that slows down slows all of them.
Two trainings differ by more than the live screen costs; `benchmarks.watching` measures that within one. VizTracer
traces every function, not hooks alone; it is measured if it is installed (`pip install 'hooktrace[bench]'`).
"""

import logging
import os
import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.demos.boring_classes import BoringModel, RandomDataset
from torch.utils.data import DataLoader

from benchmarks.report import keep, machine, spread
from benchmarks.watching import watched
from demo_model.model import ConvNet
from tracer import HookTracer

ROUNDS = 7
WAYS = ("none", "hooktrace", "and the screen", "simple", "advanced", "viztracer")
_OURS = ("hooktrace", "and the screen")
EMPTY_BATCHES = 1000
CONVNET_BATCHES = 250


class Empty(BoringModel):
    """A model that hardly computes."""

    def train_dataloader(self) -> Any:
        return DataLoader(RandomDataset(32, EMPTY_BATCHES))


def _options(way: str, directory: str) -> dict[str, Any]:
    if way in _OURS:
        return {"callbacks": [HookTracer(Path(directory) / "run")]}
    return {"profiler": way} if way in ("simple", "advanced") else {}


@contextmanager
def _beside(way: str, directory: str) -> Iterator[None]:
    """What runs besides the training, begun before the clock starts."""
    if way == "and the screen":
        with watched(Path(directory)):
            yield
    elif way == "viztracer":
        with import_module("viztracer").VizTracer(
            verbose=0, output_file=f"{directory}/viztracer.json", ignore_c_function=True
        ):
            yield
    else:
        yield


def _seconds(make: Callable[[], LightningModule], batches: int, way: str) -> float:
    # The ConvNet brings a tracer of its own (the mixin), which must be silent where another way is measured.
    os.environ["HOOKTRACE_DISABLED"] = "0" if way in _OURS else "1"
    with tempfile.TemporaryDirectory() as directory:
        seed_everything(1, verbose=False)
        trainer = Trainer(
            max_epochs=1,
            limit_train_batches=batches,
            limit_val_batches=0,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **_options(way, directory),
        )
        model = make()
        with _beside(way, directory):
            start = perf_counter()
            trainer.fit(model)
            return perf_counter() - start


def _measure(title: str, make: Callable[[], LightningModule], batches: int, goals: Mapping[str, float]) -> None:
    ways = [way for way in WAYS if way != "viztracer" or find_spec("viztracer") is not None]
    _seconds(make, batches, "none")  # warms up
    rounds: list[Mapping[str, float]] = []
    for index in range(ROUNDS):
        turned = ways[index % len(ways) :] + ways[: index % len(ways)]
        rounds.append({way: _seconds(make, batches, way) for way in turned})
    print(f"{title}: {batches} batches x {ROUNDS} rounds, ratio to no profiler of the same round; {machine()}")
    for way in ways:
        ratios = [row[way] / row["none"] for row in rounds]
        per_batch_us = statistics.median(row[way] for row in rounds) / batches * 1e6
        if way in goals:
            keep(f"{title}, {way} over nothing", ratios, goals[way], 3)
        print(f"  {way:14} {per_batch_us:8.0f} us a batch   ratio {spread(ratios, 3)}")


def main() -> None:
    """Prints both tables."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    _measure("empty loop", Empty, EMPTY_BATCHES, {"hooktrace": 1.0})
    train = partial(ConvNet, data="synthetic", train_size=32 * CONVNET_BATCHES)
    _measure("ConvNet", train, CONVNET_BATCHES, {"hooktrace": 1.01, "and the screen": 1.02})


if __name__ == "__main__":
    main()
