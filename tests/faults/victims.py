"""Real trainings that are there to be killed, and that write down the truth where the recorder has no hand in it.

A victim is forked off a process that has Lightning loaded, which costs milliseconds. The truth is a page of memory that
it shares with its parent: when which hook began and ended. What was written there before a kill is there after it.
"""

import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.demos.boring_classes import BoringModel

from tests.record.endless import many
from tests.record.models import trainer
from tracer import HookTracer

HOOKS: Final = {
    "on_train_batch_start": "module",
    "optimizer_step": "module",
    "training_step": "strategy",
    "on_train_batch_end": "module",
}
"""What a victim writes down, and the kind of owner in whose name Lightning calls it."""
_NAMES: Final = tuple(HOOKS)
_WORDS: Final = 1 << 15
_TICK_S: Final = 0.02


@dataclass(frozen=True)
class Call:
    """A call of a hook as it really was; times of `perf_counter_ns`, None for an end that was not reached."""

    hook: str
    began_ns: int
    ended_ns: int | None


class _Page:
    """Shared memory of words of 64 bits: first how many entries, then a code and a time for each."""

    def __init__(self) -> None:
        self._words = memoryview(mmap.mmap(-1, 8 * _WORDS)).cast("q")

    def put(self, code: int) -> None:
        """Adds an entry: it is there once it is counted."""
        count = self._words[0]
        self._words[1 + 2 * count] = code
        self._words[2 + 2 * count] = perf_counter_ns()
        self._words[0] = count + 1

    def entries(self) -> list[tuple[int, int]]:
        """The codes with their times."""
        words = self._words[: 1 + 2 * self._words[0]].tolist()
        return list(zip(words[1::2], words[2::2], strict=True))


class Truth:
    """What a victim writes down."""

    def __init__(self) -> None:
        self._calls, self._turns = _Page(), _Page()

    def note(self, hook: str, begins: bool) -> None:
        """Writes down that a hook begins or ends now."""
        self._calls.put(_NAMES.index(hook) + 1 if begins else -_NAMES.index(hook) - 1)

    def tick(self) -> None:
        """Writes down that the process has its turn now."""
        self._turns.put(0)

    def calls(self) -> list[Call]:
        """The calls, in order of their beginning."""
        calls: list[Call] = []
        open_calls: list[int] = []
        for code, time_ns in self._calls.entries():
            if code > 0:
                open_calls.append(len(calls))
                calls.append(Call(_NAMES[code - 1], time_ns, None))
            else:
                begun = calls[open_calls[-1]]
                calls[open_calls.pop()] = Call(begun.hook, begun.began_ns, time_ns)
        return calls

    def starved_ns(self, since_ns: int, until_ns: int) -> int:
        """For how long in that time the machine did not let the process have its turn."""
        turns = (at for _, at in self._turns.entries() if since_ns < at < until_ns)
        waits = (after - before - 2 * _TICK_S * 1e9 for before, after in pairwise([since_ns, *turns, until_ns]))
        return int(sum(wait for wait in waits if wait > 0))


class Victim(BoringModel):
    """Trains without end. `held_s`: how long each batch keeps the interpreter lock in one piece."""

    def __init__(self, truth: Truth, held_s: float) -> None:
        super().__init__()
        self._truth = truth
        self._held_s = held_s

    def train_dataloader(self) -> Any:
        return many()

    @contextmanager
    def _noted(self, hook: str) -> Iterator[None]:
        self._truth.note(hook, begins=True)
        time.sleep(0.001)
        yield
        self._truth.note(hook, begins=False)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        with self._noted("on_train_batch_start"):
            pass

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        with self._noted("training_step"):
            return super().training_step(batch, batch_idx)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        with self._noted("optimizer_step"):
            LightningModule.optimizer_step(self, *args, **kwargs)

    def on_train_batch_end(self, *args: Any) -> None:
        with self._noted("on_train_batch_end"):
            if self._held_s:
                _hold(self._held_s, self._truth)


def _hold(seconds: float, truth: Truth) -> None:
    """Keeps the interpreter lock: a thread that wants it gets it only when this is over."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(10)
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s:
        ticked_s = time.perf_counter()
        truth.tick()
        while time.perf_counter() < ticked_s + _TICK_S:
            pass
    sys.setswitchinterval(before)


def start(run_dir: Path, truth: Truth, held_s: float = 0.0) -> int:
    """Forks a victim off; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(os.open(f"{run_dir}.log", os.O_CREAT | os.O_WRONLY), 2)
        os.dup2(2, 1)
        torch.set_num_threads(1)  # those of the parent are not there
        threading.Thread(target=_tick, args=(truth,), daemon=True).start()
        tracer = HookTracer(run_dir)
        options = {"limit_train_batches": 10_000, "limit_val_batches": 0, "logger": False}
        trainer(run_dir.parent, [tracer], enable_checkpointing=False, **options).fit(Victim(truth, held_s))
    finally:
        os._exit(1)


def _tick(truth: Truth) -> None:
    while True:
        truth.tick()
        time.sleep(_TICK_S)


def kill(pid: int) -> int:
    """Kills a victim; returns when, by `perf_counter_ns`."""
    now_ns = perf_counter_ns()
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, f"it ended before it was killed: {status}"
    return now_ns
