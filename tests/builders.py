"""Run directories without a training: valid, deterministic, made in milliseconds.

`script` plays the loop that Lightning runs for a minimal model and yields the records of its event stream, one
millisecond apart. `make_run` writes such a stream as a run directory, `LiveRun` the same step by step.
"""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tracer.run.events import Int64Array
from tracer.run.layout import (
    FUNCTIONS,
    RUN_FILE,
    SCHEMA,
    STAGES,
    TIME_BITS,
    Mark,
    actions_file,
    events_file,
    process_start_ticks,
    write_json,
)

MS = 1_000_000
STARTED_AT = "2026-01-02T03:04:05.678901+00:00"
DEAD_PID = 1 << 30
"""No system gives this number to a process."""


def enter(action: int, time_ns: int) -> int:
    """The record of entering an action."""
    return (action << TIME_BITS) + time_ns


def leave(action: int, time_ns: int) -> int:
    """The record of leaving an action."""
    return (~action << TIME_BITS) + time_ns


def mark(kind: Mark, value: int | None) -> int:
    """The record of a mark; None says "none"."""
    return (kind << TIME_BITS) + (0 if value is None else value + 1)


def records(values: Sequence[int]) -> Int64Array:
    """Records as the array that readers work on."""
    return np.array(values, np.int64)


@dataclass
class Script:
    """Plays hook calls and collects their records and actions."""

    callbacks: Sequence[str] = ("EarlyStopping", "ModelCheckpoint")
    hook_ns: int = MS
    events: list[int] = field(default_factory=list)
    actions: dict[tuple[str, str, str], int] = field(default_factory=dict)
    now_ns: int = 0

    def mark(self, **values: int | None) -> None:
        """Marks, by lower-case name of the kind."""
        self.events.extend(mark(Mark[name.upper()], value) for name, value in values.items())

    def span(self, kind: str, owner: str, hook: str, inside: Iterator[None] | None = None) -> None:
        """One hook call of `hook_ns`, plus whatever `inside` plays."""
        number = self.actions.setdefault((kind, owner, hook), len(self.actions))
        self.events.append(enter(number, self.now_ns))
        for _ in inside or ():
            pass
        self.now_ns += self.hook_ns
        self.events.append(leave(number, self.now_ns))

    def hook(self, name: str, *, module: bool = True, strategy: bool = False) -> None:
        """A hook as Lightning dispatches it: every callback, then the module, then the strategy."""
        for callback in self.callbacks:
            self.span("callback", callback, name)
        if module:
            self.span("module", "TinyModel", name)
        if strategy:
            self.span("strategy", "SingleDeviceStrategy", name)


def _transfer(play: Script) -> Iterator[None]:
    play.span("module", "TinyModel", "transfer_batch_to_device")
    yield


def _step(play: Script) -> Iterator[None]:
    play.span("strategy", "SingleDeviceStrategy", "training_step")
    play.hook("on_before_zero_grad")
    play.span("strategy", "SingleDeviceStrategy", "backward", _backward(play))
    play.hook("on_before_optimizer_step")
    yield


def _backward(play: Script) -> Iterator[None]:
    play.hook("on_before_backward")
    play.hook("on_after_backward")
    yield


def _batch(play: Script) -> Iterator[None]:
    play.span("module", "TinyModel", "optimizer_step", _step(play))
    yield


def _evaluation(play: Script, name: str, batches: int, **context: int | None) -> None:
    step = f"{name}_step"
    play.mark(**context, batch=None, loader=None, planned=batches)
    play.span("module", "TinyModel", f"on_{name}_model_eval")
    play.hook(f"on_{name}_start", strategy=True)
    for index in range(batches):
        play.mark(batch=index, loader=0)
        play.span("loop", "_EvaluationLoop", "val_next" if name == "validation" else "test_next")
        play.span("strategy", "SingleDeviceStrategy", "batch_to_device", _transfer(play))
        play.hook(f"on_{name}_batch_start")
        play.span("strategy", "SingleDeviceStrategy", step)
        play.hook(f"on_{name}_batch_end")
    play.mark(batch=None, loader=None)
    play.hook(f"on_{name}_end", strategy=True)
    if name == "validation":
        play.span("module", "TinyModel", "on_validation_model_train")


