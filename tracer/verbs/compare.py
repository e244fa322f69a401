"""`hooktrace compare`: what changed from one run to another."""

import argparse
from collections.abc import Container, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tracer.verbs.arguments import VerbParser, add_json, add_rank, add_runs_dir, runs_dir

if TYPE_CHECKING:
    from tracer.analyze.compare import Comparison, HookChange

_TIMES = 15


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `compare`."""
    parser.add_argument("a", metavar="A", help="directory or name of the run to compare with")
    parser.add_argument("b", metavar="B", help="directory or name of the run that changed")
    add_runs_dir(parser)
    parser.add_argument("--all", action="store_true", help="also what is the same, and all differences in time")
    add_rank(parser, "the lowest")
    add_json(parser)
    parser.epilog = "example:\n  hooktrace compare baseline accumulate4"


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Prints what differs, section by section."""
    args = parser.parse_args(arguments)
    _compare(args)
    return 0


def _compare(args: argparse.Namespace) -> None:
    from tracer.analyze.compare import compare
    from tracer.run import find_run, open_run
    from tracer.verbs.text import print_json
    from tracer.verbs.warnings import lowest_rank, warn_about

    runs = [open_run(find_run(name, runs_dir(args))) for name in (args.a, args.b)]
    traces = [run.trace(lowest_rank(run) if args.rank is None else args.rank) for run in runs]
    for run, trace in zip(runs, traces, strict=True):
        warn_about(run, trace)
    comparison = compare(traces[0], traces[1], runs[0].info, runs[1].info)
    if args.json:
        print_json(_as_json(comparison))
        return
    print(f"A  {runs[0].path}\nB  {runs[1].path}")
    if comparison.same:
        print("\nnothing differs: same settings, same hooks, same calls, same times")
    if args.all or not comparison.same:
        _print(comparison, everything=args.all)


def _as_json(comparison: "Comparison") -> dict[str, Any]:
    """Everything, the same and the different, with what the tables derive from it."""
    hooks = [
        asdict(hook)
        | {"calls_differ": bool(hook.rate_changes), "mean_ratio": hook.mean_ratio, "self_ratio": hook.self_ratio}
        for hook in comparison.hooks
    ]
    return asdict(comparison) | {"hooks": hooks, "same": comparison.same}


def _print(comparison: "Comparison", everything: bool) -> None:
    _print_settings(comparison)
    _print_lengths(comparison, everything)
    _print_only("only A calls", comparison.only_a)
    _print_only("only B calls", comparison.only_b)
    _print_calls(comparison, everything)
    _print_times(comparison, everything)


def _print_settings(comparison: "Comparison") -> None:
    rows = [[change.section, change.name, _value(change.a), _value(change.b)] for change in comparison.config]
    _section("settings", ("", "", "A", "B"), rows)


def _print_lengths(comparison: "Comparison", everything: bool) -> None:
    rows = [
        [length.path, _count(length.a), _count(length.b)]
        for length in comparison.lengths
        if everything or length.a != length.b
    ]
    _section("turns of the loops", ("loop", "A", "B"), rows, right=(1, 2))


def _print_only(heading: str, hooks: "Sequence[HookChange]") -> None:
    sides = [(hook, side) for hook in hooks if (side := hook.a or hook.b)]
    rows = [
        [hook.label, f"{side.count:,}", f"{side.places[0].rate:.4g}", side.places[0].path or "the run"]
        for hook, side in sides
    ]
    _section(heading, ("hook", "calls", "each", "turn of"), rows, right=(1, 2))


def _print_calls(comparison: "Comparison", everything: bool) -> None:
    rows = [
        [hook.label, _count(hook.a.count), _count(hook.b.count), f"{rate.a:.4g}", f"{rate.b:.4g}", rate.path]
        for hook in comparison.hooks
        if hook.a and hook.b
        for rate in (hook.rates if everything else hook.rate_changes)
    ]
    headers = ("hook", "calls A", "calls B", "each A", "each B", "turn of")
    _section("calls" if everything else "calls that changed", headers, rows, right=(1, 2, 3, 4))


def _print_times(comparison: "Comparison", everything: bool) -> None:
    from tracer.verbs.text import duration, ratio

    hooks = [hook for hook in comparison.hooks if hook.a and hook.b] if everything else comparison.times
    hooks = sorted(hooks, key=lambda hook: -abs(hook.self_change_ns))
    shown = hooks if everything else hooks[:_TIMES]
    rows = [
        [
            hook.label,
            *(duration(side.mean_ns) for side in (hook.a, hook.b)),
            ratio(hook.mean_ratio),
            *(duration(side.self_ns) for side in (hook.a, hook.b)),
            ratio(hook.self_ratio),
        ]
        for hook in shown
        if hook.a and hook.b
    ]
    headers = ("hook", "mean A", "mean B", "B/A", "self A", "self B", "B/A")
    _section("time, largest change of self time (for as many calls) first", headers, rows, right=range(1, 7))
    if len(hooks) > len(shown):
        print(f"  and {len(hooks) - len(shown)} more with smaller changes (--all shows them)")


def _section(heading: str, headers: Sequence[str], rows: list[list[str]], right: Container[int] = ()) -> None:
    """Prints a table under its heading; nothing at all if it has no rows."""
    from tracer.verbs.text import Column, print_heading, print_table

    if not rows:
        return
    print()
    print_heading(heading)
    columns = [Column(header, index in right) for index, header in enumerate(headers)]
    print_table(columns, rows, indent="  ")


def _value(text: str | None) -> str:
    from tracer.verbs.text import NONE

    return NONE if text is None else text


def _count(count: int | None) -> str:
    from tracer.verbs.text import NONE

    return NONE if count is None else f"{count:,}"
