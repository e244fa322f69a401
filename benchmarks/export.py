"""How fast each export is, how large what it writes, how much memory it takes, and when the page's timeline is drawn.

Each format is written in a process of its own, so that the memory is that format's. What is timed is the writing: the
reading of the run, which all verbs share, is `benchmarks.opening`.
"""

import argparse
import multiprocessing
import re
import resource
import shutil
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.generate import generate_run
from benchmarks.report import keep, machine
from tracer.export import FORMATS, Watcher, write
from tracer.export.selection import Part
from tracer.run import open_run

GOALS_US: Final = {"csv": 1 / 0.6, "parquet": 0.5, "chrome": 4.0}
"""Microseconds a call: 600,000, 2,000,000 and 250,000 calls a second."""
BYTES_A_CALL: Final = {"parquet": 8.0}
MEMORY_MIB: Final = 1024
PAGE_MB: Final = 8.0
DRAWN_MS: Final = 1000


class _Clock(Watcher):
    """Notes when the spans of the first rank are at hand."""

    began_s = 0.0
    spans = 0

    def begin(self, part: Part) -> None:
        self.began_s, self.spans = perf_counter(), len(part)


def main() -> None:
    """Generates a run, exports it in every format, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spans", nargs="?", type=int, default=10_000_000, help="of the run (default: 10 million)")
    parser.add_argument("--format", action="append", choices=tuple(FORMATS), help="only this one; repeatable")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        run, out = Path(directory) / "run", Path(directory) / "out"
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(generate_run, run, args.spans).result()
        print(f"exporting a run of about {args.spans:,} calls; {machine()}")
        for form in args.format or FORMATS:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                made = pool.submit(_measure, run, form, out).result()
            _say(form, made)
            if form == "html":
                _say_drawn(out)
            shutil.rmtree(out) if out.is_dir() else out.unlink()


@dataclass(frozen=True)
class Made:
    """What one export took and wrote."""

    seconds: float
    spans: int
    bytes: int
    memory_mib: float


def _say(form: str, made: Made) -> None:
    per_call = made.bytes / made.spans
    print(
        f"  {form:12} {made.seconds:6.2f} s  {made.spans / made.seconds:11,.0f} calls/s  {per_call:6.2f} B a call"
        f"  {made.bytes / 1e6:8.1f} MB  {made.memory_mib:6.0f} MiB",
        flush=True,
    )
    if form in GOALS_US:
        keep(f"{form}: µs a call", [made.seconds * 1e6 / made.spans], GOALS_US[form])
    if form in BYTES_A_CALL:
        keep(f"{form}: bytes a call", [per_call], BYTES_A_CALL[form])
    if form == "html":
        keep("html: MB", [made.bytes / 1e6], PAGE_MB, 1)
    keep(f"{form}: memory, MiB", [made.memory_mib], MEMORY_MIB, 0)


def _say_drawn(page: Path) -> None:
    found = _drawn_ms(page)
    print(f"  {'':12} timeline drawn after {'? (no browser)' if found is None else f'{found} ms'}")
    if found is not None:
        keep("html: timeline drawn, ms", [found], DRAWN_MS, 0)


def _measure(path: Path, form: str, out: Path) -> Made:
    clock = _Clock()
    write(open_run(path), form, out, watcher=clock)
    seconds = perf_counter() - clock.began_s
    files = [out] if out.is_file() else [file for file in out.rglob("*") if file.is_file()]
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Made(seconds, clock.spans, sum(file.stat().st_size for file in files), memory_mib)


def _drawn_ms(page: Path) -> int | None:
    """How long after the browser began to load the page its timeline was drawn."""
    browser = shutil.which("chromium")
    if browser is None:
        return None
    named = page.rename(page.with_suffix(".html"))
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom"]
        ended = subprocess.run([*command, named.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    named.rename(page)
    found = re.search(r'data-drawn-ms="(\d+)"', ended.stdout)
    return int(found[1]) if found else None


if __name__ == "__main__":
    main()
