"""`hooktrace report`: a run as one HTML page with everything worth seeing, opened where there is a browser."""

import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from tracer.verbs.arguments import VerbParser, add_output, add_rank, add_run, selected_run

_FILE = "report.html"


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `report`."""
    add_run(parser)
    add_rank(parser, "the lowest")
    parser.add_argument("--no-open", action="store_true", help="do not open the page in a browser")
    add_output(parser, f"{_FILE} in the run's directory")
    parser.epilog = (
        "A report that was made before is replaced. `hooktrace export --format html` chooses what the timeline draws.\n"
        "\nexample:\n  hooktrace report -o base.html"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Writes the page, says where it is, and opens it where there is a browser."""
    args = parser.parse_args(arguments)
    from tracer.export.formats import FORMATS
    from tracer.export.writing import request_for, write
    from tracer.verbs.plot import has_browser
    from tracer.verbs.progress import Progress
    from tracer.verbs.text import size

    run = selected_run(args)
    with Progress(run, args.quiet) as progress:
        if args.output == "-":
            FORMATS["html"].write(request_for(run, FORMATS["html"], args.rank, watcher=progress), sys.stdout.buffer)
            return 0
        own = not args.output  # the file of that name in a run is ours to renew
        path = run.path / _FILE if own else Path(args.output)
        write(run, "html", path, rank=args.rank, force=args.force or own, watcher=progress)
    if not args.quiet:
        print(f"wrote {path} ({size(path.stat().st_size)})")
    if not args.no_open and sys.stdout.isatty() and has_browser():
        webbrowser.open(path.resolve().as_uri())
    return 0
