"""The run behind `hooktrace explain --expected`: recorded in a process of its own, gone when it has been looked at.

This process loads neither torch nor Lightning. Whatever ends it early, Ctrl-C, SIGTERM and a closed terminal included,
ends the other one too, and nothing stays on the disk.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from tracer.errors import HooktraceError

if TYPE_CHECKING:
    from tracer.analyze.fold_lines import FoldedLine
    from tracer.run import Run

_RECORDER = "HookTracer"
_FOREIGN = ("HOOKTRACE_", "PL_")
"""Variables that would record the run elsewhere or not at all, or change the trainer (`PL_TRAINER_...`)."""


@contextmanager
def expected_run(function: str) -> "Iterator[Run]":
    """The recording of a trainer function for a minimal model, for as long as the context lasts.

    Raises:
        ModuleNotFoundError: Lightning or torch is not installed.
        HooktraceError: the minimal model could not be run.
    """
    from tracer.run import open_run

    _check_installed()
    with _put_away_when_ended(), _temporary_directory() as directory:
        _record(function, Path(directory))
        yield open_run(Path(directory) / "run")


def _temporary_directory() -> "TemporaryDirectory[str]":
    try:
        return TemporaryDirectory(prefix="hooktrace-", ignore_cleanup_errors=True)
    except OSError as error:
        raise HooktraceError(f"cannot make a temporary directory: {error.strerror}") from error


def _check_installed() -> None:
    if find_spec("lightning") is None and find_spec("pytorch_lightning") is None:
        raise ModuleNotFoundError("No module named 'lightning'", name="lightning")
    if find_spec("torch") is None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")


def _record(function: str, directory: Path) -> None:
    root = str(Path(__file__).parents[2])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    environment["TMPDIR"] = str(directory)  # torch leaves caches
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), root]))
    try:
        # -P: no file of the working directory, a train.py's random.py say, is to come in the way.
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "tracer.expected", function, str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours alone: what it interrupts here ends the other one
            cwd=directory,
            env=environment,
            check=False,
        )
    except OSError as error:
        raise HooktraceError(f"cannot start {sys.executable}: {error.strerror}") from error
    if ended.returncode:
        lines = ended.stdout.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {ended.returncode}")
        raise HooktraceError(f"the installed Lightning did not run a minimal model: {last}")


@contextmanager
def _put_away_when_ended() -> Iterator[None]:
    """Lets a signal that ends this process do it as an exception does, so that what is in hand is put away."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def without_recorder(lines: "Sequence[FoldedLine]") -> "tuple[FoldedLine, ...]":
    """The lines as they would be if nobody had recorded, without times: those of such a small model say nothing."""
    return tuple(
        _without_recorder(line)
        for line in lines
        if not line.owners or any(owner.rstrip("*") != _RECORDER for owner in line.owners)
    )


def _without_recorder(line: "FoldedLine") -> "FoldedLine":
    kept = [number for number, owner in enumerate(line.owners) if owner.rstrip("*") != _RECORDER]
    owners, kinds = (tuple(values[number] for number in kept) for values in (line.owners, line.owner_kinds))
    return replace(line, owners=owners, owner_kinds=kinds, mean_ns=None, share=None)
