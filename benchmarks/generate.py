"""Runs of any size without training: a fit like the demo's, written as the recorder writes it.

Millions of spans a second, since others only want to measure what comes after.

A batch is a short template of nested calls and marks; whole epochs of batches are laid out as one array, with every
pause between two records scattered around the template's. The same seed gives the same bytes.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tracer.run.layout import (
    FUNCTIONS,
    METRICS_FILE,
    RUN_FILE,
    SCHEMA,
    SEGMENT_BYTES,
    STAGES,
    TIME_BITS,
    Mark,
    actions_file,
    events_file,
    write_json,
)

BATCHES_AN_EPOCH: Final = 1719
_VALIDATION_BATCHES: Final = 157
_LOG_EVERY: Final = 50
_TRAIN, _VALIDATE, _SANITY = (STAGES.index(name) for name in ("train", "validate", "sanity_check"))

Int64Array = npt.NDArray[np.int64]


class Call(NamedTuple):
    """A hook call of a template: who, what, how long before and after what is inside."""

    owner_kind: str
    owner: str
    hook: str
    work_ns: int = 2_000
    inside: tuple["Call | Note", ...] = ()


class Note(NamedTuple):
    """A mark of a template; `value` None stands for the number of the turn."""

    mark: Mark
    value: int | None = None


Template = Sequence[Call | Note]


def _hook(name: str, *, strategy: bool = False, work_ns: int = 2_000) -> tuple[Call, ...]:
    """A hook as Lightning dispatches it: callbacks, module, strategy."""
    owners = [("callback", "EarlyStopping"), ("callback", "ModelCheckpoint"), ("module", "ConvNet")]
    if strategy:
        owners.append(("strategy", "SingleDeviceStrategy"))
    return tuple(Call(kind, owner, name, work_ns) for kind, owner in owners)


def _module(name: str, work_ns: int = 2_000, *inside: Call | Note) -> Call:
    return Call("module", "ConvNet", name, work_ns, inside)


def _strategy(name: str, work_ns: int = 2_000, *inside: Call | Note) -> Call:
    return Call("strategy", "SingleDeviceStrategy", name, work_ns, inside)


_FETCH: Final = _strategy(
    "batch_to_device",
    4_000,
    _module("on_before_batch_transfer"),
    _module("transfer_batch_to_device", 20_000),
    _module("on_after_batch_transfer"),
)
_STEP: Final = (
    _strategy("training_step", 40_000, _module("forward", 900_000)),
    _module("on_before_zero_grad"),
    _module("optimizer_zero_grad", 30_000),
    _strategy("backward", 1_500_000, _module("on_before_backward"), _module("on_after_backward")),
    _module("on_before_optimizer_step"),
    _module("configure_gradient_clipping", 10_000),
)
_TRAIN_BATCH: Final[Template] = (
    Note(Mark.BATCH),
    Call("loop", "_TrainingEpochLoop", "train_dataloader_next", 150_000),
    _FETCH,
    *_hook("on_train_batch_start", strategy=True),
    Call("loop", "", "run_training_batch", 5_000, (_module("optimizer_step", 200_000, *_STEP),)),
    Note(Mark.STEP),
    *_hook("on_train_batch_end", strategy=True),
    Call("loop", "_TrainingEpochLoop", "update_lr_schedulers"),
)
_EVALUATION_BATCH: Final[Template] = (
    Note(Mark.BATCH),
    Call("loop", "_EvaluationLoop", "val_next", 100_000),
    _FETCH,
    *_hook("on_validation_batch_start"),
    _strategy("validation_step", 20_000, _module("forward", 500_000)),
    *_hook("on_validation_batch_end"),
)
_SAVE: Final = Call(
    "strategy", "SingleDeviceStrategy", "save_checkpoint", 8_000_000, (_module("on_save_checkpoint", 50_000),)
)
_VALIDATION_ENDS: Final[Template] = (
    Note(Mark.BATCH, -1),
    Call("callback", "EarlyStopping", "on_validation_end"),
    Call("callback", "ModelCheckpoint", "on_validation_end", 50_000, (_SAVE,)),
    _module("on_validation_end"),
)


class _Writer:
    """Lays templates out in time and keeps the records."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.actions: dict[tuple[str, str, str], int] = {}
        self.parts: list[Int64Array] = []
        self.now_ns = 0

    def play(self, template: Template, turns: int = 1, first_step: int = 0) -> None:
        """Plays a template `turns` times."""
        codes, values, gaps = (np.array(column, np.int64) for column in zip(*self.steps(template), strict=True))
        scatter = self._random.random((turns, len(codes)), np.float32) + np.float32(0.5)
        times = self.now_ns + np.cumsum((gaps * scatter).astype(np.int64).ravel()).reshape(turns, -1)
        self.now_ns = int(times[-1, -1])
        turn = np.arange(1, turns + 1)[:, None] + np.where(codes == Mark.STEP, first_step + 1, 0)
        marked = np.where(values == 0, turn, np.maximum(values - 1, 0))
        content = np.where((codes >= Mark.CALL) & (codes < Mark.ERROR), marked, times)
        self.parts.append(((codes << TIME_BITS) + content).ravel())

    def open(self, call: Call) -> None:
        """Enters a call that `close` leaves."""
        self._one(self._number(call))

    def close(self, call: Call) -> None:
        """Leaves a call."""
        self._one(~self._number(call))

    def spans(self) -> int:
        """Calls so far."""
        return sum(int(((part >> TIME_BITS >= 0) & (part >> TIME_BITS < Mark.CALL)).sum()) for part in self.parts)

    def _one(self, code: int) -> None:
        self.now_ns += 1_000
        self.parts.append(np.array([(code << TIME_BITS) + self.now_ns], np.int64))

    def _number(self, call: Call) -> int:
        return self.actions.setdefault(call[:3], len(self.actions))

    def steps(self, template: Template) -> Iterator[tuple[int, int, int]]:
        """The records of one turn: code, what a mark says plus two (0 for the turn's number), and the pause before."""
        for entry in template:
            if isinstance(entry, Note):
                yield entry.mark, 0 if entry.value is None else entry.value + 2, 0
                continue
            number = self._number(entry)
            yield number, 0, 1_000
            yield from self.steps(entry.inside)
            yield ~number, 0, entry.work_ns


