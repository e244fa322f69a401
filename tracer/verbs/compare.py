"""`hooktrace compare`: what changed from one run to others."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracer.verbs.arguments import VerbParser, add_json, add_rank, add_runs_dir, runs_dir

if TYPE_CHECKING:
    from tracer.analyze.compare import Comparison

STAGES = ("sanity_check", "train", "validate", "test", "predict")


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `compare`."""
    parser.add_argument("a", metavar="A", help="directory or name of the run to compare with: the baseline")
    parser.add_argument("others", metavar="B", nargs="+", help="directory or name of a run that changed")
    add_runs_dir(parser)
    parser.add_argument("--all", action="store_true", help="also what is the same")
    parser.add_argument("--stage", choices=STAGES, help="look at one stage only")
    add_rank(parser, "the lowest of each run")
    add_json(parser)
    parser.epilog = "example:\n  hooktrace compare 20260102-030405-baseline 20260102-031455-accumulate4"


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Prints what differs, section by section."""
    args = parser.parse_args(arguments)
    found = _comparisons(args)
    if args.json:
        from tracer.verbs.compare_json import as_json
        from tracer.verbs.text import print_json

        print_json(as_json(found))
    else:
        from tracer.verbs.compare_text import print_comparison

        for number, comparison in enumerate(found):
            if number:
                print("\n")
            print_comparison(comparison, everything=args.all)
    return 0


def _comparisons(args: argparse.Namespace) -> "list[Comparison]":
    """Each run against the baseline."""
    from tracer.analyze.compare import compare
    from tracer.digests import subjects
    from tracer.run import find_run, open_run
    from tracer.verbs.warnings import warn_about

    runs = [open_run(find_run(name, runs_dir(args))) for name in (args.a, *args.others)]
    baseline, *others = found = subjects(runs, args.rank, args.stage)
    for run, subject in zip(runs, found, strict=True):
        warn_about(run, subject.digest)
    return [compare(baseline, other) for other in others]
