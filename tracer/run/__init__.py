"""The run directory: everything that is known about its files, from both ends.

The recorder, inside the training process, uses `layout` and `control` alone, which need nothing but the standard
library. Readers use the rest, which needs numpy. The names below are therefore resolved when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.run.reader import Run, find_run, list_runs, open_run

__all__ = ["Run", "find_run", "list_runs", "open_run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tracer.run' has no attribute {name!r}")
    return getattr(import_module("tracer.run.reader"), name)
