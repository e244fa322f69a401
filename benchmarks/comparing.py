"""How long `hooktrace compare` takes for two long runs: the first time, with copies of their spans, and again.

The runs are generated before; each comparison is a process of its own, whose memory is read from the system.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.generate import generate_run
from benchmarks.report import keep, machine
from tracer.digests import digest_file
from tracer.run.cache import cache_file


def main() -> None:
    """Generates two runs, compares them, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spans", nargs="?", type=int, default=10_000_000, help="of each run (default: 10 million)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        runs = [Path(directory) / name for name in "ab"]
        for seed, path in enumerate(runs):
            generate_run(path, args.spans, seed=seed)
        print(f"comparing two runs of about {args.spans:,} spans; {machine()}")
        keep("comparing two runs of 10 million spans the first time, s", [_measure("the first time", runs)[0]], 15, 1)
        for path in runs:
            (path / digest_file(0, None)).unlink(missing_ok=True)
        kept = all((path / cache_file(0)).exists() for path in runs)
        _measure("with copies of the spans" if kept else "once more", runs)
        seconds, mib = _measure("again", runs)
        keep("comparing them again, s", [seconds], 5, 1)
        keep("comparing them again, memory, MiB", [mib], 1536, 0)


def _measure(what: str, runs: list[Path]) -> tuple[float, float]:
    """Compares once and prints it: how long that took in s, and the memory of its largest process in MiB."""
    start = perf_counter()
    command = [sys.executable, "-m", "tracer", "compare", *map(str, runs)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"compare ended with {process.returncode}")
    seconds, mib = perf_counter() - start, usage.ru_maxrss / 1024
    print(f"  {what:28} {seconds:6.2f} s  {mib:.0f} MiB in the largest process", flush=True)
    return seconds, mib


if __name__ == "__main__":
    main()
