"""A real terminal: tmux runs a command in a window, types, and says what the screen shows."""

import os
import select
import shlex
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_LIMIT_S = 120


class Tmux:
    """One window of a server of our own; what its program writes wakes up whoever waits."""

    def __init__(self, directory: Path, environment: Mapping[str, str], columns: int = 120, rows: int = 40) -> None:
        self._command = ["tmux", "-S", str(directory / "tmux"), "-f", os.devnull]
        exports = [f"{name}={value}" for name, value in environment.items()]
        shell = ["env", "-u", "COLUMNS", "-u", "LINES", *exports, "sh"]  # else the size would be theirs
        self._run("new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(directory), shlex.join(shell))
        self._written = directory / "written"
        os.mkfifo(self._written)
        self._wakes = os.open(self._written, os.O_RDWR | os.O_NONBLOCK)
        self._run("pipe-pane", f"cat > {shlex.quote(str(self._written))}")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments], check=True, capture_output=True, text=True, encoding="utf-8"
        )
        return done.stdout

    def type(self, text: str) -> None:
        """Types text as it is, without an enter."""
        self._run("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Presses keys, as tmux names them."""
        self._run("send-keys", *keys)

    @property
    def screen(self) -> str:
        """What there is to see."""
        return self._run("capture-pane", "-p")

    def wait_for(self, *words: str, without: str = "\0") -> str:
        """Waits until all of `words` are on the screen, and `without` is not; returns it."""
        deadline = time.monotonic() + _LIMIT_S
        while True:
            shown = self.screen
            if all(word in shown for word in words) and without not in shown:
                return shown
            if time.monotonic() > deadline:
                raise AssertionError(f"{words} never came, or {without!r} stayed; there is:\n{shown}")
            self._wait_for_output()

    def fill(self, text: str) -> None:
        """Types into a line. A dialog takes keys a moment after it is drawn: what came too soon is typed again."""
        deadline = time.monotonic() + _LIMIT_S
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen
            self.press("C-u", "C-k")
            self.type(text)
            patience = time.monotonic() + 2
            while text not in self.screen and time.monotonic() < patience:
                self._wait_for_output()

    def insist(self, key: str, without: str) -> None:
        """Presses a key until `without` is gone: one that comes while a dialog closes is lost."""
        deadline = time.monotonic() + _LIMIT_S
        while without in self.screen:
            assert time.monotonic() < deadline, self.screen
            self.press(key)
            patience = time.monotonic() + 2
            while without in self.screen and time.monotonic() < patience:
                self._wait_for_output()

    def _wait_for_output(self) -> None:
        """Until something is written, for a second at most."""
        select.select([self._wakes], [], [], 1.0)
        with suppress(BlockingIOError):
            os.read(self._wakes, 1 << 20)

    def close(self) -> None:
        """Ends the window and all that runs in it."""
        subprocess.run([*self._command, "kill-server"], check=False, capture_output=True)
        os.close(self._wakes)
