"""What the gate costs a training while nothing is armed, while something is, and how fast a step is answered.

Three figures. A look at the control page, which a batch pays while nothing is armed, beside the batch of a model that
hardly computes. A whole training of that model with a breakpoint that is never met, against the same with nothing
armed, in interleaved rounds. The time from asking for a step to the trainer's answer, over whole batches of hooks.
"""

import logging
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.demos.boring_classes import BoringModel, RandomDataset
from torch.utils.data import DataLoader

from benchmarks.report import machine, spread
from tracer import HookTracer
from tracer.run.breakpoints import parse_breakpoint
from tracer.run.control import ControlPage, ControlViewer, Reply, Request

BATCHES = 1000
ROUNDS = 9
LOOKS = 200_000
STEPS = 400
_POLL_S = 0.0002
_BEAT_S = 0.2
_DEADLINE_S = 30.0


class Empty(BoringModel):
    """A model that hardly computes."""

    def train_dataloader(self) -> Any:
        return DataLoader(RandomDataset(32, BATCHES))


class _Arming(Callback):
    """Sets a breakpoint that is never met, right before the clock starts; measures the batches alone."""

    def __init__(self, run_dir: Path, armed: bool) -> None:
        self._viewer = ControlViewer(run_dir)
        self._armed = armed
        self._stop = threading.Event()
        self._start = 0.0
        self.seconds = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if self._armed:
            self._viewer.set_breakpoints((parse_breakpoint("never_called"),))
            threading.Thread(target=self._live, daemon=True).start()
        self._start = perf_counter()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self.seconds = perf_counter() - self._start
        self._stop.set()
        assert bool(self._viewer.status().breakpoints) == self._armed, "what was armed did not stay so"

    def _live(self) -> None:
        while not self._stop.wait(_BEAT_S):
            self._viewer.beat()


def _train(directory: Path, *callbacks: Callback) -> None:
    seed_everything(1, verbose=False)
    Trainer(
        max_epochs=1,
        limit_val_batches=0,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[*callbacks, HookTracer(directory / "run")],
    ).fit(Empty())


def _seconds(armed: bool) -> float:
    with tempfile.TemporaryDirectory() as name:
        arming = _Arming(Path(name) / "run", armed)
        _train(Path(name), arming)
        return arming.seconds


def _ns_per_look() -> float:
    with tempfile.TemporaryDirectory() as name:
        page = ControlPage(Path(name))
        start = perf_counter_ns()
        for _ in range(LOOKS):
            page.pending()
        return (perf_counter_ns() - start) / LOOKS


def _await(reached: Callable[[], Any]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError("the training does not answer")
        time.sleep(_POLL_S)


def _steps_ms() -> list[float]:
    """Milliseconds from asking to the answer, of one step after another in the batches of a training."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        training = threading.Thread(target=_train, args=(directory,))
        training.start()
        viewer = ControlViewer(directory / "run")
        try:
            _await(lambda: viewer.status().listening)
            return [_answered_ms(viewer, Request.STEP_BATCH if not index else Request.STEP) for index in range(STEPS)][
                1:
            ]
        finally:
            viewer.release()
            training.join()


def _answered_ms(viewer: ControlViewer, what: Request) -> float:
    start = perf_counter()
    number = viewer.request(what)
    _await(lambda: viewer.reply(number))
    elapsed_ms = (perf_counter() - start) * 1e3
    if viewer.reply(number) is not Reply.DONE:
        raise RuntimeError(f"a step was answered with {viewer.reply(number).name}")
    return elapsed_ms


def main() -> None:
    """Prints the three figures."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    _seconds(armed=False)  # warms up
    rounds = []
    for index in range(ROUNDS):
        both = {armed: _seconds(armed) for armed in ((False, True) if index % 2 else (True, False))}
        rounds.append((both[False], both[True]))
    batch_ns = statistics.median(free for free, _ in rounds) / BATCHES * 1e9
    looks = [_ns_per_look() for _ in range(ROUNDS)]
    steps_ms = sorted(_steps_ms())
    print(f"gate, {BATCHES} empty batches x {ROUNDS} rounds; {machine()}")
    shares = [1 + 2 * look / batch_ns for look in looks]
    print(
        f"  nothing armed     {spread(looks, 0)} ns a look, two a batch of {batch_ns / 1e3:.0f} us: {spread(shares, 5)}"
    )
    print(f"  armed, not met    ratio {spread([armed / free for free, armed in rounds], 3)}")
    quantiles = statistics.quantiles(steps_ms, n=20)
    print(f"  a step answered   p50 {quantiles[9]:.2f} ms, p95 {quantiles[18]:.2f} ms, max {steps_ms[-1]:.2f} ms")


if __name__ == "__main__":
    main()
