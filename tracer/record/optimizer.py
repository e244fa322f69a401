"""The step of the optimizers themselves, which Lightning gives no span of its own.

Torch lets one register what runs when `Optimizer.step` begins and when it ends. What lies between is what the program
hands to the optimizer. With automatic optimization that is the closure too: the training step, the backward pass and
the hooks around them are inside of `SGD.step`, and the time of its own is the update of the weights. With a gradient
scaler the closure has run before, and a step that is skipped because of infinite gradients does not show.

The hooks are no part of an optimizer's state, its pickle or its copies, and are taken off when the recording ends. A
step that raises is never left: it ends where the span around it does. One that is compiled is not seen.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch

from tracer.record.describe import Owner
from tracer.record.gated import Boundaries
from tracer.record.spans import Span

STEP = "step"
_TO_STEP = 2
"""Frames from a method of `_Watched` to the function of torch that calls a hook and then `step`."""


class OptimizerSteps:
    """Records the steps of one trainer's optimizers."""

    def __init__(self, trainer: Any, span_of: Callable[[Owner, str], Span]) -> None:
        self._trainer = trainer
        self._span_of = span_of
        self._optimizers: Any = None
        self._watched: list[_Watched] = []
        self._gate: Boundaries | None = None

    def watch(self) -> None:
        """Sees to it that the optimizers which the trainer has now are recorded; called before every batch."""
        optimizers = self._trainer.strategy.optimizers
        if optimizers is not self._optimizers:
            self.leave()
            self._watched = [
                _Watched(optimizer, self._span_of(_owner(optimizer, optimizers), STEP))
                for optimizer in optimizers
                if isinstance(optimizer, torch.optim.Optimizer)
            ]
            self._optimizers = optimizers
        for watched in self._watched:
            watched.depth = 0
            watched.gate = self._gate

    def set_gate(self, gate: Boundaries | None) -> None:
        """Lets `gate` know of both sides of every step; None for nobody."""
        self._gate = gate
        for watched in self._watched:
            watched.gate = gate

    def leave(self) -> None:
        """Takes off what `watch` has put on."""
        for watched in self._watched:
            watched.leave()
        self._watched = []
        self._optimizers = None


def _owner(optimizer: Any, optimizers: Any) -> Owner:
    name = type(optimizer).__name__
    same_class = [other for other in optimizers if type(other).__name__ == name]
    number = next(index for index, other in enumerate(same_class) if other is optimizer)
    return Owner("loop", name, number, optimizer)


class _Watched:
    """One optimizer with its span."""

    def __init__(self, optimizer: torch.optim.Optimizer, span: Span) -> None:
        self._span = span
        self.gate: Boundaries | None = None
        self._handles = (
            optimizer.register_step_pre_hook(_StepHook(self._enter)),
            optimizer.register_step_post_hook(_StepHook(self._exit)),
        )
        self.depth = 0
        """How often `step` was entered and not left: one that calls `super().step()` is one step, not two."""

    def leave(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _enter(self) -> None:
        self.depth += 1
        if self.depth == 1:
            if self.gate is not None:
                self.gate.before(self._span.number, sys._getframe(_TO_STEP))
            self._span.__enter__()

    def _exit(self) -> None:
        self.depth -= 1
        if self.depth == 0:
            self._span.__exit__(None, None, None)
            if self.gate is not None:
                self.gate.after(self._span.number, sys._getframe(_TO_STEP), failed=False)


class _StepHook:
    """What torch calls. A copy of it does nothing: a copied optimizer is not the trainer's."""

    def __init__(self, moved: Callable[[], None] | None = None) -> None:
        self._moved = moved

    def __call__(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._moved is not None and not torch.compiler.is_compiling():
            self._moved()

    def __reduce__(self) -> tuple[type["_StepHook"], tuple[()]]:
        return _StepHook, ()
