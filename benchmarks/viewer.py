"""What the live screen costs and how fast it is: processor time, frames, delay of what is shown, answer to a key.

The viewer is a process of its own in a pseudo-terminal, as a user has it, while this process writes a generated run at
the given rates. Delay is from the end of a hook to the moment at which a frame with it has been painted.

`python -m benchmarks.viewer [--seconds 12] [--size 120x40] [--before KEYS] [RATE ...]`
"""

import argparse
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from fcntl import ioctl
from pathlib import Path
from typing import Any, Final

from benchmarks.live import FLUSH_S, LiveRun
from benchmarks.report import machine

RATES: Final = (2_000, 60_000)
_KEY_EVERY_S: Final = 1.5


def measure(rate: int, seconds: float, columns: int, rows: int, before: str = "") -> dict[str, Any]:
    """Runs the viewer for some seconds beside a run of that rate, `before` typed; returns what it says of itself."""
    with tempfile.TemporaryDirectory() as scratch:
        run = LiveRun(Path(scratch) / "run", rate, seconds + 4)
        report = Path(scratch) / "report.json"
        ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        run.begin()
        command = [sys.executable, "-m", "benchmarks.viewer_process", str(Path(scratch) / "run"), str(report)]
        process = subprocess.Popen(
            [*command, str(run.began_ns), str(seconds)],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
        )
        os.close(theirs)
        keys = _serve(run, process, ours, before)
        os.close(ours)
        found: dict[str, Any] = json.loads(report.read_bytes())
        return found | {"key_ms": _answers(keys, found.pop("key_painted_ns"))}


def _serve(run: LiveRun, process: "subprocess.Popen[bytes]", terminal: int, before: str) -> list[int]:
    """Writes what is due, reads what is drawn, presses a key now and then; returns when it was pressed."""
    unsent = before.encode()
    unsent_at = time.monotonic() + 2
    pressed: list[int] = []
    next_write = next_key = time.monotonic()
    next_key += 4
    while process.poll() is None:
        now = time.monotonic()
        if now >= next_write:
            run.write_due()
            next_write = max(next_write + FLUSH_S, now)
        if unsent and now >= unsent_at:
            os.write(terminal, unsent)
            unsent = b""
        if now >= next_key:
            pressed.append(time.monotonic_ns())
            os.write(terminal, b"j")
            next_key = now + _KEY_EVERY_S
        ready, _, _ = select.select([terminal], [], [], max(0.0, min(next_write, next_key) - time.monotonic()))
        if ready:
            try:
                os.read(terminal, 1 << 16)
            except OSError:
                break
    process.wait()
    return pressed


def _answers(pressed: list[int], painted: list[int]) -> list[float]:
    return [(after - before) / 1e6 for before, after in zip(pressed, painted, strict=False)]


def _show(rate: int, found: dict[str, Any]) -> None:
    keys = sorted(found["key_ms"])
    key = f"key p50 {keys[len(keys) // 2]:.0f} ms, max {keys[-1]:.0f} ms" if keys else "no key was answered"
    print(
        f"{rate:>7,} spans/s: {found['cpu']:6.1%} of a core, {found['frames_per_s']:4.1f} frames/s, "
        f"delay p50 {found['delay_p50_ms']:.0f} ms, p95 {found['delay_p95_ms']:.0f} ms, {key}, "
        f"{found['rss_mib']:.0f} MiB"
    )


def main() -> None:
    """Prints a line a rate."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.viewer", description=__doc__)
    parser.add_argument("rates", nargs="*", type=int, default=list(RATES), help="spans a second")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--before", default="", help="keys to press first: vv goes to the log")
    options = parser.parse_args()
    columns, rows = (int(part) for part in options.size.split("x"))
    print(machine())
    for rate in options.rates:
        _show(rate, measure(rate, options.seconds, columns, rows, options.before))


if __name__ == "__main__":
    main()
