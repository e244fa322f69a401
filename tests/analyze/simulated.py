"""Trainings whose times are made up: a known loop with jitter, outliers and drifting load, and one effect or none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.analyze.streams import script_actions, taken_in
from tests.builders import MS, Script, records, run_json
from tracer.run.info import RunInfo, read_info
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER, RUN_FILE, STAGES, write_json
from tracer.run.trace import Trace

COSTS_MS: Mapping[str, float] = {
    "train_dataloader_next": 0.4,
    "training_step": 9.0,
    "backward": 7.0,
    "step": 2.0,
    "validation_step": 6.0,
    "val_next": 0.3,
    "save_checkpoint": 15.0,
    "gap": 0.3,
    "between": 20.0,
}
_OTHER_MS = 0.02
Effect = Callable[[str, int, int], float]
"""By how much a hook takes longer: of its label, the epoch, and how many batches there were."""


@dataclass
class Simulation(Script):
    """Plays trainings in which each call takes its cost with lognormal jitter, and one of 200 ten times as long."""

    callbacks: tuple[str, ...] = ("Printing", "TQDMProgressBar", "ModelCheckpoint")
    seed: int = 0
    costs_ms: Mapping[str, float] = field(default_factory=dict)
    effect: Effect = lambda label, epoch, batch: 1.0
    epoch: int = 0
    batch: int = 0

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        self._load = 1.0
        self._costs = {**COSTS_MS, **self.costs_ms}

    def cost_ns(self, owner: str, hook: str) -> int:
        label = f"{owner}.{hook}"
        cost = self._costs.get(label, self._costs.get(hook, _OTHER_MS)) * self.effect(label, self.epoch, self.batch)
        jitter = self._random.lognormal(0, 0.25) * (10 if self._random.random() < 0.005 else 1)
        return int(cost * jitter * self._load * MS)

    def wait(self, what: str) -> None:
        """Time in no call."""
        self.now_ns += self.cost_ns("", what)

    def call(self, kind: str, owner: str, hook: str, *inside: Callable[[], None]) -> None:
        number = self.actions.setdefault((kind, owner, hook), len(self.actions))
        self.events.append((number << 52) + self.now_ns)
        for play in inside:
            play()
        self.now_ns += self.cost_ns(owner, hook)
        self.events.append((~number << 52) + self.now_ns)

    def everyone(self, hook: str) -> None:
        for callback in self.callbacks:
            self.call("callback", callback, hook)
        self.call("module", "TinyModel", hook)

    def train_batch(self, index: int) -> None:
        self._load = 0.97 * self._load + 0.03 * self._random.lognormal(0, 0.5)  # a machine with other work to do
        self.mark(batch=index)
        self.call("loop", "_TrainingEpochLoop", "train_dataloader_next")
        self.call("strategy", "SingleDeviceStrategy", "batch_to_device")
        self.everyone("on_train_batch_start")
        self.call("loop", "", "run_training_batch", self._optimize)
        self.batch += 1
        self.mark(step=self.batch)
        self.everyone("on_train_batch_end")
        self.wait("gap")

    def _optimize(self) -> None:
        self.call("module", "TinyModel", "optimizer_step", lambda: self.call("loop", "SGD", "step", self._closure))

    def _closure(self) -> None:
        self.call("strategy", "SingleDeviceStrategy", "training_step")
        self.call("strategy", "SingleDeviceStrategy", "backward")

    def validate(self, batches: int) -> None:
        self.mark(stage=STAGES.index("validate"), batch=None, loader=None, planned=batches)
        self.everyone("on_validation_start")
        for index in range(batches):
            self.mark(batch=index, loader=0)
            self.call("loop", "_EvaluationLoop", "val_next")
            self.call("strategy", "SingleDeviceStrategy", "validation_step")
        self.mark(batch=None, loader=None)
        self.everyone("on_validation_epoch_end")
        for callback in self.callbacks[:-1]:
            self.call("callback", callback, "on_validation_end")
        self.call("callback", "ModelCheckpoint", "on_validation_end", lambda: self.call("loop", "", "save_checkpoint"))
        self.call("module", "TinyModel", "on_validation_end")

    def pause(self, time_ns: int) -> None:
        number = self.actions.setdefault(("loop", PAUSE_OWNER, PAUSE_HOOK), len(self.actions))
        self.events.append((number << 52) + self.now_ns)
        self.now_ns += time_ns
        self.events.append((~number << 52) + self.now_ns)


def simulate(
    effect: Effect = lambda label, epoch, batch: 1.0,
    seed: int = 0,
    epochs: int = 4,
    batches: int = 150,
    val_batches: int = 20,
    pause_ns: int = 0,
    fits: int = 1,
    trainer: Mapping[str, object] | None = None,
    **costs_ms: float,
) -> tuple[Trace, RunInfo]:
    """A whole training, as a trace and its run.json.

    Args:
        effect: Makes hooks take longer.
        pause_ns: How long somebody holds it in each epoch.
        fits: Over how many calls of `fit` the epochs are spread.
        costs_ms: What hooks take, by name.
    """
    play = Simulation(seed=seed, effect=effect, costs_ms=costs_ms)
    for epoch in range(epochs):
        if epoch % (epochs // fits) == 0:
            play.mark(call=0, stage=STAGES.index("train"), step=0, planned=batches)
            play.wait("between_fits")
            play.everyone("on_train_start")
        play.epoch = epoch
        play.mark(stage=STAGES.index("train"), batch=None, loader=None, planned=batches, epoch=epoch)
        play.wait("between")
        play.everyone("on_train_epoch_start")
        play.call("loop", "", "run_training_epoch", *_epoch(play, batches, val_batches, pause_ns))
        play.mark(stage=STAGES.index("train"), batch=None, loader=None, planned=batches)
        play.everyone("on_train_epoch_end")
        if (epoch + 1) % (epochs // fits) == 0:
            play.mark(epoch=None)
            play.everyone("on_train_end")
    trace, _ = taken_in(records(play.events), script_actions(play))
    call = {"function": "fit", "started_ns": 0, "ended_ns": play.now_ns, "state": "finished"}
    settings = {"log_every_n_steps": 10, "logger": ["CSVLogger"], **(trainer or {})}
    return trace, parse_info(run_json(callbacks=play.callbacks, calls=[call], trainer=settings))


def parse_info(content: dict[str, Any]) -> RunInfo:
    """What a run.json of this content says."""
    with TemporaryDirectory() as directory:
        write_json(Path(directory) / RUN_FILE, content)
        return read_info(Path(directory))


def _epoch(play: Simulation, batches: int, val_batches: int, pause_ns: int) -> list[Callable[[], None]]:
    def train(index: int) -> Callable[[], None]:
        return lambda: play.train_batch(index)

    turns = [train(index) for index in range(batches)]
    hold: list[Callable[[], None]] = [lambda: play.pause(pause_ns)] if pause_ns else []
    return [*turns[:3], *hold, *turns[3:], lambda: play.validate(val_batches)]
