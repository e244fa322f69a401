"""Deleting a run: what would go with it, when that is refused, and doing it so that no half of a run stays behind."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracer.errors import HooktraceError
from tracer.run import open_run
from tracer.run.layout import CLAIM_FILE, CONTROL_FILE, INSPECT_FILE, OUTPUT_FILE, RUN_FILE
from tracer.run.text import plain_text

_OURS: Final = re.compile(
    "|".join(
        [re.escape(name) for name in (RUN_FILE, CLAIM_FILE, CONTROL_FILE, INSPECT_FILE, OUTPUT_FILE)]
        + [r"events-\d+\.\d+", r"actions-\d+\.jsonl", r"spans-\d+\.parquet", r"rank-\d+\.json"]
    )
)


@dataclass(frozen=True)
class Removal:
    """What deleting a run takes away.

    Attributes:
        path: the run's directory, with all that is in it.
        files: how many there are.
        size: bytes of them together.
        others: what in it was not recorded by hooktrace, such as checkpoints, by name.
        refusal: why it is not deleted; None if it may be.
    """

    path: Path
    files: int = 0
    size: int = 0
    others: tuple[str, ...] = ()
    refusal: str | None = None


def removal_of(path: Path) -> Removal:
    """What deleting the run at `path` would take away, or why that is refused."""
    refusal = _refusal(path)
    if refusal is not None:
        return Removal(path, refusal=refusal)
    files = size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            files += 1
            size += (Path(folder) / name).lstat().st_size
    others = tuple(sorted(entry.name for entry in path.iterdir() if not _OURS.fullmatch(entry.name)))
    return Removal(path, files, size, others)


def remove(path: Path) -> None:
    """Deletes the run at `path` and nothing else. It goes out of the list at once: it gets another name first.

    Raises:
        HooktraceError: it is not deleted, or not all of it.
    """
    refusal = _refusal(path)
    if refusal is not None:
        raise HooktraceError(refusal)
    aside = path.with_name(f".deleted-{os.getpid()}-{path.name}")
    try:
        path.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise HooktraceError(f"cannot delete {plain_text(path.name)}: {error.strerror}") from error


def _refusal(path: Path) -> str | None:
    """Why a run may not be deleted: somebody writes it, or its directory is more than a run's."""
    name = plain_text(path.name)
    try:
        running = open_run(path).state == "running"
    except HooktraceError as error:
        return str(error)
    whole = path.resolve()
    if running:
        return f"{name} is being written: it is not deleted while it runs"
    if path.is_symlink():
        return f"{name} is a link: delete what it leads to, or the link, yourself"
    if any(place.is_relative_to(whole) for place in (Path.cwd().resolve(), Path.home().resolve())):
        return f"{name} holds the directory that you work in: it is not deleted"
    if (path / ".git").exists():
        return f"{name} is a repository: it is not deleted"
    return None
