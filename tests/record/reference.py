"""What really is called: a wrapper around every public hook method of the objects of a run, on their classes.

It knows nothing of Lightning's dispatch and nothing of the tracer, so what it sees can be held against a recording.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from lightning.pytorch import Callback, LightningDataModule, LightningModule

from tracer import HookTracer

_NO_HOOKS = {
    *("all_gather", "freeze", "unfreeze", "print", "save_hyperparameters", "load_from_checkpoint", "from_datasets"),
    "remove_ignored_hparams",
    *("optimizers", "lr_schedulers", "toggled_optimizer", "to_onnx", "to_tensorrt", "to_torchscript"),
    *("to", "cuda", "cpu", "type", "float", "double", "half"),  # of Lightning's mixin for devices
}
"""Public methods of Lightning's classes that do a job for the program and are no part of the loop."""

_TORCH_METHODS = ("eval", "forward", "load_state_dict", "state_dict", "train", "zero_grad")
"""Methods of `torch.nn.Module` that Lightning calls as a part of the loop."""


def _public_methods(cls: type) -> set[str]:
    bases = [base for base in cls.__mro__ if base.__module__.startswith("lightning.")]
    found = {name for base in bases for name, value in vars(base).items() if inspect.isfunction(value)}
    return {name for name in found if not name.startswith("_")} - _NO_HOOKS


HOOKS = {
    "module": _public_methods(LightningModule) | set(_TORCH_METHODS),
    "callback": _public_methods(Callback),
    "datamodule": _public_methods(LightningDataModule),
}
"""The hooks of each kind of owner: everything public, whatever the next Lightning adds."""


class Reference:
    """Notes the calls of hooks on some objects, in order of completion.

    A call counts if it comes from outside: one that is made within a call of the same method on the same object (an
    override calling `super()`) is a part of that.
    """

    def __init__(self, module: Any, datamodule: Any, callbacks: Iterable[Any]) -> None:
        self._owners = {id(module): _Owner("module", module)}
        if datamodule is not None:
            self._owners[id(datamodule)] = _Owner("datamodule", datamodule)
        seen: dict[str, int] = {}
        for callback in callbacks:
            name = type(callback).__name__
            if not isinstance(callback, HookTracer):
                self._owners[id(callback)] = _Owner("callback", callback, seen.get(name, 0))
            seen[name] = seen.get(name, 0) + 1
        self._inside: set[tuple[int, str]] = set()
        self.calls: list[str] = []
        """What was called: kind, class and number of the owner, and the hook, as `callback ModelCheckpoint 0 setup`."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The classes of the objects are wrapped; afterwards they are what they were."""
        originals: list[tuple[type, str, Any]] = []
        try:
            for owner in self._owners.values():
                for cls in type(owner.target).__mro__:
                    for hook in sorted(HOOKS[owner.kind] & vars(cls).keys()):
                        function = vars(cls)[hook]
                        if inspect.isfunction(function) and (cls, hook) not in [entry[:2] for entry in originals]:
                            originals.append((cls, hook, function))
                            setattr(cls, hook, self._noting(function, hook))
            yield
        finally:
            for cls, hook, function in originals:
                setattr(cls, hook, function)

    def _noting(self, function: Callable[..., Any], hook: str) -> Callable[..., Any]:
        @wraps(function)
        def call(target: Any, *args: Any, **kwargs: Any) -> Any:
            key = (id(target), hook)
            if key in self._inside or id(target) not in self._owners:
                return function(target, *args, **kwargs)
            self._inside.add(key)
            try:
                return function(target, *args, **kwargs)
            finally:
                self._inside.discard(key)
                self.calls.append(f"{self._owners[id(target)]} {hook}")

        # Lightning unwraps one level when it looks at signatures and overrides: there the author's function must be.
        call.__wrapped__ = inspect.unwrap(function)
        return call


class _Owner:
    """An object that is watched."""

    def __init__(self, kind: str, target: Any, number: int = 0) -> None:
        self.kind, self.target, self._number = kind, target, number

    def __str__(self) -> str:
        return f"{self.kind} {type(self.target).__name__} {self._number}"
