"""`hooktrace replay`: a recorded run again, on the screen of the live one, under a clock."""

import argparse
import math
from collections.abc import Sequence

from tracer.errors import UsageError
from tracer.verbs.arguments import VerbParser, add_rank, add_run, selected_rank, selected_run
from tracer.verbs.terminal import has_terminal


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `replay`."""
    add_run(parser)
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="X", help="times real speed (default: 1)")
    parser.add_argument(
        "--start", metavar="WHERE", help="where to begin: a time (1:23), epoch (e2), batch (e2b100) or hook"
    )
    add_rank(parser, "the lowest; < and > change it")
    parser.epilog = "example:\n  hooktrace replay --speed 4 --start e1b100"


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Shows the replay until it is closed."""
    args = parser.parse_args(arguments)
    recorded = selected_run(args)
    rank = selected_rank(args, recorded)
    if not has_terminal():
        raise UsageError("replay needs a terminal (`hooktrace stats` and `hooktrace export` do without)")
    from tui.app import SessionApp
    from tui.settings import user_settings

    app = SessionApp(
        recorded.path,
        mode="replay",
        speed=args.speed,
        start=args.start,
        rank=rank,
        settings=user_settings(),
    )
    app.run()
    return app.return_code or 0


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0.1 <= speed <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed from 0.1 to 1000")
    return speed
