"""The source of a hook, read from the file that the recording names: if it is here, and if it is what it seems to be.

The run may come from another machine, or from someone who means harm: only Python files are read, only regular ones, a
bounded part of them, and what stands at the line must be a function.
"""

import inspect
import os
import re
import tokenize
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracer.run.files import open_regular

_MOST_BYTES: Final = 4 << 20
_MOST_LINES: Final = 200
_KEPT: Final = 64
_PLACE: Final = re.compile(r"(?P<path>.+):(?P<line>[1-9]\d{0,7})", re.DOTALL)
_FUNCTION: Final = re.compile(r"\s*(@|(async\s+)?def\s|class\s)|.*\blambda\b")


@dataclass(frozen=True)
class Source:
    """A function's source, or why it cannot be shown.

    Attributes:
        first_line: number of the first of `lines` in the file, counted from one.
        lines: the function's first lines. From a file: untrusted.
        note: what there is to say about them, or why there are none; empty if nothing.
    """

    first_line: int = 0
    lines: tuple[str, ...] = ()
    note: str = ""


class Sources:
    """Reads sources and remembers the last few. A running program keeps the code that it has loaded: so do we."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str | None, float], Source] = OrderedDict()

    def of(self, defined_at: str | None, since: float) -> Source:
        """The source of a function.

        Args:
            defined_at: `file:line`, as recorded; None if that is not known.
            since: when the run began, in seconds since 1970: a file that is newer may say something else.
        """
        key = (defined_at, since)
        found = self._known[key] if key in self._known else _read(defined_at, since)
        self._known[key] = found
        self._known.move_to_end(key)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return found


def place_of(defined_at: str) -> tuple[str, int] | None:
    """Path and line of `file:line`; None if it is no such thing."""
    match = _PLACE.fullmatch(defined_at)
    return (match["path"], int(match["line"])) if match else None


def _read(defined_at: str | None, since: float) -> Source:
    if defined_at is None:
        return Source(note="no source: it was not recorded where it is defined")
    place = place_of(defined_at)
    if place is None or not place[0].endswith(".py") or not Path(place[0]).is_absolute():
        return Source(note="source not here: it does not lie in a Python file")
    try:
        data, changed_at = _content(place[0])
    except (OSError, ValueError):
        return Source(note="source not here: the file cannot be read on this machine")
    lines = data.decode("utf-8", "replace").split("\n")[place[1] - 1 :][:_MOST_LINES]
    if not lines or not _FUNCTION.match(lines[0]):
        return Source(note=f"source not here: line {place[1]} of the file is no function, it is another version")
    note = "the file was changed after the run began" if changed_at > since else ""
    return Source(place[1], _block(lines), note)


def _content(path: str) -> tuple[bytes, float]:
    """The beginning of a regular file, and when it was changed last.

    Raises:
        OSError: there is none, or something else stands there, such as a pipe.
        ValueError: the path cannot be one.
    """
    with open_regular(Path(path)) as file:
        return file.read(_MOST_BYTES), os.fstat(file.fileno()).st_mtime


def _block(lines: list[str]) -> tuple[str, ...]:
    """The function that begins with the first line; all lines where it cannot be told where it ends."""
    try:
        block = inspect.getblock([f"{line}\n" for line in lines])
    except (SyntaxError, tokenize.TokenError):
        return tuple(lines)
    return tuple(line.rstrip("\r\n") for line in block)
