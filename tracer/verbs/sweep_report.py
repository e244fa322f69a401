"""What is said when a sweep has trained: how to see what each of its variants changed."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from tracer.errors import HooktraceError
from tracer.run.text import plain_text
from tracer.verbs.sweep_file import DONE, Sweep


def report(sweep: Sweep) -> None:
    """Prints how to compare the variants of a sweep with the first.

    Raises:
        HooktraceError: there is no training of the first variant to compare with.
    """
    paths = {number: _done(sweep, number) for number in range(len(sweep.plan.variants))}
    if not paths[0]:
        label = sweep.plan.variants[0].label
        raise HooktraceError(f"no training of {label!r} came to its end, so there is nothing to compare with")
    for number, by_turn in paths.items():
        if not by_turn:
            print(f"no training under {plain_text(sweep.plan.variants[number].label)} came to its end")
    _print_next([next(iter(by_turn.values())) for by_turn in paths.values() if by_turn])


def _done(sweep: Sweep, variant: int) -> dict[int, Path]:
    """By turn, the runs under a variant."""
    return {job.turn: sweep.run_path(job) for job in sweep.jobs if job.variant == variant and job.state == DONE}


def _print_next(paths: Sequence[Path]) -> None:
    """Which commands tell more."""
    if len(paths) > 1:
        print()
    for path in paths[1:]:
        print(f"hooktrace compare {_argument(paths[0])} {_argument(path)}")


def _argument(path: Path) -> str:
    return shlex.quote(os.path.relpath(path) if path.is_absolute() else str(path))
