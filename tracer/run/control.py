"""Both ends of the control page: how a viewer asks a training process for something.

The page is a small file, mapped into memory by both sides, so that looking at it costs the trainer no system call and
no thread (a socket served by a thread waits for the interpreter lock, up to seconds under load). The trainer looks once
a batch. The page belongs to the user who trains, mode 0600, and carries numbers only.

Layout, little-endian: 8 bytes magic, then 64-bit request number, 64-bit answer. A request is a `Request`; the answer is
the `Reply` to it.
"""

import mmap
import os
import struct
from enum import IntEnum
from pathlib import Path
from typing import Final, Self

from tracer.run.layout import CONTROL_FILE

_MAGIC: Final = b"hooktrc1"
_WORDS: Final = struct.Struct("<qq")
_REQUEST: Final = struct.Struct("<q")
_OFFSET: Final = len(_MAGIC)
_SIZE: Final = 64


class Request(IntEnum):
    """What a viewer can ask for."""

    NONE = 0
    STOP = 1
    """End the training gracefully, as `Trainer.should_stop` does."""


class Reply(IntEnum):
    """What the trainer answers."""

    NONE = 0
    STOPPING = 1
    REFUSED = 2
    CLOSED = 3
    """Nobody listens any more: the recording is over."""


class ControlPage:
    """The trainer's end: it creates the page, looks for requests, answers, and says when it stops to listen."""

    def __init__(self, run_dir: Path) -> None:
        """Creates the page, replacing what an earlier process may have left.

        Raises:
            OSError: the directory cannot be written to.
        """
        path = run_dir / CONTROL_FILE
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, _MAGIC.ljust(_SIZE, b"\0"))
            self._page = mmap.mmap(handle, _SIZE)
        finally:
            os.close(handle)

    def pending(self) -> bool:
        """Whether something is asked for. This is all that a batch pays: about 100 ns."""
        return self._page[_OFFSET] != 0

    def answer(self, reply: Reply) -> None:
        """Answers the request and takes it off the page."""
        _WORDS.pack_into(self._page, _OFFSET, Request.NONE, reply)

    def request(self) -> int:
        """The number asked for; 0 for none, and any other number from a hostile or newer viewer."""
        number: int = _REQUEST.unpack_from(self._page, _OFFSET)[0]
        return number

    def close(self) -> None:
        """Says that nobody listens any more."""
        self.answer(Reply.CLOSED)
        self._page.close()


class ControlViewer:
    """The viewer's end. Never raises: a run without a page, or one whose trainer is gone, just cannot be asked."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / CONTROL_FILE
        self._page: mmap.mmap | None = None

    def request_stop(self) -> bool:
        """Asks for a graceful end. Returns False if nobody listens."""
        page = self._open()
        if page is None or self.reply() is Reply.CLOSED:
            return False
        _WORDS.pack_into(page, _OFFSET, Request.STOP, Reply.NONE)
        return True

    def reply(self) -> Reply:
        """The trainer's answer so far."""
        page = self._open()
        if page is None:
            return Reply.CLOSED
        try:
            return Reply(_WORDS.unpack_from(page, _OFFSET)[1])
        except ValueError:  # a newer trainer's, or garbage
            return Reply.NONE

    def close(self) -> None:
        """Lets go of the page; the object can still be used and opens it again."""
        if self._page is not None:
            self._page.close()
            self._page = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _open(self) -> mmap.mmap | None:
        if self._page is None:
            try:
                with self._path.open("r+b") as file:
                    page = mmap.mmap(file.fileno(), _SIZE)
            except (OSError, ValueError):
                return None
            if page[:_OFFSET] != _MAGIC:
                page.close()
                return None
            self._page = page
        return self._page
