"""What is said when a sweep has trained: a table of its variants, what each changed, and where to read on."""

import math
import os
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer.analyze.sweep_table import Row, Trained, sweep_table
from tracer.digests import subjects
from tracer.errors import HooktraceError
from tracer.run import open_run
from tracer.run.text import plain_text
from tracer.verbs.sweep_file import DONE, FAILED, Sweep
from tracer.verbs.text import NONE, Column, duration, print_heading, print_json, print_table

if TYPE_CHECKING:
    from tracer.analyze.compare_times import Ratio

_SCHEMA = 1
_METRICS = 6
_NAMED = 8
_WIDTH = 64
_KEEP = "\xa0"
"""Holds a hook and its ratio together while lines are broken."""


def report(sweep: Sweep, as_json: bool) -> None:
    """Prints how the variants of a sweep compare with the first.

    Raises:
        HooktraceError: there is no training of the first variant to compare with.
    """
    paths = {number: _done(sweep, number) for number in range(len(sweep.plan.variants))}
    if not paths[0]:
        label = sweep.plan.variants[0].label
        raise HooktraceError(f"no training of {label!r} came to its end, so there is nothing to compare with")
    known = iter(subjects([open_run(path) for by_turn in paths.values() for path in by_turn.values()]))
    trained = [
        Trained(sweep.plan.variants[number].label, {turn: next(known) for turn in by_turn})
        for number, by_turn in paths.items()
    ]
    rows = sweep_table(trained)
    if as_json:
        print_json(_as_json(sweep, rows))
        return
    _print_table(sweep, rows)
    for number, by_turn in paths.items():
        if not by_turn:
            print(f"no training under {plain_text(sweep.plan.variants[number].label)} came to its end")
    _print_metrics(rows)
    _print_changes(rows)
    _print_next([next(iter(by_turn.values())) for by_turn in paths.values() if by_turn])


def _done(sweep: Sweep, variant: int) -> dict[int, Path]:
    """By turn, the runs under a variant."""
    return {job.turn: sweep.run_path(job) for job in sweep.jobs if job.variant == variant and job.state == DONE}


def _as_json(sweep: Sweep, rows: Sequence[Row]) -> dict[str, Any]:
    failed = [{"label": sweep.label(job), "reason": job.reason} for job in sweep.jobs if job.state == FAILED]
    return {"schema": _SCHEMA, "sweep": str(sweep.path), "rows": [_row_as_json(row) for row in rows], "failed": failed}


def _row_as_json(row: Row) -> dict[str, Any]:
    """A row; JSON has no nan and no infinity, so a metric that is one is a text."""
    metrics = {name: value if math.isfinite(value) else str(value) for name, value in row.metrics.items()}
    return asdict(row) | {"metrics": metrics}


def _print_table(sweep: Sweep, rows: Sequence[Row]) -> None:
    columns = [Column("configuration"), *(Column(name, True) for name in ("runs", "lines", "hooks"))]
    columns += [Column(name, True) for name in ("calls", "time", "ratio")]
    columns += [Column(""), Column("it/s", True)]
    cells = [
        [
            row.label,
            f"{row.runs}/{sweep.plan.repeat}" if row.runs < sweep.plan.repeat else str(row.runs),
            str(row.lines) if index else "",
            str(_hooks(row)) if index else "",
            NONE if row.calls is None else f"{row.calls:.1f}",
            duration(row.batch_ns),
            *(_ratio(row) if index else ("", "")),
            NONE if row.per_s is None else f"{row.per_s:.4g}",
        ]
        for index, row in enumerate(rows)
    ]
    print()
    print_table(columns, cells)
    print("lines of the explained loop and hooks that changed; calls and time of a training batch")


def _hooks(row: Row) -> int:
    return len({*row.gone, *row.new, *row.moved, *row.fewer, *row.more})


def _ratio(row: Row) -> tuple[str, str]:
    """The ratio and between which bounds it lies; what to think of it."""
    return (NONE, "") if row.ratio is None else (f"{row.ratio.value:.2f}x{_bounds(row.ratio)}", row.verdict or "")


def _bounds(ratio: "Ratio") -> str:
    return "" if ratio.low is None or ratio.high is None else f" ({ratio.low:.2f}-{ratio.high:.2f})"


def _print_metrics(rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    shown = names[:_METRICS]
    if not shown:
        return
    print()
    print_heading("metrics at the end" + (", means" if any(row.runs > 1 for row in rows) else ""))
    columns = [Column("configuration"), *(Column(name, True) for name in shown)]
    cells = [
        [row.label, *(f"{row.metrics[name]:.4g}" if name in row.metrics else NONE for name in shown)] for row in rows
    ]
    print_table(columns, cells, indent="  ")


def _print_changes(rows: Sequence[Row]) -> None:
    cells = []
    for row in rows:
        lines = [line for what, names in _changes(row) for line in _lines(what, names)]
        cells += [["" if index else row.label, what, line] for index, (what, line) in enumerate(lines)]
    if cells:
        print()
        print_heading("hooks that changed")
        print_table([Column("configuration"), Column("how"), Column("hook")], cells, indent="  ")


def _changes(row: Row) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What changed in a variant, kind by kind, with the names of the hooks."""
    slower, faster = (
        tuple(f"{time.label}{_KEEP}{time.ratio:.2f}x" for time in row.times if time.verdict == verdict)
        for verdict in ("slower", "faster")
    )
    kinds = (
        ("never called", row.gone),
        ("called now", row.new),
        ("elsewhere", row.moved),
        ("less often", row.fewer),
        ("more often", row.more),
        ("slower", slower),
        ("faster", faster),
    )
    yield from ((what, names) for what, names in kinds if names)


def _lines(what: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """The names in lines that fit, the first of which says what is with them."""
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    texts = textwrap.wrap(", ".join([*names[:_NAMED], *more]), _WIDTH, break_on_hyphens=False)
    return [("" if index else what, text.replace(_KEEP, " ")) for index, text in enumerate(texts)]


def _print_next(paths: Sequence[Path]) -> None:
    """Which commands tell more."""
    if len(paths) > 1:
        print()
    for path in paths[1:]:
        print(f"hooktrace compare {_argument(paths[0])} {_argument(path)}")


def _argument(path: Path) -> str:
    return shlex.quote(os.path.relpath(path) if path.is_absolute() else str(path))
