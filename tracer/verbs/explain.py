"""`hooktrace explain`: the loop as it really ran, as pseudo-code, and below it what deserves a look."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tracer.verbs.arguments import VerbParser, add_json, add_rank, add_run, selected_run

if TYPE_CHECKING:
    from tracer.analyze.fold_lines import FoldedLine

SCHEMA = 1
"""Of the JSON form: it grows when fields change their meaning or go."""
_WIDTH = 100
_NUMBERS = 26
_BOLD, _DIM, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `explain`."""
    add_run(parser)
    parser.add_argument("--depth", type=_levels, default=None, metavar="N", help="show N levels, every detail included")
    add_rank(parser, "the lowest")
    add_json(parser)
    parser.epilog = (
        "`*` marks who brings a function of their own. mean and share are times without pauses; a loop's are those of\n"
        "the calls in one turn. Without --depth, what an owner calls on itself is left out, and a sanity check that\n"
        "only repeats the validation is one line. Below stands what deserves a look, if anything does.\n"
        "\nexample:\n  hooktrace explain --depth 5"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Prints the pseudo-code."""
    args = parser.parse_args(arguments)
    _explain(args)
    return 0


def _levels(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of levels from 1 to 100")
    return int(text)


def _explain(args: argparse.Namespace) -> None:
    from tracer.analyze.findings import findings
    from tracer.analyze.findings_text import finding_lines, findings_json
    from tracer.analyze.fold_lines import explain_lines
    from tracer.verbs.text import print_json
    from tracer.verbs.warnings import lowest_rank, warn_about

    run = selected_run(args)
    trace = run.trace(lowest_rank(run) if args.rank is None else args.rank)
    warn_about(run, trace)
    lines = explain_lines(trace, run.info.trainer, args.depth)
    found = findings(trace, run.info)
    if args.json:
        print_json({"schema": SCHEMA, "lines": [asdict(line) for line in lines], **findings_json(found)})
    elif not lines:
        print(f"{run.name} has no spans yet")
    else:
        styled = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print("\n".join(text_lines(lines, styled)))
        for line in finding_lines(found, _WIDTH):
            print(f"\n{line}" if line.startswith("!") else line)


def text_lines(lines: "Sequence[FoldedLine]", styled: bool = False) -> list[str]:
    """The pseudo-code as text of at most 100 columns, counts and times at the right."""
    header = f"{'':{_WIDTH - _NUMBERS}}{'calls':>8}{'mean':>9}{'share':>9}"
    return [f"{_DIM}{header}{_OFF}" if styled else header, *(_line(line, styled) for line in lines)]


def _line(line: "FoldedLine", styled: bool) -> str:
    from tracer.run.text import plain_text
    from tracer.verbs.text import duration

    owners = f": {', '.join(line.owners)}" if line.owners else ""
    comment = f"  # {line.comment}" if line.comment else ""
    width = _WIDTH if line.count is None else _WIDTH - _NUMBERS
    left = plain_text("  " * line.depth + line.text + owners + comment, limit=width)
    if line.count is None:
        return f"{_BOLD}{left}{_OFF}" if styled else left
    share = "" if line.share is None else f"{line.share * 100:.1f} %"
    numbers = f"{line.count:>8,}{duration(line.mean_ns) if line.mean_ns is not None else '':>9}{share:>9}"
    padded = f"{left:{width}}"
    if styled:
        padded, numbers = f"{_BOLD}{padded}{_OFF}" if line.kind == "loop" else padded, f"{_DIM}{numbers}{_OFF}"
    return padded + numbers
