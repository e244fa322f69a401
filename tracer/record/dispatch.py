"""What Lightning does with callbacks outside of any span: asking for their states, and telling of an exception.

Two hooks of a callback, `state_dict` and `load_state_dict`, are called one after another in functions of Lightning's
own (trainer/call.py:235, 298), and so is `on_exception` (call.py:76), for which there may be no callback left: the
tuner takes them away while it tries. While something is recorded these functions have a wrapper. It hands the former a
view of the trainer whose callbacks open a span around the call. So nobody's callback is touched, and what is called, in
which order, with what effect, is still up to Lightning's own code.
"""

import sys
import threading
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from tracer.record.spans import Seam

_TRAINERS = ("lightning.pytorch.trainer.trainer", "pytorch_lightning.trainer.trainer")

_OWN = "tracer.record.callback"
"""Home of the tracer's own callback, which is no part of what it records."""

_lock = threading.Lock()
_recordings: dict[ModuleType, int] = {}
"""How many recordings go on now, by the module with the functions; several trainers can be at work at once."""


def watch_dispatch(trainer: Any) -> None:
    """A recording begins. To be followed by one `leave_dispatch`."""
    module = _dispatcher(trainer)
    with _lock:
        if module is None:
            return
        _recordings[module] = _recordings.get(module, 0) + 1
        for name, recorded in _FUNCTIONS.items():
            function = getattr(module, name, None)
            if function is not None and not isinstance(function, _Recorded):
                setattr(module, name, _Recorded(function, recorded))


def leave_dispatch(trainer: Any) -> None:
    """A recording has ended; with the last one Lightning's functions are what they were."""
    module = _dispatcher(trainer)
    with _lock:
        if module is None:
            return
        _recordings[module] -= 1
        for name in _FUNCTIONS:
            function = getattr(module, name, None)
            if not _recordings[module] and isinstance(function, _Recorded):
                setattr(module, name, function.__wrapped__)


def _dispatcher(trainer: Any) -> ModuleType | None:
    """The module with which this trainer calls hooks: `lightning` and `pytorch_lightning` have one each."""
    names = [base.__module__ for base in type(trainer).__mro__ if base.__module__ in _TRAINERS]
    module = getattr(sys.modules[names[0]], "call", None) if names else None
    return module if isinstance(module, ModuleType) else None


class _Recorded:
    """One of Lightning's functions, which does something more if the trainer is being recorded."""

    def __init__(self, function: Callable[..., Any], recorded: Callable[..., Any]) -> None:
        wraps(function)(self)
        self.__wrapped__ = function
        self._recorded = recorded

    def __call__(self, trainer: Any, *args: Any, **kwargs: Any) -> Any:
        seam = vars(trainer).get("profiler")
        if type(seam) is not Seam:
            return self.__wrapped__(trainer, *args, **kwargs)
        return self._recorded(seam, self.__wrapped__, trainer, *args, **kwargs)


def _with_states(seam: Seam, function: Callable[..., Any], trainer: Any, *args: Any, **kwargs: Any) -> Any:
    return function(_TrainerView(trainer, seam), *args, **kwargs)


def _with_ending(seam: Seam, function: Callable[..., Any], trainer: Any, exception: BaseException) -> Any:
    with seam.failing(exception):
        return function(trainer, exception)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_call_callbacks_state_dict": _with_states,
    "_call_callbacks_load_state_dict": _with_states,
    "_interrupt": _with_ending,
}


class _TrainerView:
    """A trainer, but for its callbacks."""

    def __init__(self, trainer: Any, seam: Seam) -> None:
        self._trainer = trainer
        self._seam = seam

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    @property
    def callbacks(self) -> list[Any]:
        return [
            callback if _is_own(callback) else _CallbackView(callback, self._seam)
            for callback in self._trainer.callbacks
        ]


def _is_own(callback: Any) -> bool:
    return any(base.__module__ == _OWN for base in type(callback).__mro__)


class _CallbackView:
    """A callback that says when it is asked for its state or given one."""

    def __init__(self, callback: Any, seam: Seam) -> None:
        self._callback = callback
        self._seam = seam

    def __getattr__(self, name: str) -> Any:
        return getattr(self._callback, name)

    def state_dict(self) -> Any:
        callback = self._callback  # under this name the instance is looked for, as in Lightning's own frames
        with self._seam.record(f"[Callback]{callback.state_key}.state_dict"):
            return callback.state_dict()

    def load_state_dict(self, state_dict: Any) -> None:
        callback = self._callback
        with self._seam.record(f"[Callback]{callback.state_key}.load_state_dict"):
            callback.load_state_dict(state_dict)
