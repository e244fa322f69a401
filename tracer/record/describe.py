"""What is known about a run: versions, trainer config, model, callbacks; and about an action: whose it is, and where.

Everything here runs once a run or once an action. Nothing here may change what it looks at: attributes are read only
where Lightning itself has read them before.
"""

import inspect
import math
import os
import platform
import re
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import FrameType
from typing import Any

from tracer import __version__
from tracer.record.defined import definition
from tracer.record.owners import describe_owners
from tracer.record.roster import describe_callbacks
from tracer.run.layout import METRICS_FILE, SCHEMA, clock_name, process_start_ticks

_NAME = re.compile(r"\[(?P<kind>[A-Za-z_]\w*)\](?P<owner>.*?)\.?(?P<hook>[^.]*)", re.DOTALL)
_KINDS = {
    "Callback": "callback",
    "LightningModule": "module",
    "LightningDataModule": "datamodule",
    "Strategy": "strategy",
}


@dataclass(frozen=True)
class Owner:
    """Whose action it is. `target` is the object itself, for looking at its class; None where it was not found."""

    kind: str
    name: str
    instance: int = 0
    target: Any = None


def owner_of(name: str, frame: FrameType | None, trainer: Any) -> tuple[Owner, str, bool]:
    """Takes an action's name apart and finds whose it is.

    Lightning's names (trainer/call.py:176, 198, 227, 328) say the class only, and for a callback its `state_key`, which
    two instances can share: the instance is found in the frame that asks for the span.

    Args:
        name: As Lightning passes it to `profile`.
        frame: The caller's.
        trainer: The trainer.

    Returns:
        The owner, the hook, and whether the same name may come from another owner next time.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return Owner("loop", ""), name, False
    hook = match["hook"]
    if match["kind"] not in _KINDS:
        return Owner("loop", match["kind"]), hook, False
    kind = _KINDS[match["kind"]]
    if kind == "callback":
        return _callback_owner(match["owner"], hook, frame, trainer)
    target = _target(kind, frame, trainer)
    if target is None or type(target).__name__ != match["owner"]:
        return Owner(kind, match["owner"]), hook, False
    return Owner(kind, match["owner"], 0, target), hook, False


def _callback_owner(key: str, hook: str, frame: FrameType | None, trainer: Any) -> tuple[Owner, str, bool]:
    sharing = [callback for callback in trainer.callbacks if callback.state_key == key]
    target = sharing[0] if len(sharing) == 1 else _local(frame, "callback")
    if target is None:
        return Owner("callback", key), hook, len(sharing) > 1
    name = type(target).__name__
    same_class = [callback for callback in trainer.callbacks if type(callback).__name__ == name]
    places = [index for index, callback in enumerate(same_class) if callback is target]
    return Owner("callback", name, places[0] if places else 0, target), hook, len(sharing) != 1


def _target(kind: str, frame: FrameType | None, trainer: Any) -> Any:
    if kind == "strategy":
        return trainer.strategy
    if kind == "datamodule":
        return trainer.datamodule
    found = _local(frame, "pl_module")
    return found if found is not None else trainer.lightning_module


def _local(frame: FrameType | None, name: str) -> Any:
    """The value of a local variable in the calling frames near `frame`; frames of ours may lie in between."""
    for _ in range(4):
        if frame is None:
            return None
        if name in frame.f_locals:
            return frame.f_locals[name]
        frame = frame.f_back
    return None


def action_entry(number: int, owner: Owner, hook: str) -> dict[str, Any]:
    """The line of the list of actions: whose it is, whether it is overridden, where it is defined, what it is for."""
    found = None if owner.target is None else definition(owner.target, hook)
    return {
        "id": number,
        "owner_kind": owner.kind,
        "owner": owner.name,
        "instance": owner.instance,
        "hook": hook,
        "overridden": None if found is None else found.overridden,
        "defined_by": None if found is None else found.defined_by,
        "defined_at": None if found is None else found.defined_at,
        "doc": None if found is None else found.doc,
    }


def _max_seconds(trainer: Any) -> float | None:
    """After how many seconds of training a Timer ends it, whoever added that; None if there is none."""
    found = [callback._duration for callback in trainer.callbacks if type(callback).__name__ == "Timer"]
    return min((seconds for seconds in found if seconds is not None), default=None)


_ARGUMENTS: Mapping[str, Callable[[Any], Any]] = {
    "accelerator": lambda trainer: type(trainer.accelerator).__name__,
    "barebones": lambda trainer: trainer.barebones,
    "callbacks": lambda trainer: [type(callback).__name__ for callback in trainer.callbacks],
    "detect_anomaly": lambda trainer: trainer._detect_anomaly,
    "deterministic": lambda trainer: trainer._accelerator_connector.deterministic,
    "devices": lambda trainer: trainer.num_devices,
    "enable_checkpointing": lambda trainer: trainer.checkpoint_callback is not None,
    "enable_model_summary": lambda trainer: _has_callback(trainer, "ModelSummary"),
    "enable_progress_bar": lambda trainer: trainer.progress_bar_callback is not None,
    "inference_mode": lambda trainer: trainer.predict_loop.inference_mode,
    "logger": lambda trainer: [type(logger).__name__ for logger in trainer.loggers],
    "max_time": _max_seconds,
    "plugins": lambda trainer: [type(trainer.precision_plugin).__name__],
    "profiler": lambda trainer: type(getattr(trainer.profiler, "original", trainer.profiler)).__name__,
    "strategy": lambda trainer: type(trainer.strategy).__name__,
    "sync_batchnorm": lambda trainer: trainer._accelerator_connector.sync_batchnorm,
    "use_distributed_sampler": lambda trainer: trainer._accelerator_connector.use_distributed_sampler,
}
"""Trainer arguments that the trainer does not keep under their own name."""


def _has_callback(trainer: Any, name: str) -> bool:
    return any(name in (base.__name__ for base in type(callback).__mro__) for callback in trainer.callbacks)


def trainer_arguments(trainer: Any) -> dict[str, Any]:
    """Every argument of this Lightning's Trainer with the value that is in effect.

    The Trainer does not keep its arguments, but nearly all of them are there under their own names. One that cannot be
    read is left out: missing is not the same as None.
    """
    arguments = {}
    for name in inspect.signature(type(trainer).__init__).parameters:
        if name == "self":
            continue
        try:
            value = _ARGUMENTS[name](trainer) if name in _ARGUMENTS else getattr(trainer, name)
        except Exception:
            continue
        arguments[name] = plain(value)
    return arguments


def describe_run(trainer: Any) -> dict[str, Any]:
    """The part of run.json that is known as soon as a trainer function starts."""
    model = trainer.lightning_module
    return {
        "schema": SCHEMA,
        "tool": "hooktrace",
        "versions": _versions(trainer),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process_start": process_start_ticks(os.getpid()),
        "argv": list(sys.argv),
        "world_size": trainer.world_size,
        "rank": trainer.global_rank,
        "trainer": trainer_arguments(trainer),
        "model": {
            "class": type(model).__name__,
            "hparams": {str(key): plain(value) for key, value in dict(getattr(model, "hparams", {})).items()},
            "parameters": _parameter_count(model),
        },
    } | describe_roles(trainer)


def describe_roles(trainer: Any) -> dict[str, Any]:
    """The part of run.json about who takes part, which `setup` and `configure_callbacks` can still change."""
    return describe_callbacks(trainer) | describe_owners(trainer)


def describe_rank(trainer: Any) -> dict[str, Any]:
    """Where a rank of a distributed training runs, and by which clock it measures."""
    return {
        "schema": SCHEMA,
        "rank": trainer.global_rank,
        "local_rank": trainer.local_rank,
        "node_rank": trainer.node_rank,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process_start": process_start_ticks(os.getpid()),
        "clock": clock_name(),
    }


def find_metrics(trainer: Any) -> str | None:
    """Path of the metrics.csv that a CSVLogger of this trainer writes; None if there is no such logger.

    To be asked only after the loggers' experiments exist (call.py:98-105): asking a logger for its directory earlier
    would fix its version number before Lightning does.
    """
    for logger in trainer.loggers:
        if type(logger).__name__ == "CSVLogger":
            return os.path.join(logger.log_dir, METRICS_FILE)  # noqa: PTH118 - may be a URL, which Path would garble
    return None


def describe_exception(error: BaseException) -> str:
    """An exception in a line: its type and the first line of its message."""
    message = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numbers (finite ones) and texts as they are, anything else as a short text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in list(value.items())[:100]}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value[:100]]
    return f"{value}"[:200]


def _versions(trainer: Any) -> dict[str, str]:
    packages = [base.__module__.partition(".")[0] for base in type(trainer).__mro__]
    lightning = next((name for name in packages if name in ("lightning", "pytorch_lightning")), "lightning")
    return {
        "hooktrace": __version__,
        "lightning": _version(lightning.replace("_", "-")),
        "torch": _version("torch"),
        "python": platform.python_version(),
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _parameter_count(model: Any) -> int | None:
    try:
        return sum(int(parameter.numel()) for parameter in model.parameters())
    except (ValueError, RuntimeError):  # lazy parameters have no size yet
        return None
