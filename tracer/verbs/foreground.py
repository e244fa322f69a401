"""A program in the place of this process: it has our terminal, our input and output, our directory, our signals.

It stays in our process group, so that what the keyboard sends (Ctrl-C, Ctrl-\\, Ctrl-Z) reaches it as it would without
us. What is sent to this process alone is passed on, and this process lives on to say what became of the other.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (*_KEYBOARD, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def run_in_foreground(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs Python until it ends.

    Args:
        arguments: What follows the interpreter.
        environment: The environment of the program.

    Returns:
        Its exit code; -n if signal n has killed it.

    Raises:
        OSError: it cannot be started.
    """
    relay = _Relay()
    with relay.listening():
        relay.process = subprocess.Popen([sys.executable, *arguments], env=environment)
        relay.pass_on_early_ones()
        return relay.process.wait()


class _Relay:
    """Passes signals on to a process, also those that come before it is there."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Takes the signals in. One that we ignore (`nohup`, a job in the background) the program ignores as well."""
        before = {number: signal.getsignal(number) for number in _PASSED_ON}
        taken = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
        for number in taken:
            signal.signal(number, self._arrived)
        try:
            yield
        finally:
            for number in taken:
                signal.signal(number, before[number])

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if number in _KEYBOARD and _has_keyboard():
            return  # the terminal sent it to the whole group: the program has it already
        if self.process is None:
            self._early.append(number)
        else:
            self.process.send_signal(number)

    def pass_on_early_ones(self) -> None:
        """To be called when the process is there."""
        while self._early and self.process is not None:
            self.process.send_signal(self._early.pop(0))


def _has_keyboard() -> bool:
    """Whether what is typed at the terminal goes to our process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
