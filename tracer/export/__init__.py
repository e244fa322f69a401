"""Files for other tools. One module a format, one table of formats; `write` is the way in.

The names below are resolved when they are first used: the table of formats is wanted where no library may be loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.export.formats import FORMATS, Format
    from tracer.export.output import check_free, new_file
    from tracer.export.selection import Selection, Watcher
    from tracer.export.writing import write

__all__ = ["FORMATS", "Format", "Selection", "Watcher", "check_free", "new_file", "write"]

_HOMES = {
    "FORMATS": "formats",
    "Format": "formats",
    "Selection": "selection",
    "Watcher": "selection",
    "check_free": "output",
    "new_file": "output",
    "write": "writing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tracer.export' has no attribute {name!r}")
    value = getattr(import_module(f"tracer.export.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
