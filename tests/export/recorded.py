"""Runs for exports: any stream as a run directory, what is written of it, and names that mean harm."""

import json
from pathlib import Path

from hypothesis import strategies as st

from tests.analyze.streams import ACTIONS
from tests.builders import mark, records, run_json
from tracer.export import write
from tracer.run import Run, open_run
from tracer.run.events import Action, Int64Array
from tracer.run.layout import RUN_FILE, Mark, actions_file, events_file, write_json

HOSTILE = (
    'say "hi", twice',
    "two\nlines\r\n",
    "</script><script>alert(1)</script>",
    "<!--",
    "[bold]red[/bold]",
    "=1+1",
    "@SUM(A1)",
    " spaces ",
    "\\",
    "'",
    "n" * 10_000,
    "💥 \U0001f468\u200d\U0001f469\u200d\U0001f466",
    "\u202egnp.exe",
    "\u2028\x00\x1b[31m",
    "null",
    "\ufeff",
)
"""Names of owners that have broken some program or other."""

hostile_names = st.text(max_size=20) | st.sampled_from(HOSTILE)


def record(path: Path, events: Int64Array, actions: tuple[Action, ...] = ACTIONS, rank: int = 0) -> Run:
    """The run directory `path` with the stream of a trainer call that these are the events of."""
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / RUN_FILE, run_json())
    fields = ("id", "owner_kind", "owner", "instance", "hook")
    lines = [json.dumps({name: getattr(action, name) for name in fields}) + "\n" for action in actions]
    (path / actions_file(rank)).write_text("".join(lines), encoding="utf-8")
    (path / events_file(rank, 0)).write_bytes(records([mark(Mark.CALL, 0), *events]).astype("<i8").tobytes())
    return open_run(path)


def add_rank(run: Run, rank: int = 1) -> Run:
    """The same run with another rank, whose stream is that of rank 0."""
    for name in (actions_file, lambda number: events_file(number, 0)):
        (run.path / name(rank)).write_bytes((run.path / name(0)).read_bytes())
    return run


def written(run: Run, form: str, **options: object) -> bytes:
    """The bytes of an export that is one file."""
    return write(run, form, run.path / "out", force=True, **options).read_bytes()  # type: ignore[arg-type]
