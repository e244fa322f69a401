"""What the screen needs of a training process that was started beside it.

The verb that starts the process supplies one. The screen asks whether it is still there and what it records, and may
interrupt it, no more.
"""

from collections.abc import Sequence
from pathlib import Path
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

    def recordings(self) -> Sequence[Path]:
        """The directories of the runs that it has begun, one a Trainer, in order."""
        ...

    def interrupt(self) -> None:
        """Sends it, and the processes it started, what Ctrl-C sends."""
        ...


def next_run(child: Child | None, shown: Path) -> Path | None:
    """The run that the process has begun last, if it is another than the one shown."""
    latest = child.recordings()[-1:] if child is not None else ()
    return latest[0] if latest and latest[0].resolve() != shown.resolve() else None
