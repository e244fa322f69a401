"""The trainings of a sweep, one after another, each in a process of its own."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tracer.errors import HooktraceError
from tracer.run import Run, open_run
from tracer.verbs.child import ChildProcess
from tracer.verbs.ending import reason_of_no_start
from tracer.verbs.recordings import Recordings, listening
from tracer.verbs.sweep_file import DONE, FAILED, INTERRUPTED, RUNNING, Sweep
from tracer.verbs.sweep_plan import config_mark
from tracer.verbs.sweep_progress import ProgressLine
from tracer.verbs.sweep_stop import Stop
from tracer.verbs.text import clock

_POLL_S = 0.1


@dataclass(frozen=True)
class _End:
    """How a training ended: a state of a job, the run to look at, and what went wrong."""

    state: str
    run: Path | None = None
    reason: str = ""


def train_all(
    sweep: Sweep,
    stop: Stop,
    out: TextIO,
    pause: Callable[[float], None] = time.sleep,
    now_s: Callable[[], float] = time.monotonic,
) -> None:
    """Trains what is not done yet, until that is everything or somebody wants it to stop.

    Args:
        sweep: What to train; each training is noted down there.
        stop: Whether to stop.
        out: Where to say how it goes.
        pause: Waits for so many seconds.
        now_s: Seconds on a steady scale.

    Raises:
        HooktraceError: nothing more can be started or written. One training that fails is no error.
    """
    refuse_what_changed(sweep)
    width = max(len(sweep.label(job)) for job in sweep.jobs)
    for index, job in enumerate(sweep.jobs):
        if stop:
            return
        if job.state == DONE:
            continue
        head = f"{index + 1:>{len(str(len(sweep.jobs)))}}/{len(sweep.jobs)}  {sweep.label(job):<{width}}"
        _train(sweep, index, stop, ProgressLine(out, head, now_s), pause, now_s)


def refuse_what_changed(sweep: Sweep) -> None:
    """Trainings under one configuration must have had the same one.

    Raises:
        HooktraceError: a configuration was changed after trainings under it, or one of them still trains.
    """
    for job in sweep.jobs:
        variant = sweep.variant(job)
        if job.state == DONE and config_mark(sweep.plan, variant) != job.config_mark:
            raise HooktraceError(
                f"{variant.config} was changed since {job.directory} was trained under it: choose another --name"
            )
        if job.state == RUNNING and (left := _still_trains(sweep.path / job.directory)):
            raise HooktraceError(f"a training of an earlier attempt goes on (process {left}) in {job.directory}")


def _still_trains(directory: Path) -> int | None:
    """The process of a training that outlived the sweep which had started it."""
    try:
        run = open_run(directory)
        return run.info.pid if run.state == "running" else None
    except HooktraceError:
        return None


def _train(
    sweep: Sweep,
    index: int,
    stop: Stop,
    line: ProgressLine,
    pause: Callable[[float], None],
    now_s: Callable[[], float],
) -> None:
    job = sweep.jobs[index]
    mark = config_mark(sweep.plan, sweep.variant(job))
    run_dir = sweep.new_directory(index)
    sweep.update(index, state=RUNNING, directory=run_dir.name, run="", reason="", seconds=None, config_mark=mark)
    began_s = now_s()
    with listening() as recordings:
        child = _started(sweep.plan.arguments(sweep.variant(job), run_dir), run_dir, recordings)
        with stop.ends(child):
            _wait(child, run_dir, stop, line, pause)
        end = _end(run_dir, recordings.paths(), child.wait(), stop)
    took_s = now_s() - began_s
    run = "" if end.run is None else os.path.relpath(end.run, sweep.path)
    sweep.update(index, state=end.state, run=run, reason=end.reason, seconds=round(took_s, 3))
    took = f"{'finished in' if end.state == DONE else f'{end.state} after'} {clock(took_s)}"
    line.end(f"{took}: {end.reason}" if end.reason else took)


def _started(arguments: Sequence[str], run_dir: Path, recordings: Recordings) -> ChildProcess:
    try:
        return ChildProcess(arguments, run_dir, os.environ, recordings)
    except OSError as error:
        raise HooktraceError(f"cannot start the training in {run_dir}: {error.strerror}") from error


def _wait(child: ChildProcess, run_dir: Path, stop: Stop, line: ProgressLine, pause: Callable[[float], None]) -> None:
    said = False
    while child.poll() is None:
        if stop and not said:
            line.say("stopping: it ends after what it is doing now (once more: at once)")
            said = True
        line.follow(run_dir)
        pause(_POLL_S)


def _end(run_dir: Path, recorded: Sequence[Path], code: int, stop: Stop) -> _End:
    run = _main_run(recorded)
    if code == 0 and run is not None and run.state == "finished":
        return _End(DONE, run.path)
    if stop:
        return _End(INTERRUPTED, run.path if run else None)
    if run is None:
        return _End(FAILED, None, reason_of_no_start(run_dir, code) if code else "no Trainer was run")
    said = run.info.exception or f"the run is {run.state}"
    return _End(FAILED, run.path, f"{said} (exit code {code})")


def _main_run(recorded: Sequence[Path]) -> Run | None:
    """The run to look at: of several Trainers in a program, the one that called most hooks."""
    runs = []
    for path in recorded:
        try:
            runs.append(open_run(path))
        except HooktraceError:
            continue
    return max(runs, key=Run.span_estimate, default=None)
