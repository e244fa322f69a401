"""Pictures of the screen as SVG, made by the app itself without a terminal.

`python -m tui.picture RUN OUT.svg [--size 120x40] [--at e1b50] [--live]` made those in the documentation.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tracer.errors import ExistsError, HooktraceError
from tui.app import SessionApp
from tui.header import Mode


def picture(app: SessionApp, size: tuple[int, int] = (120, 40), keys: tuple[str, ...] = ()) -> str:
    """The screen as SVG text, after the run was read and `keys` were pressed.

    Args:
        app: made with `tick_s=None`, so that it polls only when it is told to.
        size: of the terminal, in cells.
        keys: as Textual names them.
    """
    found: list[str] = []

    async def look(pilot: Pilot[Any]) -> None:
        for key in (None, *keys):
            if key is not None:
                await pilot.press(key)
            for _ in range(2):  # the panes that change slowly come with the second
                await app.tick()
                await pilot.pause()
        found.append(app.export_screenshot(title="hooktrace"))
        app.exit("closed")

    app.run(headless=True, size=size, auto_pilot=look)
    if not found:
        raise HooktraceError("the screen could not be drawn")
    return found[0]


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,3})x(\d{2,3})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: write 120x40")
    return int(match[1]), int(match[2])


def main(arguments: list[str] | None = None) -> int:
    """Writes one picture; returns an exit code."""
    parser = argparse.ArgumentParser(prog="python -m tui.picture", description="Saves the screen of a run as SVG.")
    parser.add_argument("run", type=Path, help="the run's directory")
    parser.add_argument("out", type=Path, help="the picture to write")
    parser.add_argument("--size", type=_size, default=(120, 40), help="of the terminal (default: 120x40)")
    parser.add_argument("--at", help="where in the run: 1:23, e2, e2b100 or a hook (default: the end)")
    parser.add_argument("--live", action="store_true", help="the live screen instead of the replay")
    parser.add_argument("--keys", nargs="*", default=[], help="keys to press first, as Textual names them")
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing picture")
    options = parser.parse_args(arguments)
    mode: Mode = "live" if options.live else "replay"
    try:
        if options.out.exists() and not options.force:
            raise ExistsError(f"{options.out} exists; --force replaces it")
        # A clock that stands still: the picture is of one moment.
        app = SessionApp(options.run, mode, start=options.at, clock=lambda: 0.0, tick_s=None)
        keys = tuple(options.keys) if options.at or options.live else ("end", *options.keys)
        options.out.write_text(picture(app, options.size, keys), encoding="utf-8")
    except HooktraceError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
