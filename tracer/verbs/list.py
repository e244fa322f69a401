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
    from tracer.run.listing import listed

    entry = listed(run, now)
    return {
        "name": entry.name,
        "path": str(entry.path),
        "state": entry.state,
        "started_at": entry.started_at.isoformat(),
        "duration_s": entry.duration_s,
        "model": entry.model,
        "spans": entry.spans,
        "ranks": entry.ranks,
        "exception": entry.exception,
    }


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
