"""What can be seen while training is paused: arguments, batch, learning rates, gradients, metrics.

Looking must change nothing: no random numbers, no graph, nothing that talks to other ranks, nobody's `__repr__`. What
Lightning would have to compute (`trainer.callback_metrics` may reduce over ranks) is taken as it was last computed.
Whatever cannot be looked at becomes a note.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from types import FrameType
from typing import Any

import torch

from tracer.record.describe import describe_exception

_LARGEST = 5
_ITEMS = 4
_ENTRIES = 64
_DEPTH = 3
_LOOPS = ("training_epoch_loop.py", "evaluation_loop.py", "prediction_loop.py")
_WITH_BATCH = ("advance", "_evaluation_step", "_predict_step")
_CALLS = ("lightning.pytorch.trainer.call", "pytorch_lightning.trainer.call")
_OUR_CALL = ("tracer.record.mixin", "call")


def look(trainer: Any, frame: FrameType | None) -> dict[str, Any]:
    """What there is to see at a boundary, as JSON can hold it.

    Args:
        trainer: The trainer.
        frame: What is about to enter an action, or has just left one.
    """
    notes: list[str] = []
    sections: dict[str, Callable[[], Any]] = {
        "arguments": lambda: _arguments(frame, trainer),
        "result": lambda: _result(frame),
        "batch": lambda: _batch(frame),
        "learning_rates": lambda: _learning_rates(trainer),
        "gradients": lambda: _gradients(trainer, notes),
        "metrics": lambda: _metrics(trainer),
    }
    seen: dict[str, Any] = {}
    for name, section in sections.items():
        try:
            with torch.no_grad():
                seen[name] = section()
        except Exception as error:
            seen[name] = None
            notes.append(f"{name}: {describe_exception(error)[:200]}")
    return seen | {"notes": notes}


def kind_of(value: Any, depth: int = 0) -> str:
    """What a value is, in a few words: type; of a tensor its shape, dtype and device; of small things the value."""
    if value is None or isinstance(value, bool | int | float):
        return str(value) if type(value) in (type(None), bool, int, float) else type(value).__name__
    if isinstance(value, str):
        return repr(str.__str__(value)[:40])
    if isinstance(value, torch.Tensor):
        shape = "×".join(map(str, value.shape)) or "scalar"
        return f"{type(value).__name__} {shape} {str(value.dtype).removeprefix('torch.')} {value.device}"
    if isinstance(value, torch.device):
        return f"device {value}"
    if type(value) in (list, tuple, dict) and depth < _DEPTH:
        return _container(value, depth)
    return type(value).__name__


def _container(value: Any, depth: int) -> str:
    if type(value) is dict:
        items = [f"{kind_of(key)}: {kind_of(entry, depth + 1)}" for key, entry in list(value.items())[:_ITEMS]]
    else:
        items = [kind_of(entry, depth + 1) for entry in value[:_ITEMS]]
    more = [f"and {len(value) - _ITEMS} more"] if len(value) > _ITEMS else []
    return (
        f"{type(value).__name__} of {len(value)}: {', '.join(items + more)}"
        if value
        else f"empty {type(value).__name__}"
    )


def _arguments(frame: FrameType | None, trainer: Any) -> list[dict[str, str]] | None:
    """What the hook at hand is called with, by the names of its parameters; None where that is not known.

    Lightning's functions of trainer/call.py, and our own in front of a module's methods, hold it in their locals.
    """
    if frame is None:
        return None
    module, function = frame.f_globals.get("__name__"), frame.f_code.co_name
    if module not in _CALLS and (module, function) != _OUR_CALL:
        return None  # not by the file's name: what a program calls `args` may be an iterator, which to read uses up
    values = frame.f_locals
    called, positional = values.get("fn", values.get("function")), tuple(values.get("args", ()))
    if function == "_call_callback_hooks":
        positional = (trainer, trainer.lightning_module, *positional)
    elif function == "_call_strategy_hook":  # which passes steps on to the module, and knows no names for arguments
        called = getattr(trainer.lightning_module, str(values.get("hook_name")), called)
    elif (module, function) == _OUR_CALL:
        positional = (values["self"], *positional)
    named = {**dict(zip(_parameters(called, len(positional)), positional, strict=False)), **values.get("kwargs", {})}
    return [{"name": name, "kind": kind_of(value)} for name, value in named.items() if name != "self"]


def _parameters(function: Any, count: int) -> list[str]:
    """Names for that many positional arguments."""
    unnamed = [f"argument {index}" for index in range(count)]
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return unnamed
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return names[:count] + unnamed[len(names) :]


def _result(frame: FrameType | None) -> str | None:
    """What the hook that was left has returned; None if that is not known."""
    if frame is None or frame.f_globals.get("__name__") not in _CALLS or "output" not in frame.f_locals:
        return None
    return kind_of(frame.f_locals["output"])


def _batch(frame: FrameType | None) -> list[dict[str, str]] | None:
    """The batch at hand, tensor by tensor; None if there is none."""
    while frame is not None:
        if (
            PurePath(frame.f_code.co_filename).name in _LOOPS
            and frame.f_code.co_name in _WITH_BATCH
            and "batch" in frame.f_locals
        ):
            return [{"path": path, "kind": kind} for path, kind in _leaves(frame.f_locals["batch"], "batch")]
        frame = frame.f_back
    return None


def _leaves(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth < _DEPTH and isinstance(value, Mapping) and type(value).__module__ in ("builtins", "collections"):
        for key, entry in list(value.items())[:_ENTRIES]:
            yield from _leaves(entry, f"{path}[{kind_of(key)}]", depth + 1)
    elif depth < _DEPTH and isinstance(value, tuple | list):
        for index, entry in enumerate(tuple.__iter__(value) if isinstance(value, tuple) else list.__iter__(value)):
            if index == _ENTRIES:
                return
            yield from _leaves(entry, f"{path}[{index}]", depth + 1)
    else:
        yield path, kind_of(value)


def _learning_rates(trainer: Any) -> list[dict[str, Any]]:
    rates = []
    for number, optimizer in enumerate(trainer.strategy.optimizers):
        for group, settings in enumerate(optimizer.param_groups[:_ENTRIES]):
            entry = {"optimizer": type(optimizer).__name__, "number": number, "group": group}
            rates.append(entry | {"lr": _number(settings["lr"])})
    return rates


def _gradients(trainer: Any, notes: list[str]) -> dict[str, Any] | None:
    """Norms of the gradients that exist: of all, and of the parameters with the largest; None if there are none."""
    initialized: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if initialized and torch.cuda.is_current_stream_capturing():
        notes.append("gradients: not looked at while a CUDA graph is captured")
        return None
    norms: dict[str, float] = {}
    passed_over = 0
    for name, parameter in trainer.lightning_module.named_parameters():
        gradient = parameter.grad
        if gradient is None:
            continue
        if type(gradient) is not torch.Tensor or gradient.layout is not torch.strided:
            passed_over += 1  # the norm of a distributed tensor is one of all ranks: asking would wait for them
            continue
        norms[name] = float(torch.linalg.vector_norm(gradient.detach(), dtype=_at_least_float32(gradient)))
    if passed_over:
        notes.append(f"gradients: {passed_over} sparse or distributed ones are left out")
    if getattr(trainer.precision_plugin, "scaler", None) is not None:
        notes.append("gradients: scaled by the GradScaler until the optimizer steps")
    if not norms:
        return None
    largest = sorted(norms.items(), key=lambda pair: -pair[1] if pair[1] == pair[1] else -math.inf)[:_LARGEST]
    return {
        "total": _number(math.sqrt(sum(norm * norm for norm in norms.values()))),
        "count": len(norms),
        "largest": [{"name": name, "norm": _number(norm)} for name, norm in largest],
    }


def _at_least_float32(tensor: torch.Tensor) -> torch.dtype | None:
    """The type in which the square of a half-precision number does not overflow; None for the tensor's own."""
    return torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else None


def _metrics(trainer: Any) -> dict[str, Any]:
    """`trainer.callback_metrics` as Lightning last computed it, at the end of a batch (logger_connector.py:211)."""
    metrics = trainer._logger_connector._callback_metrics
    return {str(name): _number(value) for name, value in list(metrics.items())[:_ENTRIES]}


def _number(value: Any) -> float | str:
    """A number as JSON can hold it."""
    if isinstance(value, torch.Tensor) and (type(value) is not torch.Tensor or value.numel() != 1):
        return kind_of(value)
    number = float(value)
    return number if math.isfinite(number) else str(number)
