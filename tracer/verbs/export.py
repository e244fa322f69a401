"""`hooktrace export`: the hook timeline as a file for other tools."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.export import FORMATS, Format, check_free, new_file
from tracer.verbs.arguments import VerbParser, add_output, add_rank, add_run, selected_run

if TYPE_CHECKING:
    from tracer.run import Run
    from tracer.run.trace import Trace

_STEM = "hooks"


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `export`."""
    add_run(parser)
    parser.add_argument("--format", choices=tuple(FORMATS), default="csv", help="what to write (default: csv)")
    add_output(parser, f"{_STEM}.csv in the run's directory")
    add_rank(parser, "all of them, one after another")
    formats = "\n".join(f"  {name:<8}{entry.summary}" for name, entry in FORMATS.items())
    parser.epilog = (
        f"formats:\n{formats}\n\nexamples:\n  hooktrace export --format csv -o timeline.csv\n"
        "  hooktrace export -o - | head -3"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Writes the file and says where it is."""
    args = parser.parse_args(arguments)
    _export(args, selected_run(args), FORMATS[args.format])
    return 0


def _export(args: argparse.Namespace, run: "Run", form: Format) -> None:
    path = Path(args.output) if args.output else run.path / f"{_STEM}{form.suffix}"
    to_stdout = args.output == "-"
    if not to_stdout:
        check_free(path, args.force)  # before the work, not after it
    traces = _traces(args.rank, run)
    if to_stdout:
        form.write(traces, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with new_file(path, args.force) as file:
        form.write(traces, file)
    if not args.quiet:
        from tracer.verbs.text import size

        spans = sum(len(trace) for trace in traces)
        print(f"wrote {path} ({spans:,} spans, {size(path.stat().st_size)})")


def _traces(rank: int | None, run: "Run") -> "list[Trace]":
    from tracer.verbs.warnings import lowest_rank, warn_about

    ranks = (run.ranks or (lowest_rank(run),)) if rank is None else (rank,)
    traces = [run.trace(rank) for rank in ranks]
    warn_about(run, traces[0])
    return traces
