"""`hooktrace run`: records any Lightning program, unchanged.

All it does to the program is two variables in the environment: where to record, which the recorder's entry point looks
for, and where to say where it does, which need not be the same. Without the screen the program runs in our place: its
input, output, signals and exit code are what they would be without us.
"""

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path

from tracer.errors import HooktraceError, UsageError
from tracer.run.layout import OUTPUT_FILE
from tracer.verbs.arguments import RUNS_DIR, VerbParser, add_runs_dir
from tracer.verbs.foreground import end_like, run_in_foreground
from tracer.verbs.launch import DISABLED_VARIABLE, launch, new_run_directory, recording_is_off, refuse_if_off
from tracer.verbs.recordings import listening
from tracer.verbs.text import signal_name

_WITH_VALUE = ("--name", "--runs-dir")
_NOTHING = "no Trainer was run: nothing to record"
_GROUP = "lightning.pytorch.callbacks_factory"


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `run`, which come before the program; what follows it is the program's."""
    parser.usage = (
        "hooktrace run [--name NAME] [--runs-dir DIR] [--tui] [-q] SCRIPT [ARGS]\n"
        "       hooktrace run [--name NAME] [--runs-dir DIR] [--tui] [-q] -m MODULE [ARGS]"
    )
    parser.add_argument("--name", help="what to call the run (default: the program's name)")
    add_runs_dir(parser)
    parser.add_argument(
        "--tui",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="show the live screen; the program's output goes to output.log in the run's directory",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not say at the end where the run lies")
    parser.epilog = (
        "The program is started as `python SCRIPT ARGS` or `python -m MODULE ARGS`; it needs no change. Each Trainer\n"
        "in it is a run: RUN, RUN-2, RUN-3, ... Input, output, signals and the exit code are the program's own.\n"
        "\nexamples:\n"
        "  hooktrace run train.py --lr 0.01\n"
        "  hooktrace run --name small -m my_package.train fit --trainer.max_epochs 1\n"
        "  hooktrace run --tui train.py"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Runs the program; returns its exit code. Does not return if a signal has killed it, which then kills us."""
    own, program = _split(arguments)
    args = parser.parse_args(own)
    check_program(program)
    if args.tui:
        refuse_if_off()
    if recording_is_off():
        code = _foreground(program, {})
        _say(f"{DISABLED_VARIABLE} is set: nothing was recorded", args.quiet)
        return end_like(code)
    name = _name_of(program) if args.name is None else args.name
    run_dir = new_run_directory(args.runs_dir or RUNS_DIR, name, datetime.now())
    if args.tui:
        return launch(program, run_dir, False, _report_watched)
    with listening() as recordings:
        code = _foreground(program, {"HOOKTRACE_DIR": str(run_dir.resolve()), **recordings.environment})
        runs = [path for path in recordings.paths() if path.is_dir()]
    with suppress(OSError):  # that it is not empty, or gone
        run_dir.rmdir()
    _say(_summary(runs, code), args.quiet)
    return end_like(code)


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        print(f"hooktrace: {text}", file=sys.stderr)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own options; and the program with all that follows it."""
    index = 0
    while index < len(arguments):
        word = arguments[index]
        if word == "--":
            return list(arguments[:index]), list(arguments[index + 1 :])
        if not word.startswith("-") or word == "-" or word.startswith("-m"):
            break
        index += 2 if word in _WITH_VALUE else 1
    return list(arguments[:index]), list(arguments[index:])


def check_program(program: Sequence[str]) -> None:
    """What Python would say in words of its own; with its exit codes.

    Args:
        program: What follows the interpreter.

    Raises:
        HooktraceError: there is nothing to run, or it would not be recorded.
    """
    if not program or program[0] == "":
        raise UsageError("which program? `hooktrace run SCRIPT [ARGS]` or `hooktrace run -m MODULE [ARGS]`")
    if program == ["-m"]:
        raise UsageError("which module? `hooktrace run -m MODULE [ARGS]`")
    path = Path(program[0])
    if not program[0].startswith("-"):
        if not path.exists():
            raise UsageError(f"no such script: {path}")
        if path.is_dir() and not (path / "__main__.py").exists():
            raise HooktraceError(f"{path} is a directory without a __main__.py: name the script in it")
    if not entry_points(group=_GROUP, name="hooktrace"):
        raise HooktraceError("hooktrace is not installed in this environment, so no Trainer would find its recorder")


def _name_of(program: Sequence[str]) -> str:
    """A run's name after the script or the module."""
    module = (program[0][2:] or program[1]) if program[0].startswith("-m") else None
    text = module or Path(program[0]).resolve().stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("-._")[:64] or "program"


def _foreground(program: Sequence[str], ours: Mapping[str, str]) -> int:
    try:
        return run_in_foreground(program, {**os.environ, **ours})
    except OSError as error:
        raise HooktraceError(f"cannot start {sys.executable}: {error.strerror}") from error


def _summary(runs: Sequence[Path], code: int) -> str:
    """What became of the program, and where its runs lie."""
    killed = f"the program was killed by {signal_name(-code)}; " if code < 0 else ""
    if not runs:
        return killed + _NOTHING
    states = [_state(path) for path in runs]
    if len(runs) == 1:
        shown = runs[0].name if runs[0].parent == RUNS_DIR else runs[0]
        return f"{killed}recorded in {runs[0]} ({states[0]}); to look at it: hooktrace replay {shown}"
    ends = ", ".join(f"{number} {state}" for state, number in Counter(states).items())
    return f"{killed}recorded {len(runs)} runs ({ends}): {_list(runs)}"


def _list(runs: Sequence[Path]) -> str:
    """Several runs: the first and the last if they are numbered one after another, else each."""
    first, *others = runs
    if others == [first.with_name(f"{first.name}-{number}") for number in range(2, len(runs) + 1)]:
        return f"{first} to {others[-1].name}"
    return ", ".join(map(str, runs))


def _state(path: Path) -> str:
    from tracer.run import open_run

    try:
        return open_run(path).state
    except HooktraceError:
        return "not readable"


def _report_watched(run_dir: Path, recorded: Sequence[Path], code: int) -> None:
    from tracer.verbs.ending import report_end

    if code == 0 and not recorded:
        print(f"hooktrace: {_NOTHING} (its output: {run_dir / OUTPUT_FILE})", file=sys.stderr)
    else:
        report_end(run_dir, recorded, code)
