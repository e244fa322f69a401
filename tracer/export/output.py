"""Where an output goes: a file that is whole or not there at all, and never one that was there before."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tracer.errors import ExistsError, HooktraceError, NotFoundError


def check_free(path: Path, force: bool = False) -> None:
    """Nothing if `path` may be written to.

    Raises:
        ExistsError: it exists, and `force` does not say to replace it; or it is a directory.
        NotFoundError: the directory that it is to lie in does not exist.
    """
    if path.is_dir():
        raise ExistsError(f"{path} is a directory: name a file in it")
    if path.exists() and not force:
        raise ExistsError(f"{path} exists: --force replaces it, -o writes to another file")
    if not path.parent.is_dir():
        raise NotFoundError(f"cannot write {path}: there is no directory {path.parent}")


@contextmanager
def new_file(path: Path, force: bool = False) -> Iterator[BinaryIO]:
    """A file to write to that takes its name when it is complete.

    Whatever goes wrong on the way leaves `path` as it was, and nothing beside it.

    Raises:
        HooktraceError: as `check_free`, or the directory or disk does not allow it.
    """
    check_free(path, force)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise HooktraceError(f"cannot write {path}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        temporary.chmod(0o666 & ~_umask())
        check_free(path, force)
        temporary.replace(path)
    except OSError as error:
        raise HooktraceError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's mask for new files, which only setting it reveals (temporary files are made private)."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
