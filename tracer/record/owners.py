"""What the owners of a run bring: which hooks they override, and which methods they have that Lightning has not.

A hook that is overridden and never called, or a method that only looks like a hook, shows in no event: to be found it
must have been known. So this is noted down when a run begins. Looked at are dictionaries of classes and the names that
compiled code mentions, once a trainer call; nothing of anybody's is called, and no attribute is asked for.
"""

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from tracer.record.defined import definition, unwrapped
from tracer.record.roster import is_tracer

_LIBRARIES = frozenset({"builtins", "lightning", "pytorch_lightning", "torch", "tracer", "typing", "abc"})
"""Packages whose classes are nobody's own program."""

_HOOK_MODULES = {
    "module": (".core.hooks",),
    "datamodule": (".core.hooks", ".core.datamodule"),
    "callback": (".callbacks.callback",),
}
"""Where Lightning defines the hooks of each kind of owner: ends of module names."""

_MODULE_HOOKS = (
    "configure_callbacks",
    "configure_gradient_clipping",
    "configure_optimizers",
    "lr_scheduler_step",
    "optimizer_step",
    "optimizer_zero_grad",
    "predict_step",
    "test_step",
    "training_step",
    "validation_step",
)
"""Hooks of a LightningModule that it defines among its other methods (core/module.py)."""

_REMOVED_ARGUMENTS = ("optimizer_idx",)
_MOST = 200


def describe_owners(trainer: Any) -> dict[str, Any]:
    """The hooks that there are, and what the module, the datamodule and each callback bring.

    Returns:
        `hooks`: by kind of owner, the names of the hooks that this Lightning has. `owners`: of each its kind, class and
        instance; `overrides`: by hook where the function lies, whether it comes from a library rather than from the
        program, and which removed arguments it still takes; `others`: by name where a public method lies that Lightning
        has not, and that the program's own classes nowhere mention.
    """
    owners = list(_owners(trainer))
    mentioned = {name for _, target, _ in owners for cls in _own_classes(target) for name in _mentions(cls)}
    hooks: dict[str, list[str]] = {}
    entries = []
    for kind, target, instance in owners:
        names = hooks.setdefault(kind, _hook_names(kind, target))
        entry = {"kind": kind, "class": type(target).__name__, "instance": instance}
        entries.append(entry | {"overrides": _overrides(target, names), "others": _others(target, mentioned)})
    return {"hooks": hooks, "owners": entries}


def _owners(trainer: Any) -> Iterator[tuple[str, Any, int]]:
    """Kind, object and number among its class of everyone whose hooks Lightning calls; the strategy is its own."""
    yield "module", trainer.lightning_module, 0
    if trainer.datamodule is not None:
        yield "datamodule", trainer.datamodule, 0
    counts: dict[str, int] = {}
    for callback in trainer.callbacks:
        name = type(callback).__name__
        counts[name] = counts.get(name, -1) + 1
        if not is_tracer(callback):
            yield "callback", callback, counts[name]


def _hook_names(kind: str, target: Any) -> list[str]:
    homes = [cls for cls in type(target).__mro__ if _is_library(cls) and cls.__module__.endswith(_HOOK_MODULES[kind])]
    names = {name for cls in homes for name, entry in vars(cls).items() if isinstance(entry, FunctionType)}
    if kind == "module":
        names.update(_MODULE_HOOKS)
    return sorted(name for name in names if not name.startswith("_"))


def _overrides(target: Any, names: list[str]) -> dict[str, Any]:
    found = {name: definition(target, name) for name in names}
    return {
        name: {
            "at": entry.defined_at,
            "library": entry.home is not None and _is_library(entry.home),
            "removed": [argument for argument in _REMOVED_ARGUMENTS if argument in entry.arguments],
        }
        for name, entry in found.items()
        if entry is not None and entry.overridden
    }


def _others(target: Any, mentioned: set[str]) -> dict[str, str | None]:
    """Public methods of the program's own classes that no class of a library has, and that nothing there mentions."""
    known = {name for cls in type(target).__mro__ if _is_library(cls) for name in vars(cls)}
    names = [
        name
        for cls in _own_classes(target)
        for name, entry in vars(cls).items()
        if not name.startswith("_") and name not in known | mentioned and isinstance(unwrapped(entry), FunctionType)
        if not isinstance(entry, property)
    ]
    found = {name: definition(target, name) for name in dict.fromkeys(names[:_MOST])}
    return {name: entry.defined_at for name, entry in found.items() if entry is not None}


def _own_classes(target: Any) -> list[type]:
    return [cls for cls in type(target).__mro__ if not _is_library(cls)]


def _is_library(cls: type) -> bool:
    return str(cls.__module__).partition(".")[0] in _LIBRARIES


def _mentions(cls: type) -> Iterator[str]:
    """The names that the functions of a class use; one that calls itself, or `super`'s, does not count."""
    for name, entry in vars(cls).items():
        function = unwrapped(entry)
        if isinstance(function, FunctionType):
            yield from (mentioned for mentioned in _names(function.__code__) if mentioned != name)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
