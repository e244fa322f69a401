"""Where an output goes: a file or a directory, whole or not there at all, and never one that was there before."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tracer.errors import ExistsError, HooktraceError, NotFoundError


def check_free(path: Path, force: bool = False) -> None:
    """Nothing if `path` may be written to.

    Raises:
        ExistsError: it exists, and `force` does not say to replace it; or it is a directory or a device.
        NotFoundError: the directory that it is to lie in does not exist.
    """
    if path.is_dir():
        raise ExistsError(f"{path} is a directory: name a file in it")
    if path.exists() and not path.is_file():
        raise ExistsError(f"{path} is no ordinary file: -o - writes to stdout")
    _check_place(path, force)


def check_free_folder(path: Path, contents: Sequence[str], force: bool = False) -> None:
    """Nothing if a directory may be made at `path`.

    Args:
        path: Of the directory.
        contents: Patterns of the files, relative to it, that one which may be replaced holds.
        force: Replace a directory that is there, if nothing else lies in it.

    Raises:
        ExistsError: something is there that may not be replaced.
        NotFoundError: the directory that it is to lie in does not exist.
    """
    if path.is_dir():
        ours = {file for pattern in contents for file in path.glob(pattern)}
        other = next((file for file in path.rglob("*") if not file.is_dir() and file not in ours), None)
        if other is not None:
            raise ExistsError(f"{path} holds something else ({other.name}): -o writes to another directory")
    elif path.exists():
        raise ExistsError(f"{path} is no directory: -o writes to another one")
    _check_place(path, force)


def _check_place(path: Path, force: bool) -> None:
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
        raise _cannot_write(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        temporary.chmod(0o666 & ~_umask())
        check_free(path, force)
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, contents: Sequence[str], force: bool = False) -> Iterator[Path]:
    """A directory to write files to that takes its name when they are complete.

    Whatever goes wrong on the way leaves `path` as it was, and nothing beside it.

    Raises:
        HooktraceError: as `check_free_folder`, or the directory or disk does not allow it.
    """
    check_free_folder(path, contents, force)
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        temporary, former = beside / "new", beside / "former"
        temporary.mkdir()
        yield temporary
        check_free_folder(path, contents, force)
        if path.exists():
            path.rename(former)
        temporary.rename(path)
    except OSError as error:
        if former.exists() and not path.exists():
            former.rename(path)
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> HooktraceError:
    return HooktraceError(f"cannot write {path}: {error.strerror or error}")


def _umask() -> int:
    """The process's mask for new files, which only setting it reveals (temporary files are made private)."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
