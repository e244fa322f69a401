"""What is said on the normal screen when a training session is over: how it went, where it is, what to do next."""

import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tracer.errors import HooktraceError
from tracer.run import Run, open_run
from tracer.run.layout import OUTPUT_FILE
from tracer.run.text import plain_text
from tracer.verbs.arguments import RUNS_DIR
from tracer.verbs.text import clock, signal_name
from tui.output import OutputTail

_LAST_LINES = 15
_KILLED = 128
"""Exit codes above this are those of a program that a signal has killed: 128 + its number."""
_KEEP = "\xa0"
"""Holds a metric and its value together while lines are broken."""


def report_left(run_dir: Path, pid: int) -> None:
    """Says that the training goes on, and how to get back to it."""
    print(f"the training goes on (process {pid}) in {run_dir}\n  hooktrace watch {_argument(run_dir)}")


def report_end(run_dir: Path, recorded: Sequence[Path], code: int) -> None:
    """Says how the training ended: on stdout what there is to look at, on stderr what went wrong.

    Args:
        run_dir: The directory with the program's output.
        recorded: The directories of its runs, in order; the last one is told about.
        code: The exit code of the training program.
    """
    try:
        run = open_run((recorded or [run_dir])[-1])
    except HooktraceError:
        _report_no_start(run_dir, code)
        return
    if code and run.state != "interrupted":  # who interrupts knows why it ended
        _report_failure(run, run_dir / OUTPUT_FILE, code)
    if earlier := recorded[:-1]:
        print(f"before {', '.join(map(str, earlier))}")
    _report_run(run)


def report_watched(run_dir: Path) -> None:
    """Says what became of a run that was watched: it goes on, or there is something to look at."""
    try:
        run = open_run(run_dir)
    except HooktraceError:
        run = None  # its program has not begun to train
    if run is None or run.state == "running":
        stopped = run is not None and [call.state for call in run.info.calls if call.function == "fit"][-1:] == [
            "stopped"
        ]
        what = "the training was stopped; its program" if stopped else "the run"
        print(f"{what} goes on in {run_dir}\n  hooktrace watch {_argument(run_dir)}")
    else:
        _report_run(run)


def _report_run(run: Run) -> None:
    info = run.info
    seconds = ((info.ended_at or datetime.now(UTC)) - info.started_at).total_seconds()
    name = _argument(run.path)
    print(f"run    {run.path}")
    print(f"state  {run.state} after {clock(seconds)}, ~{run.span_estimate():,} hook calls recorded")
    if latest := _latest_metrics(run):
        width = max(60, shutil.get_terminal_size().columns - 1)
        text = textwrap.fill(latest, width, initial_indent="last   ", subsequent_indent=" " * 7)
        print(text.replace(_KEEP, " "))
    print("next   " + f"hooktrace replay {name}")
    for rest in (f"stats {name}", f"plot {name}", f"export {name} --format csv", f"compare OTHER_RUN {name}"):
        print(f"       hooktrace {rest}")


def _latest_metrics(run: Run) -> str:
    metrics = run.metrics()
    values = ((name, metrics.series(name).values) for name in metrics.names)
    return " · ".join(
        f"{plain_text(name, 40)} {value[-1]:.4g}".replace(" ", _KEEP) for name, value in values if len(value)
    )


def _report_failure(run: Run, output: Path, code: int) -> None:
    exception = run.info.exception
    print(f"hooktrace: the training ended with exit code {code}: {plain_text(exception or run.state)}", file=sys.stderr)
    lines = OutputTail(output).read()[-_LAST_LINES:]
    for line in lines:
        print(f"  | {line}", file=sys.stderr)
    print(f"  (all of it: {output})", file=sys.stderr)


def _report_no_start(run_dir: Path, code: int) -> None:
    reason = reason_of_no_start(run_dir, code)
    print(f"hooktrace: the training did not start (exit code {code}): {reason}", file=sys.stderr)


def reason_of_no_start(run_dir: Path, code: int) -> str:
    """Why a program ended before there was a run: its own last words, best the line that calls it an error.

    Args:
        run_dir: The directory with its output.
        code: Its exit code.
    """
    lines = [line for line in OutputTail(run_dir / OUTPUT_FILE).read() if line.strip()]
    named = [line for line in lines if "error" in line.lower()]
    if code > _KILLED:
        return f"it was killed by {signal_name(code - _KILLED)}"
    if not code and not lines:
        return "it ended without training anything"
    return (named or lines or ["it said nothing"])[-1].strip()


def _argument(run_dir: Path) -> str:
    """How to name the run on a command line."""
    return shlex.quote(run_dir.name if run_dir.parent == RUNS_DIR else str(run_dir))
