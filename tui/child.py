"""What the screen needs of a training process that was started beside it.

The verb that starts the process supplies one; the screen asks whether it is still there and may interrupt it, no more.
"""

from typing import Protocol


class Child(Protocol):
    """A process of ours that trains."""

    @property
    def pid(self) -> int:
        """Its process number."""
        ...

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        ...

    def interrupt(self) -> None:
        """Sends it, and the processes it started, what Ctrl-C sends."""
        ...
