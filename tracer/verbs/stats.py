"""`hooktrace stats`: where the time of a run went."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tracer.verbs.arguments import VerbParser, add_json, add_rank, add_run, selected_run

if TYPE_CHECKING:
    from tracer.analyze.stats import HookStat
    from tracer.run import Run

_BY = ("action", "hook", "owner", "stage")
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
    parser.add_argument("--by", choices=_BY, default="action", help="what to add up (default: action, owner and hook)")
    parser.add_argument("--sort", choices=tuple(_SORTS), default="self", help="largest first (default: self)")
    parser.add_argument("--top", type=_top, default=30, metavar="N", help="rows to show; 0 is all (default: 30)")
    add_rank(parser, "the lowest")
    add_json(parser)
    parser.epilog = (
        "total includes what was called inside; self does not, so the shares of self time add up to 100 %.\n"
        "\nexample:\n  hooktrace stats --by owner --sort total"
    )


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
    from tracer.analyze.stats import hook_stats
    from tracer.verbs.text import print_json
    from tracer.verbs.warnings import lowest_rank, warn_about

    trace = run.trace(lowest_rank(run) if args.rank is None else args.rank)
    warn_about(run, trace)
    stats = sorted(hook_stats(trace, args.by), key=_SORTS[args.sort])
    shown = stats[: args.top or None]
    if args.json:
        print_json([asdict(stat) for stat in shown])
    elif stats:
        _print(args.by, shown, stats[len(shown) :])
    else:
        print(f"{run.name} has no spans yet")


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
