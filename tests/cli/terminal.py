"""The command in a terminal: what is typed and what is drawn."""

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path

from tests.cli.commands import ENVIRONMENT

_LIMIT_S = 120


class Terminal:
    """`hooktrace` in a pseudo-terminal of 120x40."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tracer", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=_environment(),
        )
        os.close(theirs)
        self.output = ""

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def wait_for(self, words: str) -> None:
        """Reads until `words` were written, wherever on the screen."""
        deadline = time.monotonic() + _LIMIT_S
        seen = len(self.output)
        while words not in plain(self.output[seen:]):
            if not self._read(deadline):
                raise AssertionError(f"{words!r} never came; at the end: {plain(self.output)[-2000:]!r}")

    def wait_for_end(self) -> int:
        deadline = time.monotonic() + _LIMIT_S
        while self._read(deadline):
            pass
        os.close(self._ours)
        return self.process.wait(timeout=_LIMIT_S)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._ours, 65536) if ready else b""
        except OSError:  # the other end is closed
            data = b""
        self.output += data.decode(errors="replace")
        return bool(data)


def _environment() -> dict[str, str]:
    """A colour terminal; what a session remembers goes to the working directory of the test."""
    inherited = {name: value for name, value in ENVIRONMENT.items() if name != "NO_COLOR"}
    here = {name: str(Path.cwd() / ".xdg") for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    return inherited | here | {"TERM": "xterm-256color"}


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)
