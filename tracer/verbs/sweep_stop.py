"""Stopping a sweep: Ctrl-C, SIGTERM and a closed terminal end the training under way, and nothing begins after it.

No exception is raised, since one could come between any two lines; who waits for a training asks whether to go on.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stoppable(Protocol):
    """A process that trains."""

    def interrupt(self) -> None:
        """Sends what Ctrl-C sends."""
        ...

    def kill(self) -> None:
        """Ends it at once."""
        ...


class Stop:
    """Whether somebody wants the sweep to end.

    Attributes:
        number: The first signal that said so; None if none did.
        again: Whether there was a second one.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.again = False
        self._child: Stoppable | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    @contextmanager
    def ends(self, child: Stoppable) -> Iterator[None]:
        """Ends this process, too, when a signal comes: gracefully at first, at once if there is a second one."""
        self._child = child
        if self.number is not None:  # it came before there was a process to end
            child.interrupt()
        try:
            yield
        finally:
            self._child = None

    def take(self, number: int, frame: FrameType | None) -> None:
        """A signal has come."""
        self.again = self.number is not None
        self.number = number if self.number is None else self.number
        if self._child is not None:
            (self._child.kill if self.again else self._child.interrupt)()


@contextmanager
def stopping() -> Iterator[Stop]:
    """Takes the signals that mean an end, until the context ends. One that is ignored here stays ignored."""
    stop = Stop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, stop.take)
    try:
        yield stop
    finally:
        for number in taken:
            signal.signal(number, before[number])