def _epoch(play: Script, epoch: int, batches: int, val_batches: int) -> Iterator[None]:
    for index in range(batches):
        play.mark(batch=index)
        play.span("loop", "_TrainingEpochLoop", "train_dataloader_next")
        play.span("strategy", "SingleDeviceStrategy", "batch_to_device", _transfer(play))
        play.hook("on_train_batch_start", strategy=True)
        play.span("loop", "", "run_training_batch", _batch(play))
        play.mark(step=epoch * batches + index + 1)
        play.hook("on_train_batch_end")
    if val_batches:
        _evaluation(play, "validation", val_batches, stage=STAGES.index("validate"))
    play.mark(stage=STAGES.index("train"), batch=None, loader=None, planned=batches)
    yield


def script(
    epochs: int = 2,
    batches: int = 4,
    val_batches: int = 2,
    callbacks: Sequence[str] = ("EarlyStopping", "ModelCheckpoint"),
    sanity: int = 1,
    test_batches: int = 0,
    hook_ns: int = MS,
) -> Script:
    """Plays fit (and test, if it has batches) of a minimal model."""
    play = Script(callbacks, hook_ns)
    play.mark(call=FUNCTIONS.index("fit"), stage=STAGES.index("train"))
    play.hook("setup")
    play.span("module", "TinyModel", "configure_optimizers")
    play.hook("on_fit_start")
    if sanity:
        for callback in callbacks:
            play.span("callback", callback, "on_sanity_check_start")
        _evaluation(play, "validation", sanity, stage=STAGES.index("sanity_check"), step=0)
        for callback in callbacks:
            play.span("callback", callback, "on_sanity_check_end")
    play.mark(stage=STAGES.index("train"), step=0, batch=None, loader=None, planned=batches)
    play.hook("on_train_start", strategy=True)
    for epoch in range(epochs):
        play.mark(epoch=epoch)
        play.hook("on_train_epoch_start")
        play.span("loop", "", "run_training_epoch", _epoch(play, epoch, batches, val_batches))
        play.hook("on_train_epoch_end")
    play.mark(epoch=None)
    play.hook("on_train_end", strategy=True)
    play.hook("on_fit_end")
    play.hook("teardown")
    if test_batches:
        play.mark(call=FUNCTIONS.index("test"), stage=STAGES.index("test"))
        play.hook("setup")
        _evaluation(play, "test", test_batches)
        play.hook("teardown")
    return play


def metrics_rows(epochs: int, batches: int, test_batches: int) -> list[dict[str, float]]:
    """Rows as the CSVLogger writes them: a train row per step, then validation, then the epoch's."""
    rows: list[dict[str, float]] = []
    for epoch in range(epochs):
        for index in range(batches):
            step = epoch * batches + index
            rows.append({"epoch": epoch, "step": step, "train_loss_step": 2.0 / (1 + step)})
        last = {"epoch": epoch, "step": (epoch + 1) * batches - 1}
        rows.append(last | {"val_loss": 1.5 / (1 + epoch), "val_acc": 1 - 0.5 / (1 + epoch)})
        rows.append(last | {"train_loss_epoch": 1.8 / (1 + epoch)})
    if test_batches:
        rows.append({"epoch": epochs, "step": epochs * batches, "test_loss": 0.4, "test_acc": 0.9})
    return rows


