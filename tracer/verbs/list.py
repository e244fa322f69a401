"""`hooktrace list`: which runs there are."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tracer.verbs.arguments import VerbParser, add_json, add_runs_dir, runs_dir

if TYPE_CHECKING:
    from tracer.run import Run


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `list`."""
    add_runs_dir(parser)
    add_json(parser)
    parser.epilog = "example:\n  hooktrace list --json | jq -r '.[0].path'"


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Prints the runs, newest first."""
    return _list(parser.parse_args(arguments))


def _list(args: argparse.Namespace) -> int:
    from tracer.run import list_runs
    from tracer.verbs.text import print_json

    directory = runs_dir(args)
    entries = [_entry(run, datetime.now(UTC)) for run in list_runs(directory)]
    if args.json:
        print_json(entries)
    elif entries:
        _print(entries)
    else:
        print(f"no runs in {directory}/ (`hooktrace train` makes one)")
    return 0


def _entry(run: "Run", now: datetime) -> dict[str, Any]:
    info, state = run.info, run.state
    ended = info.ended_at or (now if state == "running" else _last_written(run))
    return {
        "name": run.name,
        "path": str(run.path),
        "state": state,
        "started_at": info.started_at.isoformat(),
        "duration_s": round(max(0.0, (ended - info.started_at).total_seconds()), 3),
        "model": info.model,
        "spans": run.span_estimate(),
        "ranks": len(run.ranks),
        "exception": info.exception,
    }


def _last_written(run: "Run") -> datetime:
    """When something was last written to a run that did not live to say when it ended."""
    return datetime.fromtimestamp(max(path.lstat().st_mtime for path in run.path.iterdir()), UTC)


def _print(entries: list[dict[str, Any]]) -> None:
    from tracer.verbs.text import Column, clock, print_table

    columns = [Column("run"), Column("state"), Column("started"), Column("duration", True)]
    columns += [Column("model"), Column("spans", True)]
    rows = [
        [
            entry["name"],
            entry["state"],
            f"{datetime.fromisoformat(entry['started_at']).astimezone():%Y-%m-%d %H:%M:%S}",
            clock(entry["duration_s"]),
            entry["model"],
            f"~{entry['spans']:,}",
        ]
        for entry in entries
    ]
    print_table(columns, rows)
