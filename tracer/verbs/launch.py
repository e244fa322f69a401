"""What the verbs that start a training have in common: a directory for the run, and a training beside its viewer.

What happens to this process does not happen to the training. A closed terminal (SIGHUP) leaves it running, to be found
again with `hooktrace watch`. Ctrl-C asks first on the screen and is passed on without one. SIGTERM is passed on, so
that stopping this command from outside stops what it started.
"""

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tracer.errors import HooktraceError, UsageError
from tracer.verbs.recordings import listening
from tracer.verbs.terminal import has_terminal

if TYPE_CHECKING:
    from tracer.verbs.child import ChildProcess

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DISABLED_VARIABLE = "HOOKTRACE_DISABLED"


def recording_is_off() -> bool:
    """Whether the environment switches recording off."""
    return os.environ.get(DISABLED_VARIABLE, "0") not in ("", "0")


def refuse_if_off() -> None:
    """For a screen on a run that would never begin.

    Raises:
        UsageError: recording is switched off.
    """
    if recording_is_off():
        raise UsageError(f"{DISABLED_VARIABLE} switches recording off, so there would be nothing to see: unset it")


def new_run_directory(runs_dir: Path, name: str, now: datetime) -> Path:
    """Makes a directory `<time>-<name>`, with a number behind the time if runs were started in the same second.

    `RUN-2` is the second Trainer of the program that records into `RUN`, not another program.

    Raises:
        UsageError: the name is no plain name.
        HooktraceError: the directory cannot be made.
    """
    if not RUN_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a run: use letters, digits, '.', '_' and '-', at most 64 of them")
    for number in count(1):
        path = runs_dir / f"{now:%Y%m%d-%H%M%S}{f'.{number}' if number > 1 else ''}-{name}"
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            if not path.is_dir():
                raise HooktraceError(f"cannot make {path}: {error.strerror}") from error
        except OSError as error:
            raise HooktraceError(f"cannot make {path}: {error.strerror}") from error
        else:
            return path
    raise AssertionError("count() ends")


def launch(
    program: Sequence[str], run_dir: Path, lines: bool, report: Callable[[Path, Sequence[Path], int], None]
) -> int:
    """Starts Python in a process of its own and shows what it records, until it ends or is left alone.

    Args:
        program: What follows the interpreter.
        run_dir: An existing directory, for the recording and the output.
        lines: Whether lines of progress are wanted in place of the screen; without a terminal there is no choice.
        report: Called when the program has ended, with the directory, those of all that was recorded, the exit code.

    Returns:
        The program's exit code, or 0 if it was left running.
    """
    from tracer.verbs.child import ChildProcess
    from tracer.verbs.ending import report_left

    show = _lines if lines or not has_terminal() else _screen
    with listening() as recordings:
        try:
            child = ChildProcess(program, run_dir, os.environ, recordings)
        except OSError as error:
            raise HooktraceError(f"cannot start the training in {run_dir}: {error.strerror}") from error
        result = show(run_dir, child)
        if result == "terminated" or child.poll() is not None:
            code = child.wait()
            report(run_dir, recordings.paths(), code)
            return code
        report_left((recordings.paths() or [run_dir])[-1], child.pid)
        return 0 if result == "detached" else 1


def _lines(run_dir: Path, child: "ChildProcess") -> str:
    from tracer.verbs.follow import follow

    print(f"training in {run_dir}", flush=True)
    with _passing_on_terminate(child, lambda: print("SIGTERM is passed on to the training", flush=True)):
        follow(run_dir, child)
    return "ended"


def _screen(run_dir: Path, child: "ChildProcess") -> str | None:
    from tui.app import SessionApp
    from tui.child import next_run
    from tui.settings import user_settings

    first, shown = None, run_dir
    while True:
        app = SessionApp(shown, child=child, first=first, settings=user_settings())
        with _passing_on_terminate(child, partial(app.exit, "terminated")):
            result = app.run()
        upcoming = next_run(child, shown) if result == "next" else None
        if upcoming is None:
            return result
        first, shown = run_dir, upcoming


@contextmanager
def _passing_on_terminate(child: "ChildProcess", then: Callable[[], None]) -> Iterator[None]:
    def terminate(number: int, frame: FrameType | None) -> None:
        child.terminate()
        then()

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
