"""Opening files of a run that may come from anyone: what stands under a file's name need not be one.

A pipe never answers, a device never ends, a file can be larger than memory. Readers of a run open regular files only,
and say how much of one they can take.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """The file, open for reading, without a buffer.

    Raises:
        OSError: there is none, or something else stands there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # opening a pipe must not wait
    file = os.fdopen(descriptor, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def read_regular(path: Path, most_bytes: int) -> bytes:
    """The content of a file.

    Raises:
        OSError: there is none, something else stands there, or it holds more than `most_bytes`.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most_bytes:
            raise OSError(errno.EFBIG, f"more than {most_bytes >> 20} MiB", str(path))
        return file.read(most_bytes)


def is_regular(path: Path) -> bool:
    """Whether a file stands there, no pipe, device or directory."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False
