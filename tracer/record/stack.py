"""Which actions are open at this moment, as far as it can be told while somebody looks.

The spans themselves keep no stack, since that would cost in every call. Those entered while the gate is armed it has
noted down, with the depth of the calling frame. Those that were open before are found in the frames of Lightning's own
functions that are running.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from types import FrameType
from typing import Any, NamedTuple

from tracer.record.spans import ActionName

_CALLS = {
    "_call_callback_hooks": ("callback", "callback"),
    "_call_callbacks_on_save_checkpoint": ("callback", "callback"),
    "_call_callbacks_on_load_checkpoint": ("callback", "callback"),
    "_call_lightning_module_hook": ("module", "pl_module"),
}
"""Functions of trainer/call.py: the kind of owner, and the local variable that holds it."""

_INSIDE = {
    ("fit_loop.py", "advance"): (("training_epoch_loop.py",), "run_training_epoch"),
    ("training_epoch_loop.py", "advance"): (("automatic.py", "manual.py"), "run_training_batch"),
    ("trainer.py", "save_checkpoint"): (("checkpoint_connector.py", "strategy.py"), "save_checkpoint"),
}
"""Functions that open a span in their middle: in which files they call what is inside of it."""


class Entry(NamedTuple):
    """An action that was entered, and how deep in the stack of Python's frames that happened."""

    depth: int
    number: int


def depth_of(frame: FrameType | None) -> int:
    """How many frames there are from the outermost to this one."""
    depth = 0
    while frame is not None:
        depth += 1
        frame = frame.f_back
    return depth


def open_actions(
    frame: FrameType | None, noted: Sequence[Entry], names: Sequence[ActionName], trainer: Any
) -> list[ActionName]:
    """The open actions, outermost first.

    Args:
        frame: What is about to enter an action, or has just left one.
        noted: What is known to have been entered and not left.
        names: What the numbers in `noted` mean.
        trainer: The trainer.
    """
    known = {entry.depth for entry in noted}
    found = [(depth, action) for depth, action in _from_frames(frame, trainer) if depth not in known]
    found += [(entry.depth, names[entry.number]) for entry in noted]
    return [action for _, action in sorted(found, key=lambda pair: pair[0])]


def _from_frames(frame: FrameType | None, trainer: Any) -> Iterator[tuple[int, ActionName]]:
    depth = depth_of(frame)
    while frame is not None and frame.f_back is not None:
        inner, frame, depth = frame.f_code.co_filename, frame.f_back, depth - 1
        file, function = PurePath(frame.f_code.co_filename).name, frame.f_code.co_name
        if file == "call.py":
            owner = _called(frame, function, trainer)
            if owner is not None:
                hook = frame.f_locals.get("hook_name") or function.removeprefix("_call_callbacks_")
                yield depth, ActionName(owner[0], type(owner[1]).__name__, str(hook))
        elif (file, function) in _INSIDE:
            files, hook = _INSIDE[file, function]
            if PurePath(inner).name in files:
                yield depth, ActionName("loop", "", hook)


def _called(frame: FrameType, function: str, trainer: Any) -> tuple[str, Any] | None:
    """Kind and owner of the hook that one of the functions of trainer/call.py is calling; None if it is another."""
    if function == "_call_strategy_hook":
        return "strategy", trainer.strategy
    if function == "_call_lightning_datamodule_hook":
        return "datamodule", trainer.datamodule
    if function not in _CALLS:
        return None
    kind, variable = _CALLS[function]
    return kind, frame.f_locals.get(variable)
