"""How large a recording is, and what answering from ten million spans takes: a process of its own for each answer.

The stream is that of a generated run like the demo's. Packed is what the formats for other tools make of it.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.generate import generate_run
from benchmarks.report import machine
from tracer.cli import main as hooktrace
from tracer.run import open_run

SPANS: Final = 10_000_000
ANSWERS: Final[dict[str, tuple[str, ...]]] = {
    "stats": ("stats",),
    "explain": ("explain",),
    "compare with a run half as long": ("compare", "{half}"),
    "export to CSV": ("export", "-q", "-f", "--format", "csv", "-o", "{out}.csv"),
    "export to Parquet": ("export", "-q", "-f", "--format", "parquet", "-o", "{out}.parquet"),
}


def _apart(work: Callable[..., object], *arguments: object) -> tuple[float, float, object]:
    """Seconds and MiB at most of some work in a fresh process, and what it returned."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, work, arguments).result()


def _measured(work: Callable[..., object], arguments: tuple[object, ...]) -> tuple[float, float, object]:
    start = perf_counter()
    result = work(*arguments)
    seconds = perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, result


def _open(path: Path) -> int:
    return len(open_run(path).trace())


def _answer(arguments: tuple[str, ...]) -> None:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        if hooktrace(arguments):
            raise RuntimeError(f"{arguments} failed")


def _per_span(paths: list[Path], spans: int) -> str:
    return f"{sum(path.stat().st_size for path in paths) / spans:6.2f} B a span"


def main() -> None:
    """Prints a line a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.size", description=__doc__)
    parser.add_argument("spans", nargs="?", type=int, default=SPANS, help="of the run (default: 10 million)")
    count = parser.parse_args().spans
    with tempfile.TemporaryDirectory() as directory:
        path, half, out = (Path(directory) / name for name in ("run", "half", "out"))
        _apart(generate_run, path, count)
        _apart(generate_run, half, count // 2)
        print(f"about {count:,} spans, imports included; {machine()}")
        seconds, mib, spans = _apart(_open, path)
        assert isinstance(spans, int)
        print(f"  {'open, the first time':34} {seconds:6.2f} s   {mib:6.0f} MiB")
        seconds, mib, _ = _apart(_open, path)
        print(f"  {'open again, from the copy':34} {seconds:6.2f} s   {mib:6.0f} MiB")
        for name, (verb, *rest) in ANSWERS.items():
            given = [part.format(half=half, out=out) for part in rest]
            seconds, mib, _ = _apart(_answer, (verb, str(path), *given))
            print(f"  {name:34} {seconds:6.2f} s   {mib:6.0f} MiB", flush=True)
        print(f"  {'the stream':34} {_per_span(sorted(path.glob('events-*')), spans)}")
        for suffix in ("parquet", "csv"):
            print(f"  {'exported to ' + suffix:34} {_per_span([out.with_suffix('.' + suffix)], spans)}")


if __name__ == "__main__":
    main()
