"""Makes the pictures of the documentation from a real training: `make pictures ARGS="--data_dir DIR"`.

It trains the demo as `hooktrace train` does, pauses it once for the picture of a pause, and replays it for the
others. What follows the script's name goes to the demo.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from textual.pilot import Pilot

from tracer.run import list_runs
from tui.app import SessionApp
from tui.picture import picture

IMAGES: Final = Path(__file__).parent / "images"
SIZE: Final = (120, 40)
_LIMIT_S: Final = 300


class Picture(NamedTuple):
    """One picture of the replay: where in the run, and which keys are pressed first."""

    at: str
    keys: tuple[str, ...] = ()


PICTURES: Final = {
    "session": Picture("e2b300"),
    "waterfall": Picture("e2b300", ("v", "d")),
    "log": Picture("e2b300", ("v", "v", "slash", *">100us", "enter")),
    "losses": Picture("e3b300", ("m", "end", "escape", "s", "s")),
}
_PAUSED: Final = "paused"


def main(options: list[str]) -> int:
    """Trains and draws; returns the training's exit code."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(scratch)
        arguments = ["train", "--no-tui", "--runs-dir", scratch, "--name", "mnist", "--trainer.max_epochs", "3"]
        training = subprocess.Popen([sys.executable, "-m", "tracer", *arguments, *options])
        run = _wait(lambda: next((run.path for run in list_runs(runs)), None))
        _write(_PAUSED, _picture_of_a_pause(run))
        code = training.wait()
        for name, wanted in PICTURES.items():
            app = SessionApp(run, "replay", start=wanted.at, clock=lambda: 0.0, tick_s=None)
            _write(name, picture(app, SIZE, wanted.keys))
    return code


def _wait(found: Callable[[], Path | None]) -> Path:
    deadline = time.monotonic() + _LIMIT_S
    while (path := found()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError("the training did not begin")
        time.sleep(0.2)
    return path


def _picture_of_a_pause(run: Path) -> str:
    """Pauses the training in the middle of a batch, looks, and lets it go."""
    app = SessionApp(run, tick_s=None)
    found: list[str] = []

    async def until(pilot: Pilot[Any], reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _LIMIT_S
        while not reached() and time.monotonic() < deadline:
            await app.tick()
            await pilot.pause()
            await asyncio.sleep(0.02)

    async def look(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: (app.frame.progress.batch or 0) > 120)
        await pilot.press("b", *"on_after_backward", "enter", "enter")
        await until(pilot, lambda: app.frame.gate.sight is not None)
        found.append(app.export_screenshot(title="hooktrace"))
        app.exit("detached")

    app.run(headless=True, size=SIZE, auto_pilot=look)
    return found[0]


def _write(name: str, svg: str) -> None:
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"wrote docs/images/{name}.svg", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
