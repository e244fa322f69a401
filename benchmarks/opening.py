"""How the screen opens a long finished run: when there is a picture, when all is read, what that takes, how it seeks.

The run is generated in a process of its own, so that the memory is the viewer's alone. All figures are of the real
app without a terminal, 120 by 40.
"""

import argparse
import asyncio
import multiprocessing
import random
import resource
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from textual.pilot import Pilot

from benchmarks.generate import generate_run
from benchmarks.report import machine
from tracer.run import open_run
from tracer.run.cache import cache_file
from tui.app import SessionApp

SEEKS = 60


def main() -> None:
    """Generates a run, opens it, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spans", nargs="?", type=int, default=10_000_000, help="of the run (default: 10 million)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="generate the run here, or use the one that is here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = args.keep or Path(directory) / "run"
        if not path.exists():
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                pool.submit(generate_run, path, args.spans).result()
        print(f"opening a run of about {args.spans:,} spans; {machine()}")
        asyncio.run(_measure(path))
        _measure_traces(path)


async def _measure(path: Path) -> None:
    start = perf_counter()
    app = SessionApp(path, mode="replay", tick_s=None)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.tick()
        await pilot.pause()
        _say("first picture after the imports", f"{perf_counter() - start:6.2f} s")
        polls = 1
        while app.frame.reading is not None:
            await app.tick()
            polls += 1
        _say("all of it read", f"{perf_counter() - start:6.2f} s, {polls} polls")
        worked, painted = zip(*[await _seek(app, pilot, share) for share in _places()], strict=True)
        _say("seek, until it is worked out", _milliseconds(worked))
        _say("seek, until it is painted", _milliseconds(painted))
        _say("spans", f"{len(app.timeline.whole or ()):,}")
        _say("memory, at most", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _measure_traces(path: Path) -> None:
    """What `stats`, `export` and `compare` wait for: all spans at once, the first time and again."""
    (path / cache_file(0)).unlink(missing_ok=True)
    for which in ("first", "again, from the copy"):
        start = perf_counter()
        open_run(path).trace()
        _say(f"the whole trace, {which}", f"{perf_counter() - start:6.2f} s")
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()


async def _seek(app: SessionApp, pilot: Pilot[Any], share: float) -> tuple[float, float]:
    clock = app.timeline.clock
    assert clock is not None
    clock.seek(int(clock.end_ns * share))
    start = perf_counter()
    await app.tick()
    worked = perf_counter() - start
    await pilot.pause()
    return worked, perf_counter() - start


def _places() -> list[float]:
    """Anywhere, in any order, and last the end: all that was opened is shown then."""
    return [*(random.Random(1).random() for _ in range(SEEKS)), 1.0]


def _milliseconds(seconds: Sequence[float]) -> str:
    half, most, longest = np.percentile(np.array(seconds) * 1e3, (50, 95, 100)).tolist()
    return f"p50 {half:.0f} ms, p95 {most:.0f} ms, longest {longest:.0f} ms"


def _say(what: str, figure: str) -> None:
    print(f"  {what:40} {figure}", flush=True)


if __name__ == "__main__":
    main()
