"""What the live screen costs a training on the same cores, measured within one training.

Two trainings one after another differ by more than the screen costs: the machine is not the same twice. So the screen,
in a terminal of its own, is stopped and let go on in turns while the ConvNet trains, and the batches of either kind of
turn are compared with those of the turns beside it.

`python -m benchmarks.watching [SECONDS]`
"""

import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final

from lightning.pytorch import Callback, Trainer, seed_everything

from benchmarks.report import keep, machine
from demo_model.model import ConvNet
from tracer import HookTracer
from tracer.run.layout import OUTPUT_FILE

_TURN_S: Final = 3.0
_SETTLE_S: Final = 0.5
"""The first part of a turn is left out: the screen catches up with what it has missed."""
_BATCHES: Final = 100_000


# A terminal without a window: what the screen draws is read, so that it never waits, and thrown away.
_TERMINAL = """
import os, pty, subprocess, sys
ours, its = pty.openpty()
viewer = subprocess.Popen([sys.executable, "-m", "tracer", *sys.argv[1:]], stdin=its, stdout=its, stderr=its)
os.close(its)
try:
    while os.read(ours, 1 << 16):
        pass
except OSError:
    pass
sys.exit(viewer.wait())
"""
"""A terminal that shows nothing. The screen stays in its process group, so that signals to the group reach it."""
_SIZE = {"COLUMNS": "120", "LINES": "40", "TERM": "xterm-256color", "COLORTERM": "truecolor", "HOOKTRACE_DISABLED": "0"}
_UNTIL_IT_IS_DRAWN_S = 4.0


@contextmanager
def watched(directory: Path) -> Iterator[int]:
    """The live screen on `directory`/run, which is there before the training begins; gives its process group."""
    run = directory / "run"
    run.mkdir()
    (run / OUTPUT_FILE).touch()
    command = [sys.executable, "-c", _TERMINAL, "watch", str(run)]
    null = subprocess.DEVNULL
    environment = {**os.environ, **_SIZE, "XDG_STATE_HOME": str(directory)}
    viewer = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, env=environment, start_new_session=True)
    sleep(_UNTIL_IT_IS_DRAWN_S)
    try:
        yield viewer.pid
    finally:
        os.killpg(viewer.pid, signal.SIGKILL)
        viewer.wait()


class Turns(Callback):
    """Stops a process group and lets it go on, in turns, and keeps the times of the batches in either."""

    def __init__(self, group: int, seconds: float) -> None:
        self._group = group
        self._until_s = perf_counter() + seconds
        self._turn_s = 0.0
        self._last_s = 0.0
        self._running = True
        self.turns: list[tuple[bool, list[float]]] = []

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """One batch more."""
        now_s = perf_counter()
        if self.turns and now_s - self._turn_s > _SETTLE_S:
            self.turns[-1][1].append(now_s - self._last_s)
        if not self.turns or now_s - self._turn_s > _TURN_S:
            self._running = not self._running
            os.killpg(self._group, signal.SIGCONT if self._running else signal.SIGSTOP)
            self.turns.append((self._running, []))
            self._turn_s = now_s
        self._last_s = now_s
        trainer.should_stop = now_s > self._until_s


def _ratios(turns: list[tuple[bool, list[float]]]) -> list[float]:
    """Of each turn with the screen, its mean batch over that of the turns before and after, which are without."""
    means = [(running, statistics.fmean(times)) for running, times in turns if times]
    return [
        mean / statistics.fmean((means[index - 1][1], means[index + 1][1]))
        for index, (running, mean) in enumerate(means[1:-1], 1)
        if running
    ]


def main() -> None:
    """Prints the ratio."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 90.0
    with tempfile.TemporaryDirectory() as scratch, watched(Path(scratch)) as group:
        seed_everything(1, verbose=False)
        turns = Turns(group, seconds)
        trainer = Trainer(
            callbacks=[HookTracer(Path(scratch) / "run"), turns],
            max_epochs=-1,
            limit_train_batches=_BATCHES,
            limit_val_batches=0,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(ConvNet(data="synthetic", train_size=32_000))
    ratios = sorted(_ratios(turns.turns))
    batches = sum(len(times) for _, times in turns.turns)
    keep("a batch of the ConvNet with the live screen over one without", ratios, 1.02, 3)
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    print(
        f"a batch with the screen over one without: median {statistics.median(ratios):.3f}, half of the turns between "
        f"{low:.3f} and {high:.3f} ({len(ratios)} turns of {_TURN_S:g} s, {batches:,} batches); {machine()}"
    )


if __name__ == "__main__":
    main()