def generate_run(
    path: Path, spans: int, batches: int = BATCHES_AN_EPOCH, state: str = "finished", seed: int = 0
) -> int:
    """Writes a run directory: a fit of as many epochs as `spans` takes, with a sanity check, validations, checkpoints.

    Args:
        path: the directory; made if it is not there.
        spans: about how many there are to be.
        batches: of a training epoch, at most.
        state: as in run.json.
        seed: of the times.

    Returns:
        How many spans were written.
    """
    writer = _Writer(seed)
    a_batch = sum(1 for code, _, _ in writer.steps(_TRAIN_BATCH) if code < Mark.CALL) // 2
    batches = max(1, min(batches, spans // a_batch))
    validations = max(1, min(_VALIDATION_BATCHES, batches // 10))
    epochs = max(1, round(spans / (a_batch * batches + 15 * validations + 30)))
    _play_fit(writer, epochs, batches, validations)
    path.mkdir(parents=True, exist_ok=True)
    _write_stream(path, np.concatenate(writer.parts))
    _write_actions(path, writer.actions)
    _write_metrics(path, epochs, batches)
    write_json(path / RUN_FILE, _description(epochs, state))
    return writer.spans()


def _play_fit(writer: _Writer, epochs: int, batches: int, validations: int) -> None:
    begin = (Note(Mark.CALL, FUNCTIONS.index("fit")), Note(Mark.STAGE, _TRAIN))
    writer.play((*begin, *_hook("setup"), _module("configure_optimizers", 100_000), *_hook("on_fit_start")))
    _play_evaluation(writer, _SANITY, min(2, validations))
    writer.play((Note(Mark.STAGE, _TRAIN), Note(Mark.STEP, 0), *_hook("on_train_start", strategy=True)))
    whole = Call("loop", "", "run_training_epoch")
    for epoch in range(epochs):
        planned = (Note(Mark.EPOCH, epoch), Note(Mark.PLANNED, batches))
        writer.play((*planned, *_hook("on_train_epoch_start")))
        writer.open(whole)
        writer.play(_TRAIN_BATCH, batches, epoch * batches)
        _play_evaluation(writer, _VALIDATE, validations)
        writer.play((Note(Mark.STAGE, _TRAIN), Note(Mark.PLANNED, batches), _module("on_validation_model_train")))
        writer.close(whole)
        writer.play(_hook("on_train_epoch_end"))
    writer.play((Note(Mark.EPOCH, -1), *_hook("on_train_end", strategy=True), *_hook("on_fit_end"), *_hook("teardown")))


def _play_evaluation(writer: _Writer, stage: int, batches: int) -> None:
    marks = (Note(Mark.STAGE, stage), Note(Mark.BATCH, -1), Note(Mark.PLANNED, batches))
    writer.play((*marks, _module("on_validation_model_eval"), *_hook("on_validation_start", strategy=True)))
    writer.play((Note(Mark.LOADER, 0), Call("loop", "_EvaluationLoop", "reset")))
    writer.play(_EVALUATION_BATCH, batches)
    writer.play((Note(Mark.LOADER, -1), *(_VALIDATION_ENDS if stage == _VALIDATE else _VALIDATION_ENDS[:2])))


def _write_stream(path: Path, events: Int64Array) -> None:
    size = SEGMENT_BYTES // events.itemsize
    for segment, first in enumerate(range(0, len(events), size)):
        events[first : first + size].astype("<i8", copy=False).tofile(path / events_file(0, segment))


def _write_actions(path: Path, actions: dict[tuple[str, str, str], int]) -> None:
    lines = (
        f'{{"id": {number}, "owner_kind": "{kind}", "owner": "{owner}", "instance": 0, "hook": "{hook}", '
        f'"overridden": {"true" if kind == "callback" else "false"}, "defined_at": "{kind}.py:{10 + number}", '
        f'"doc": "What {hook} is for."}}\n'
        for (kind, owner, hook), number in actions.items()
    )
    (path / actions_file(0)).write_text("".join(lines), encoding="utf-8")


def _write_metrics(path: Path, epochs: int, batches: int) -> None:
    lines = ["epoch,step,train_loss_epoch,train_loss_step,val_acc,val_loss"]
    for epoch in range(epochs):
        for step in range(epoch * batches + _LOG_EVERY - 1, (epoch + 1) * batches, _LOG_EVERY):
            lines.append(f"{epoch},{step},,{2 / (1 + step / 100):.5f},,")
        last = (epoch + 1) * batches - 1
        lines.append(f"{epoch},{last},,,{1 - 0.5 / (1 + epoch):.5f},{1.5 / (1 + epoch):.5f}")
        lines.append(f"{epoch},{last},{1.8 / (1 + epoch):.5f},,,")
    (path / "metrics").mkdir(exist_ok=True)
    (path / "metrics" / METRICS_FILE).write_bytes("".join(f"{line}\r\n" for line in lines).encode())


def _description(epochs: int, state: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "tool": "hooktrace",
        "versions": {"hooktrace": "0.1.0"},
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process_start": None,
        "argv": ["train.py"],
        "started_at": "2026-01-02T03:04:05.678901+00:00",
        "base_ns": 0,
        "world_size": 1,
        "rank": 0,
        "trainer": {"max_epochs": epochs, "accumulate_grad_batches": 1},
        "model": {"class": "ConvNet", "hparams": {"lr": 0.001}, "parameters": 1000},
        "callbacks": [{"class": name, "state_key": name} for name in ("EarlyStopping", "ModelCheckpoint")],
        "calls": [{"function": "fit", "started_ns": 0, "ended_ns": None, "state": state}],
        "state": state,
        "exception": None,
        "ended_at": None if state == "running" else "2026-01-02T04:05:05+00:00",
        "metrics": f"metrics/{METRICS_FILE}",
        "dropped": None,
    }
