"""Which function runs for a hook, whose it is, and whether it is anybody's own.

A hook can be a method of any class of the owner's, a function assigned to one instance, a partial, a decorated function
or something written in C. Looked up are the dictionaries of classes and instances: an attribute access could run code.
"""

import functools
import inspect
import re
from dataclasses import dataclass
from types import MethodType
from typing import Any

_DEFAULTS = re.compile(
    r"(lightning\.pytorch|pytorch_lightning)\.(core\..*|callbacks\.callback|strategies\.strategy)|torch\.nn\..*"
)
"""Modules of the classes whose methods are what a hook does when nobody overrides it."""


@dataclass(frozen=True)
class Definition:
    """What runs for a hook of an owner."""

    overridden: bool
    """Whether it is anything but Lightning's own default."""
    defined_by: str | None
    """The class that brings it; None if it was assigned to the instance."""
    defined_at: str | None
    """`file:line`; None if it has no Python code."""
    doc: str | None
    """First line of the nearest docstring."""
    home: type | None = None
    """The class itself."""
    arguments: tuple[str, ...] = ()
    """The names of its arguments; empty if it has no Python code."""


def is_overridden(target: Any, hook: str) -> bool | None:
    """Whether anybody has put something in the place of a hook's default; None if there is no such hook."""
    found = definition(target, hook)
    return None if found is None else found.overridden


def definition(target: Any, hook: str) -> Definition | None:
    """What runs when Lightning calls a hook of `target`; None if nothing is found there."""
    found = _functions(target, hook)
    if not found:
        return None
    runs = found[0][1]
    # Wrapped or assigned once more, by the mixin or by a compiler, a default is still the default.
    classes = [cls for cls, function in found if function is runs and cls is not None]
    origin = classes[-1] if classes else None
    docs = [_doc(function) for _, function in found]
    return Definition(
        overridden=origin is None or not _DEFAULTS.fullmatch(origin.__module__),
        defined_by=None if origin is None else origin.__name__,
        defined_at=_place(runs),
        doc=next((doc for doc in docs if doc), None),
        home=origin,
        arguments=_arguments(runs),
    )


def _functions(target: Any, hook: str) -> list[tuple[type | None, Any]]:
    """What there is for a hook, the nearest first: the class that has it (None for the instance), and the function."""
    own = getattr(target, "__dict__", {}).get(hook)
    found: list[tuple[type | None, Any]] = [] if own is None else [(None, unwrapped(own))]
    found += [(cls, unwrapped(vars(cls)[hook])) for cls in type(target).__mro__ if hook in vars(cls)]
    return [(cls, function) for cls, function in found if callable(function)]


def unwrapped(entry: Any) -> Any:
    """The function as its author wrote it, below methods, partials and well-behaved decorators."""
    for _ in range(100):  # a chain of wrappers can be closed to a ring
        if isinstance(entry, functools.partial | functools.partialmethod):
            entry = entry.func
        elif isinstance(entry, MethodType | staticmethod | classmethod):
            entry = entry.__func__
        elif isinstance(entry, property):
            entry = entry.fget
        elif "__wrapped__" in (wrapper := getattr(entry, "__dict__", {})):
            entry = wrapper["__wrapped__"]
        else:
            break
    return entry


def _place(function: Any) -> str | None:
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return None if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def _arguments(function: Any) -> tuple[str, ...]:
    code = getattr(function, "__code__", None)
    return () if code is None else tuple(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def _doc(function: Any) -> str | None:
    doc = getattr(function, "__doc__", None)
    return inspect.cleandoc(doc).partition("\n")[0] or None if isinstance(doc, str) else None
