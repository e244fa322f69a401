"""The end of a program's own output, as lines that can be shown.

The text is anybody's: escape sequences are taken out, progress lines that overwrite themselves (carriage returns) are
reduced to their last state, and neither a long line nor a long file can make the screen slow.
"""

import re
from pathlib import Path
from typing import Final

from tracer.run.files import open_regular
from tracer.run.text import plain_text

MAX_LINES: Final = 500
_MAX_COLUMNS: Final = 400
_FIRST_BYTES: Final = 1 << 17
_MAX_PENDING: Final = 1 << 15
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor movement
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # strings for the terminal: titles, links
    r"|\x1b[ -/]*[0-~]?"  # the rest
)


class OutputTail:
    """Follows one file that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = -1
        self._pending = b""
        self._lines: list[str] = []
        self._shown: tuple[str, ...] = ()

    def read(self) -> tuple[str, ...]:
        """The last lines, the unfinished one included; the same object as last time if nothing was added."""
        data = self._new_bytes()
        if data:
            *complete, self._pending = (self._pending + data).split(b"\n")
            self._pending = self._pending[-_MAX_PENDING:]
            for line in complete[-2 * MAX_LINES :]:
                self._add(clean_line(line))
            unfinished = clean_line(self._pending)
            self._shown = (*self._lines, unfinished) if unfinished else tuple(self._lines)
        return self._shown

    def _add(self, line: str) -> None:
        """Adds a line; of several empty ones, which cursor movements leave behind, one stays."""
        if line or (self._lines and self._lines[-1]):
            self._lines.append(line)
            del self._lines[:-MAX_LINES]

    def _new_bytes(self) -> bytes:
        try:
            with open_regular(self._path) as file:
                size = file.seek(0, 2)
                if self._offset < 0 or size < self._offset:
                    self._offset = max(0, size - _FIRST_BYTES)
                file.seek(max(self._offset, size - _FIRST_BYTES))
                data = file.read(_FIRST_BYTES)
                self._offset = file.tell()
        except OSError:
            return b""
        return data


def clean_line(raw: bytes) -> str:
    """One line of output as it would look on a terminal in the end, without anything that controls one."""
    text = raw.decode("utf-8", errors="replace")
    states = [state for state in _ESCAPES.sub("", text).split("\r") if state.strip()]
    return plain_text(states[-1].expandtabs(4).rstrip(), limit=_MAX_COLUMNS) if states else ""
