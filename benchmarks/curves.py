"""What the losses cost: following metrics.csv, and drawing its curves anew at each portion of rows.

`python -m benchmarks.curves [--rows 50000]`
"""

import argparse
import asyncio
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from textual.app import App, ComposeResult

from benchmarks.report import machine, spread
from tracer.run.metrics import Metrics, MetricsReader
from tui.widgets.losses import LossesPane

_HEADER: Final = "epoch,lr,step,train_loss_epoch,train_loss_step,val_acc,val_loss\n"
_EPOCH: Final = 2_500
_PORTION: Final = 50
"""So many rows the CSVLogger writes at once or more."""
_DRAWS: Final = 20


class _Screen(App[None]):
    """The pane by itself, as large as on a screen of 120x40."""

    CSS = "LossesPane { width: 60; height: 20; }"

    def compose(self) -> ComposeResult:
        """The pane."""
        yield LossesPane(id="losses")


def rows() -> Iterator[str]:
    """Lines of a file without end: a loss a step, a validation and a mean an epoch."""
    step = 0
    while True:
        loss = 2.3 * math.exp(-step / 20_000) + 0.1 * math.sin(step * 0.7) ** 2 + 0.1
        yield f"{step // _EPOCH},0.001,{step},,{loss},,\n"
        step += 1
        if step % _EPOCH == 0:
            yield f"{step // _EPOCH - 1},,{step - 1},,,{1 - loss / 3},{loss * 1.1}\n"
            yield f"{step // _EPOCH - 1},,{step - 1},{loss},,,\n"


def _timed_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def _reading(path: Path, lines: Iterator[str]) -> tuple[list[Metrics], list[float]]:
    """Follows the file while it grows; what each poll said and took, in ms."""
    reader = MetricsReader(path)
    took = [_timed_ms(reader.poll)]
    said = [reader.poll()]
    for _ in range(_DRAWS):
        with path.open("a", encoding="utf-8") as file:
            file.writelines(next(lines) for _ in range(_PORTION))
        took.append(_timed_ms(reader.poll))
        said.append(reader.poll())
    return said, took


async def _drawing(said: list[Metrics], key: str | None) -> list[float]:
    """Processor time of each drawing, the painting of the screen included, in ms."""
    app = _Screen()
    took = []
    async with app.run_test(size=(60, 20)) as pilot:
        pane = app.query_one(LossesPane)
        pane.show(said[0])
        if key is not None:
            pane.next_smoothing()
        await pilot.pause()
        for metrics in said[1:]:
            start = time.process_time()
            pane.show(metrics)
            await pilot.pause()
            took.append((time.process_time() - start) * 1e3)
    return took


def main() -> None:
    """Prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    count = parser.parse_args().rows
    print(f"the curves of {count:,} rows; {machine()}")
    with tempfile.TemporaryDirectory() as scratch:
        path, lines = Path(scratch) / "metrics.csv", rows()
        path.write_text(_HEADER + "".join(next(lines) for _ in range(count)), encoding="utf-8")
        said, took = _reading(path, lines)
    print(f"  reading the file                {took[0]:7.1f} ms")
    print(f"  reading {_PORTION} rows that were added   {spread(took[1:], 1)} ms")
    for name, key in (("drawing, median (range)", None), ("the same, smoothed", "s")):
        print(f"  {name:30} {spread(asyncio.run(_drawing(said, key)), 1)} ms")


if __name__ == "__main__":
    main()