def write_metrics(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Writes rows as a metrics.csv: sorted columns, CRLF line ends, empty cells."""
    names = sorted({name for row in rows for name in row})
    lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())


def run_json(
    state: str = "finished",
    callbacks: Sequence[str] = ("EarlyStopping", "ModelCheckpoint"),
    epochs: int = 2,
    **changes: Any,
) -> dict[str, Any]:
    """What run.json says of such a run; `changes` replace entries."""
    dead = state == "died"
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": "hooktrace",
        "versions": {"hooktrace": "0.1.0", "lightning": "2.6.6", "torch": "2.15.0", "python": "3.11.7"},
        "host": socket.gethostname(),
        "pid": DEAD_PID if dead else os.getpid(),
        "process_start": None if dead else process_start_ticks(os.getpid()),
        "argv": ["train.py"],
        "started_at": STARTED_AT,
        "base_ns": 0,
        "world_size": 1,
        "rank": 0,
        "trainer": {
            "max_epochs": epochs,
            "accumulate_grad_batches": 1,
            "gradient_clip_val": None,
            "precision": "32-true",
        },
        "model": {"class": "TinyModel", "hparams": {"lr": 0.001}, "parameters": 66},
        "callbacks": [{"class": name, "state_key": name, "origin": "trainer"} for name in callbacks],
        "calls": [{"function": "fit", "started_ns": 0, "ended_ns": None, "state": state}],
        "state": "running" if dead else state,
        "exception": "RuntimeError: boom" if state == "failed" else None,
        "ended_at": None if state in ("running", "died") else "2026-01-02T03:05:05+00:00",
        "metrics": "metrics/metrics.csv",
        "dropped": None,
    }
    return content | changes


def action_lines(play: Script) -> list[str]:
    """The lines of the list of actions."""
    return [
        json.dumps(
            {
                "id": number,
                "owner_kind": kind,
                "owner": owner,
                "instance": 0,
                "hook": hook,
                "overridden": kind == "callback",
                "defined_at": f"{owner.lower() or 'loop'}.py:{10 + number}",
                "doc": f"What {hook} is for.",
            }
        )
        + "\n"
        for (kind, owner, hook), number in play.actions.items()
    ]


class LiveRun:
    """A run directory that is written step by step, as a training process would."""

    def __init__(
        self,
        path: Path,
        epochs: int = 2,
        batches: int = 4,
        val_batches: int = 2,
        callbacks: Sequence[str] = ("EarlyStopping", "ModelCheckpoint"),
        sanity: int = 1,
        test_batches: int = 0,
        hook_ns: int = MS,
        **changes: Any,
    ) -> None:
        """Makes the directory with an empty stream; `changes` go into run.json."""
        self.path = path
        self.play = script(epochs, batches, val_batches, callbacks, sanity, test_batches, hook_ns)
        self.rows = metrics_rows(epochs, batches, test_batches)
        self.written = 0
        self._info = run_json("running", callbacks, epochs, **changes)
        path.mkdir(parents=True, exist_ok=True)
        (path / actions_file(0)).write_text("".join(action_lines(self.play)), encoding="utf-8")
        (path / events_file(0, 0)).touch()
        write_json(path / RUN_FILE, self._info)

    @property
    def total(self) -> int:
        """Number of records that there are to write."""
        return len(self.play.events)

    def advance(self, events: int) -> None:
        """Writes the next records, and the metrics in proportion."""
        new = self.play.events[self.written : self.written + events]
        with (self.path / events_file(0, 0)).open("ab") as file:
            file.write(records(new).astype("<i8").tobytes())
        self.written += len(new)
        rows = self.rows[: len(self.rows) * self.written // self.total]
        if rows:
            write_metrics(self.path / "metrics" / "metrics.csv", rows)

    def finish(self, state: str = "finished", **changes: Any) -> None:
        """Writes the rest, and in run.json how it ended."""
        self.advance(self.total - self.written)
        ended = run_json(state, self.play.callbacks)
        self._info |= {key: ended[key] for key in ("state", "exception", "ended_at", "pid", "process_start")} | changes
        write_json(self.path / RUN_FILE, self._info)


def make_run(
    path: Path,
    epochs: int = 2,
    batches: int = 4,
    val_batches: int = 2,
    callbacks: Sequence[str] = ("EarlyStopping", "ModelCheckpoint"),
    sanity: int = 1,
    state: str = "finished",
    until: int | None = None,
    test_batches: int = 0,
    metrics: bool = True,
    hook_ns: int = MS,
    **changes: Any,
) -> Path:
    """Writes a run directory; returns its path.

    Args:
        path: The directory, made if it is not there.
        state: As in run.json, or "died" for one whose process is gone.
        until: Only so many records, as a run that is going on or was killed has them.
        metrics: Whether there is a metrics.csv.
        hook_ns: How long a hook takes by itself.
        changes: Entries of run.json to replace.
    """
    live = LiveRun(path, epochs, batches, val_batches, callbacks, sanity, test_batches, hook_ns)
    live.advance(live.total if until is None else until)
    if not metrics:
        (path / "metrics" / "metrics.csv").unlink(missing_ok=True)
        changes = {"metrics": None} | changes
    write_json(path / RUN_FILE, run_json(state, callbacks, epochs, **changes))
    return path
