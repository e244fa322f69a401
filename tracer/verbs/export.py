"""`hooktrace export`: the hook timeline as a file for other tools."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.errors import HooktraceError, UsageError
from tracer.export import FORMATS, Format
from tracer.run.layout import STAGES
from tracer.verbs.arguments import VerbParser, add_output, add_run, rank_or_all, selected_run

if TYPE_CHECKING:
    from tracer.export import Selection
    from tracer.run import Run

_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*([a-zµ]+)")
_BOUNDS = re.compile(r"(\d{1,15})?(:)?(\d{1,15})?")
_SUFFIXES = {form.suffix: name for name, form in FORMATS.items() if form.suffix}


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `export`."""
    add_run(parser)
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        metavar="FORMAT",
        help="what to write, see below (default: what the name after -o says, else csv)",
    )
    add_output(parser, "hooks.csv, or what the format is called, in the run's directory")
    parser.add_argument(
        "--rank", type=rank_or_all, metavar="N|all", help="global rank to export (default: all that it can)"
    )
    add_selection(parser)
    formats = "\n".join(f"  {name:<12}{form.summary}" for name, form in FORMATS.items())
    parser.epilog = (
        f"formats:\n{formats}\n\n"
        "A text format is compressed where the name ends in .gz. Epochs and batches count from 0, as in the\n"
        "columns; A:B is A to B-1, as in Python.\n\nexamples:\n"
        "  hooktrace export --format csv -o timeline.csv\n"
        "  hooktrace export --stage train --epoch 1 --min-duration 100us -o slow.parquet\n"
        "  hooktrace export -o - | head -3"
    )


def add_selection(parser: VerbParser) -> None:
    """Adds --stage, --epoch, --batch and --min-duration, which `selection` reads."""
    parser.add_argument(
        "--stage", action="append", choices=STAGES, default=[], metavar="STAGE", help=f"{', '.join(STAGES)}; repeatable"
    )
    parser.add_argument("--epoch", type=_bounds, default=None, metavar="A:B", help="epochs A to B-1, or one")
    parser.add_argument("--batch", type=_bounds, default=None, metavar="A:B", help="batches A to B-1 of a loop, or one")
    parser.add_argument(
        "--min-duration", type=duration_ns, default=0, metavar="TIME", help="leave out shorter calls: 100us, 1.5ms, 2s"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Writes the file and says where it is."""
    args = parser.parse_args(arguments)
    _export(args, selected_run(args), FORMATS[name := _format(args)], name)
    return 0


def selection(args: argparse.Namespace) -> "Selection":
    """What the arguments of `add_selection` say."""
    from tracer.export.selection import ALL, Selection

    return Selection(tuple(args.stage), args.epoch or ALL, args.batch or ALL, args.min_duration)


def duration_ns(text: str) -> int:
    """A time span from its text.

    Raises:
        ArgumentTypeError: it is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None or match[2] not in _UNITS_NS:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 100us, with ns, us, ms or s")
    return round(float(match[1]) * _UNITS_NS[match[2]])


def _bounds(text: str) -> tuple[int | None, int | None]:
    match = _BOUNDS.fullmatch(text)
    if not text or match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no range: write 2, 2:5, 2: or :5, counting from 0")
    first, stop = (None if part is None else int(part) for part in (match[1], match[3]))
    if not match[2]:
        stop = None if first is None else first + 1
    if stop is not None and stop <= (first or 0):
        raise argparse.ArgumentTypeError(f"{text!r} is an empty range: {text} ends before it begins")
    return first, stop


def _format(args: argparse.Namespace) -> str:
    name = (args.output or "").removesuffix(".gz")
    said: str | None = args.format
    return said or next((form for suffix, form in _SUFFIXES.items() if name.endswith(suffix)), "csv")


def _export(args: argparse.Namespace, run: "Run", form: Format, name: str) -> None:
    from tracer.export.writing import request_for, write
    from tracer.verbs.progress import Progress
    from tracer.verbs.text import size

    with Progress(run, args.quiet) as progress:
        if args.output == "-":
            _check_stdout(form, name)
            try:
                form.write(request_for(run, form, args.rank, selection(args), progress), sys.stdout.buffer)
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                raise HooktraceError(f"cannot write to stdout: {error.strerror or error}") from error
            return
        path = write(
            run,
            name,
            args.output or None,
            rank=args.rank,
            selection=selection(args),
            force=args.force,
            watcher=progress,
        )
    if not args.quiet:
        print(f"wrote {path} ({progress.spans:,} spans, {size(_bytes(path))})")


def _check_stdout(form: Format, name: str) -> None:
    """Nothing if the format may go there.

    Raises:
        UsageError: it is no text, and would make a mess of a terminal.
    """
    if not form.text:
        raise UsageError(f"{name} cannot go to stdout: name a file with -o")


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
