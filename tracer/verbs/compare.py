"""`hooktrace compare`: what changed from one run to others, as text, JSON, CSV or a page, and as an exit code."""

import argparse
import math
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.verbs.arguments import VerbParser, add_output, add_rank, add_runs_dir, runs_dir

if TYPE_CHECKING:
    from tracer.analyze.compare import Comparison, Subject

STAGES = ("sanity_check", "train", "validate", "test", "predict")
OVER_LIMIT = 3
"""Exit code of a comparison that breaks a limit."""
_PAGE = "compare.html"
_EPILOG = """\
A is the baseline; each of the others is compared with it. Shown is what differs:
  config   arguments of the trainer, callbacks, model, versions, machine
  order    the loop of both runs, line by line: - only in A, + only in B, ~ called for other owners
  calls    of each hook, per batch, per epoch and in all
  time     of hooks that are slower or faster beyond noise; the interval comes from resampling whole batches
  metrics  where both runs logged them at the same step

A limit that is broken makes the exit code 3, and a line on stderr says which. --fail-on-slower counts only what is
beyond noise. The other formats hold everything, the same and the different; docs/comparing.md describes them.

examples:
  hooktrace compare baseline accumulate4
  hooktrace compare main branch --fail-on-slower 10% --fail-on-order
  hooktrace compare baseline clip bf16 --html -o changes.html"""


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `compare`."""
    parser.add_argument("a", metavar="A", help="directory or name of the run to compare with: the baseline")
    parser.add_argument("others", metavar="B", nargs="+", help="directory or name of a run that changed")
    add_runs_dir(parser)
    parser.add_argument("--all", action="store_true", help="also what is the same")
    parser.add_argument("--stage", choices=STAGES, help="look at one stage only")
    add_rank(parser, "the lowest of each run")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="JSON, with times in nanoseconds")
    formats.add_argument("--csv", action="store_true", help="CSV: the times, a row for each hook")
    formats.add_argument("--html", action="store_true", help="one page with figures that needs no network")
    add_output(parser, f"stdout; for --html {_PAGE} in this directory")
    limits = parser.add_argument_group("limits (exit code 3)")
    limits.add_argument(
        "--fail-on-slower", type=_percent, metavar="PERCENT", help="something is slower by that, such as 10%%"
    )
    limits.add_argument("--fail-on-order", action="store_true", help="the order of calls differs")
    limits.add_argument("--fail-on-calls", action="store_true", help="hooks are called more or less often")
    parser.epilog = _EPILOG


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Prints or writes what differs; says which limits are broken."""
    args = parser.parse_args(arguments)
    path = _path(args)
    baseline, *others = _subjects(args)
    from tracer.analyze.compare import compare

    found = [compare(baseline, other) for other in others]
    _deliver(_rendered(args, baseline, others, found), path, args)
    return OVER_LIMIT if _report_broken(args, found) else 0


def _percent(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage such as 10%")
    return value / 100


def _path(args: argparse.Namespace) -> Path | None:
    """Where to write; None for stdout."""
    from tracer.export.output import check_free

    if args.output == "-" or not (args.output or args.html):
        return None
    path = Path(args.output or _PAGE)
    check_free(path, args.force)
    return path


def _subjects(args: argparse.Namespace) -> "list[Subject]":
    from tracer.digests import subjects
    from tracer.run import find_run, open_run
    from tracer.verbs.warnings import warn_about

    runs = [open_run(find_run(name, runs_dir(args))) for name in (args.a, *args.others)]
    found = subjects(runs, args.rank, args.stage)
    for run, subject in zip(runs, found, strict=True):
        warn_about(run, subject.digest)
    return found


def _rendered(
    args: argparse.Namespace, baseline: "Subject", others: "list[Subject]", found: "list[Comparison]"
) -> str | None:
    """The text to be delivered; None once it has been printed."""
    if args.json:
        import json

        from tracer.verbs.compare_json import as_json

        return json.dumps(as_json(found), indent=2, allow_nan=False) + "\n"
    if args.csv:
        from tracer.verbs.compare_csv import as_csv

        return as_csv(found)
    if args.html:
        from tracer.verbs.compare_html import as_html

        return as_html(baseline, others, found, args.all)
    if args.output in (None, "-"):
        _print(args, found)
        return None
    with redirect_stdout(StringIO()) as out:
        _print(args, found)
    return out.getvalue()


def _print(args: argparse.Namespace, found: "list[Comparison]") -> None:
    from tracer.verbs.compare_text import print_comparison

    for number, comparison in enumerate(found):
        if number:
            print("\n")
        print_comparison(comparison, everything=args.all)


def _deliver(text: str | None, path: Path | None, args: argparse.Namespace) -> None:
    if text is None:
        return
    if path is None:
        sys.stdout.write(text)
        return
    from tracer.export.output import new_file

    with new_file(path, args.force) as file:
        file.write(text.encode())
    if not args.quiet:
        print(f"wrote {path}")


def _report_broken(args: argparse.Namespace, found: "list[Comparison]") -> bool:
    from tracer.analyze.compare_gates import Limits, broken
    from tracer.run.text import plain_text

    limits = Limits(args.fail_on_slower, args.fail_on_order, args.fail_on_calls)
    lines = [f"{one.b}: {what}" for one in found for what in broken(one, limits)]
    for line in lines:
        print(f"hooktrace: over the limit: {plain_text(line, 300)}", file=sys.stderr)
    return bool(lines)
