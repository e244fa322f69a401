"""`HookTracerMixin`: what a LightningModule does that Lightning dispatches to nobody.

`forward`, `backward`, `log` and the like are called directly, so no seam sees them. The mixin puts a recording function
in front of them on the class that a user derives. On the class and not on the instance, because instances are pickled,
copied and compiled; with `functools.wraps`, because Lightning unwraps one level when it asks whether a hook is
overridden (utilities/model_helpers.py:29-46). The step methods stay untouched: their signatures are inspected, and the
strategy's spans time them already.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import torch

from tracer.record.callback import HookTracer
from tracer.record.environment import is_disabled
from tracer.record.session import seam_of

RECORDED = (
    "backward",
    "clip_gradients",
    "eval",
    "forward",
    "load_state_dict",
    "log",
    "log_dict",
    "manual_backward",
    "state_dict",
    "toggle_optimizer",
    "train",
    "untoggle_optimizer",
    "zero_grad",
)
"""Methods of a LightningModule that are recorded beside the hooks that Lightning dispatches."""

_OWN = "_hooktrace_own"
"""Marks a recording function that stands where the class has a function of its own."""
_BORROWED = "_hooktrace_borrowed"
"""Marks one that stands on a class in front of a function which that class inherits."""


class HookTracerMixin:
    """Records a LightningModule in full, without a callback: `class Model(HookTracerMixin, LightningModule)`.

    Adds the calls of `RECORDED` to what `HookTracer` records, and supplies a `HookTracer` when the Trainer has none.
    Inactive, its cost is a look at `trainer.profiler` in each of these calls.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in RECORDED:
            _replace(cls, name, _recorded)
        _replace(cls, "configure_callbacks", _supplying)


def _replace(cls: type, name: str, make: Callable[[Callable[..., Any], str], Callable[..., Any]]) -> None:
    """Puts a recording function on `cls`, in front of whatever function the class would have without us.

    One that a base class got from us for a function it only inherits is looked through: between that base and the
    function's home there may now be a class with a function of its own.
    """
    homes = [base for base in cls.__mro__ if name in vars(base) and not hasattr(vars(base)[name], _BORROWED)]
    if not homes or not callable(getattr(homes[0], name)):
        return
    function = vars(homes[0])[name] if homes[0] is cls else getattr(homes[0], name)
    present = getattr(cls, name)
    if homes[0] is not cls and ((hasattr(present, _OWN) and present is function) or _looks_at(present, function)):
        return
    wrapper = make(function, name)
    setattr(wrapper, _OWN if homes[0] is cls else _BORROWED, True)
    setattr(cls, name, wrapper)


def _looks_at(present: Any, function: Any) -> bool:
    """Whether `present` is a recording function of ours in front of `function`."""
    return hasattr(present, _BORROWED) and present.__wrapped__ is function


def _recorded(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(function)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        seam = None if torch.compiler.is_compiling() else seam_of(self.__dict__.get("_trainer"))
        # An override that calls `super()` passes here once for each class: that is one call, not two.
        here = (id(self), name)
        if seam is None or here in seam.inside:
            return function(self, *args, **kwargs)
        seam.inside.add(here)
        try:
            with seam.record(f"[LightningModule]{type(self).__name__}.{name}"):
                return function(self, *args, **kwargs)
        finally:
            seam.inside.discard(here)

    return call


def _supplying(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`configure_callbacks` is the first thing that Lightning calls of a module (trainer.py:1024)."""

    @wraps(function)
    def call(self: Any) -> Any:
        trainer = self.__dict__.get("_trainer")
        if trainer is None or is_disabled() or seam_of(trainer) is not None:
            return function(self)
        given = _tracer_in(trainer.callbacks)
        tracer = given or HookTracer()
        with tracer.recording(trainer, f"[LightningModule]{type(self).__name__}.{name}"):
            callbacks = function(self)
        listed = list(callbacks) if isinstance(callbacks, Sequence) else [callbacks]
        if _tracer_in(listed) is not None:
            tracer.detach()  # the module's own takes over; Lightning drops others of its class
            return callbacks
        return callbacks if given is not None else [*listed, tracer]

    return call


def _tracer_in(callbacks: Iterable[Any]) -> HookTracer | None:
    return next((callback for callback in callbacks if isinstance(callback, HookTracer)), None)
