"""`hooktrace stats`: where the time of a run went."""

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, fields
from typing import TYPE_CHECKING

from tracer.verbs.arguments import VerbParser, add_ranks, add_run, selected_ranks, selected_run

if TYPE_CHECKING:
    from tracer.analyze.stats import HookStat
    from tracer.run import Run

SCHEMA = 1
"""Of what --json prints; it grows when a field is renamed, removed or means something else."""

_TOP = 30
_BY = ("action", "hook", "owner", "instance", "stage")
_SORTS: dict[str, Callable[["HookStat"], tuple[float, str] | tuple[str]]] = {
    "self": lambda stat: (-stat.self_ns, stat.label),
    "total": lambda stat: (-stat.total_ns, stat.label),
    "mean": lambda stat: (-(stat.mean_ns or 0), stat.label),
    "p95": lambda stat: (-(stat.p95_ns or 0), stat.label),
    "max": lambda stat: (-(stat.max_ns or 0), stat.label),
    "count": lambda stat: (-stat.count, stat.label),
    "name": lambda stat: (stat.label,),
}


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `stats`."""
    add_run(parser)
    parser.add_argument("--by", choices=_BY, default="action", help="what to add up (default: action); see below")
    parser.add_argument("--sort", choices=tuple(_SORTS), default="self", help="largest first (default: self)")
    parser.add_argument(
        "--top", type=_top, metavar="N", help=f"rows to show; 0 is all (default: {_TOP}; all in JSON and CSV)"
    )
    add_ranks(parser, "the lowest")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print JSON, with times in nanoseconds")
    formats.add_argument("--csv", action="store_true", help="print CSV, with times in nanoseconds")
    parser.epilog = _EPILOG


_EPILOG = """\
what is added up:
  action    each hook of each owner: EarlyStopping.on_train_epoch_end
  hook      each hook, of all owners
  owner     each class, all hooks
  instance  the same, several owners of one class apart: EarlyStopping, EarlyStopping#1
  stage     sanity_check, train, validate, test, predict

columns:
  count     calls, those that have not returned included
  total     time in the calls that returned, with what they called
  self      the same without what they called
  share     part of all self time; the shares of all rows add up to 100 %
  mean, p50, p95, max   of one call, with what it called

Time in which somebody held the training (pause, step, slow motion) counts nowhere; a note tells how much it was.

--rank all adds up the calls of all ranks.

--json: an object with schema (1), run, rank, ranks (all that were added up), by, paused_ns, self_ns (the sum that
shares are of), rows_left_out, and rows: label, owner_kind, count, open, errors, total_ns, self_ns, mean_ns, p50_ns,
p95_ns, max_ns (null if no call returned), share (0 to 1). --csv: the same rows, with these names as the header.

examples:
  hooktrace stats --by owner --sort total
  hooktrace stats --by instance --csv > owners.csv
  hooktrace stats --json | jq '.rows[] | select(.share > 0.1) | .label'"""


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Prints one row a hook, owner or stage."""
    args = parser.parse_args(arguments)
    _stats(args, selected_run(args))
    return 0


def _top(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows")
    return int(text)


def _stats(args: argparse.Namespace, run: "Run") -> None:
    from tracer.analyze.stats import paused_ns, ranks_stats
    from tracer.verbs.text import duration
    from tracer.verbs.warnings import warn_about

    traces = [run.trace(rank) for rank in selected_ranks(args, run)]
    for trace in traces:
        warn_about(run, trace)
    stats = sorted(ranks_stats(traces, args.by), key=_SORTS[args.sort])
    default = 0 if args.json or args.csv else _TOP
    shown = stats[: (default if args.top is None else args.top) or None]
    paused = sum(map(paused_ns, traces))
    if args.json:
        _print_json(args, run, [trace.rank for trace in traces], stats, shown, paused)
    elif args.csv:
        _print_csv(shown)
    elif stats:
        _print(args.by, shown, stats[len(shown) :])
        if paused:
            print(f"not counted: {duration(paused)} in which the training was held")
    else:
        print(run.without_spans)


def _print_json(
    args: argparse.Namespace,
    run: "Run",
    ranks: list[int],
    stats: "Sequence[HookStat]",
    shown: "Sequence[HookStat]",
    paused: int,
) -> None:
    from tracer.verbs.text import print_json

    content = {
        "schema": SCHEMA,
        "run": run.name,
        "rank": ranks[0],
        "ranks": ranks,
        "by": args.by,
        "paused_ns": paused,
        "self_ns": sum(stat.self_ns for stat in stats),
        "rows_left_out": len(stats) - len(shown),
        "rows": [asdict(stat) for stat in shown],
    }
    print_json(content)


def _print_csv(shown: "Sequence[HookStat]") -> None:
    from tracer.analyze.stats import HookStat
    from tracer.run.text import plain_text

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([field.name for field in fields(HookStat)])
    for stat in shown:
        writer.writerow([plain_text(cell) if isinstance(cell, str) else cell for cell in astuple(stat)])


def _print(by: str, shown: "list[HookStat]", rest: "list[HookStat]") -> None:
    from tracer.verbs.text import NONE, Column, duration, percentages, print_table

    headers = ("count", "total", "self", "share", "mean", "p50", "p95", "max")
    shares = percentages([*(stat.share for stat in shown), sum(stat.share for stat in rest)])
    rows = [
        [
            stat.label,
            f"{stat.count:,}",
            duration(stat.total_ns),
            duration(stat.self_ns),
            share,
            *(duration(value) for value in (stat.mean_ns, stat.p50_ns, stat.p95_ns, stat.max_ns)),
        ]
        for stat, share in zip(shown, shares, strict=False)
    ]
    if rest:
        count, self_ns = sum(stat.count for stat in rest), sum(stat.self_ns for stat in rest)
        label = f"({len(rest)} more: --top 0)"
        rows.append([label, f"{count:,}", NONE, duration(self_ns), shares[-1], *(NONE,) * 4])
    print_table([Column("hook" if by == "action" else by), *(Column(header, True) for header in headers)], rows)
