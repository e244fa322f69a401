"""How fast a run opens, and how much memory that takes, for generated runs of growing size."""

import resource
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.report import machine
from tests.builders import make_run
from tracer.run import open_run

EPOCHS = (1, 10, 50)


def main() -> None:
    """Prints a line for each size."""
    print(f"opening a run; {machine()}")
    for epochs in EPOCHS:
        with tempfile.TemporaryDirectory() as directory:
            path = make_run(Path(directory) / "run", epochs=epochs, batches=1719, val_batches=157)
            before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            start = perf_counter()
            trace = open_run(path).trace()
            seconds = perf_counter() - start
            used_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
            print(
                f"  {len(trace):>9,} spans  {seconds:6.2f} s  {len(trace) / seconds / 1e6:5.2f} M spans/s"
                f"  peak memory +{used_mib:.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
