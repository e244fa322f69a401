"""`hooktrace plot`: the loss curves of a run as one HTML page that needs no network."""

import argparse
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.errors import NotFoundError
from tracer.export.output import check_free, new_file
from tracer.verbs.arguments import VerbParser, add_output, add_run, selected_run

if TYPE_CHECKING:
    from tracer.run import Run
    from tracer.run.metrics import Metrics

_FILE = "losses.html"


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `plot`."""
    add_run(parser)
    parser.add_argument(
        "--metric", action="append", metavar="NAME", help="a column of metrics.csv in place of the losses; repeatable"
    )
    parser.add_argument("--no-open", action="store_true", help="do not open the page in a browser")
    add_output(parser, f"{_FILE} in the run's directory")
    parser.epilog = "example:\n  hooktrace plot --metric val_acc --metric test_acc -o accuracy.html"


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Writes the page, says where it is, and opens it where there is a browser."""
    args = parser.parse_args(arguments)
    _plot(args, selected_run(args))
    return 0


def _plot(args: argparse.Namespace, run: "Run") -> None:
    metrics = run.metrics()
    names = _chosen(args.metric, metrics, run)
    path = Path(args.output) if args.output else run.path / _FILE
    to_stdout = args.output == "-"
    if not to_stdout:
        check_free(path, args.force)
    from tracer.export.curves import curves_page

    page = curves_page(metrics, names, run.name).encode()
    if to_stdout:
        sys.stdout.buffer.write(page)
        return
    with new_file(path, args.force) as file:
        file.write(page)
    if not args.quiet:
        print(f"wrote {path} ({', '.join(names)})")
    if not args.no_open and sys.stdout.isatty() and has_browser():
        webbrowser.open(path.resolve().as_uri())


def _chosen(wanted: list[str] | None, metrics: "Metrics", run: "Run") -> tuple[str, ...]:
    """The metrics to draw: those asked for, or all losses.

    Raises:
        NotFoundError: there are none, or not these.
    """
    logged = tuple(name for name in metrics.names if len(metrics.series(name).values))
    if not logged:
        raise NotFoundError(
            f"{run.name} has no metrics (a CSVLogger writes them; nothing is logged yet, or it has none)"
        )
    there = f"there is: {', '.join(logged)}"
    unknown = [name for name in wanted or () if name not in logged]
    if unknown:
        raise NotFoundError(f"{run.name} has no metric {unknown[0]!r} ({there})")
    losses = tuple(name for name in logged if "loss" in name.lower())
    if not wanted and not losses:
        raise NotFoundError(f"{run.name} has no metric with 'loss' in its name: choose with --metric ({there})")
    return tuple(dict.fromkeys(wanted)) if wanted else tuple(sorted(losses, key=_reading_order))


def _reading_order(name: str) -> tuple[int, str]:
    """Training by step, training by epoch, validation, test, as far as habits of naming tell."""
    words = name.lower().replace("/", "_").split("_")
    for place, marks in ((3, ("test",)), (2, ("val", "valid", "validation"))):
        if any(mark in words for mark in marks):
            return place, name
    return int(words[-1] == "epoch"), name


def has_browser() -> bool:
    """Whether a page can be opened beside the terminal: a text browser would take the terminal over."""
    graphical = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return graphical
