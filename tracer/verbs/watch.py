"""`hooktrace watch`: look at a run that is being written, here or by somebody else."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tracer.errors import NotARunError
from tracer.run.layout import OUTPUT_FILE
from tracer.verbs.arguments import VerbParser, add_run, runs_dir
from tracer.verbs.terminal import has_terminal


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `watch`."""
    add_run(parser)
    parser.add_argument("--no-tui", action="store_true", help="print lines of progress in place of the screen")
    parser.epilog = "example:\n  hooktrace watch 20260102-030405-baseline"


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Shows the run until it is closed; without a terminal, prints progress until the run ends."""
    args = parser.parse_args(arguments)
    path = _watchable(args)
    code = _lines(path) if args.no_tui or not has_terminal() else _screen(path)
    from tracer.verbs.ending import report_watched

    report_watched(path)
    return code


def _lines(path: Path) -> int:
    from tracer.verbs.follow import follow

    follow(path)
    return 0


def _screen(path: Path) -> int:
    from tui.app import SessionApp
    from tui.settings import user_settings

    app = SessionApp(path, settings=user_settings())
    app.run()
    return app.return_code or 0


def _watchable(args: argparse.Namespace) -> Path:
    """The run's directory. One whose program is still starting has its output, but no run.json yet."""
    from tracer.run import find_run

    directory = runs_dir(args)
    try:
        return find_run(args.run, directory)
    except NotARunError:
        for path in (Path(args.run), directory / args.run):
            if (path / OUTPUT_FILE).is_file():
                return path
        raise
