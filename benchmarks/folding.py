"""How long a long run takes to be folded, and what memory: the bounds are 10 s and 1.5 GiB for 10 million spans.

The run is generated in one process and folded in another, so that the memory is that of reading and folding alone.
"""

import argparse
import multiprocessing
import resource
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple, TypeVar

from benchmarks.generate import generate_run
from benchmarks.report import machine

Result = TypeVar("Result")


class Figures(NamedTuple):
    """What it took to fold a run."""

    spans: int
    read_s: float
    read_mib: float
    fold_s: float
    lines_s: float
    lines_cpu_s: float
    lines: int
    most_mib: float


def main() -> None:
    """Generates a run, folds it, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spans", nargs="?", type=int, default=10_000_000, help="of the run (default: 10 million)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="generate the run here, or use the one that is here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = args.keep or Path(directory) / "run"
        if not path.exists():
            _apart(generate_run, path, args.spans)
        found = _apart(fold_run, path)
    print(f"folding a run of {found.spans:,} spans; {machine()}")
    print(f"  reading it                   {found.read_s:6.2f} s, memory then {found.read_mib:.0f} MiB")
    print(f"  folding, no text             {found.fold_s:6.2f} s")
    print(f"  folding and {found.lines:3} lines        {found.lines_s:6.2f} s ({found.lines_cpu_s:.2f} s of a core)")
    print(f"  memory, at most              {found.most_mib:6.0f} MiB")


def fold_run(path: Path) -> Figures:
    """Reads and folds a run; to be called in a process that has done nothing before."""
    from tracer.analyze.fold import fold
    from tracer.analyze.fold_lines import explain_lines
    from tracer.analyze.fold_tokens import tokens
    from tracer.run import open_run

    run = open_run(path)
    start = perf_counter()
    trace = run.trace()
    read_s, read_mib = perf_counter() - start, _most_mib()
    start = perf_counter()
    fold(tokens(trace))
    fold_s = perf_counter() - start
    start, start_cpu = perf_counter(), process_time()
    lines = explain_lines(trace, run.info.trainer, callbacks=run.info.callbacks)
    lines_s, lines_cpu_s = perf_counter() - start, process_time() - start_cpu
    return Figures(len(trace), read_s, read_mib, fold_s, lines_s, lines_cpu_s, len(lines), _most_mib())


def _apart(work: Callable[..., Result], *args: object) -> Result:
    """What a function returns, called in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


def _most_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
