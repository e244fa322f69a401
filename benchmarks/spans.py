"""What a span costs: entering and leaving it, against the profilers of Lightning and torch in the same process.

The recorder runs as in training: its background thread writes to a real file meanwhile.
"""

import statistics
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from lightning.pytorch.profilers import AdvancedProfiler, PassThroughProfiler, SimpleProfiler
from torch.profiler import record_function

from benchmarks.report import keep, machine, spread
from tracer.record.describe import Owner
from tracer.record.spans import SpanTable
from tracer.record.writer import EventWriter

SPANS = 50_000
ROUNDS = 15
NAME = "[Callback]EarlyStopping.on_train_batch_end"


class _Listener:
    """The least that a table of spans needs."""

    def __init__(self) -> None:
        self.trainer: Any = None
        self.base_ns = perf_counter_ns()

    def before(self, hook: str) -> None:
        """Nothing has to run."""

    def after(self, hook: str) -> None:
        """Nothing has to run."""

    def fault(self, error: Exception) -> None:
        raise error

    def new_action(self, number: int, owner: Owner, hook: str) -> None:
        """Nothing is noted down."""


def _ns_per_span(profile: Callable[[str], AbstractContextManager[Any]], name: str) -> float:
    start = perf_counter_ns()
    for _ in range(SPANS):
        with profile(name):
            pass
    return (perf_counter_ns() - start) / SPANS


def _clock_reads(name: str) -> float:
    start = perf_counter_ns()
    for _ in range(SPANS):
        perf_counter_ns()
        perf_counter_ns()
    return (perf_counter_ns() - start) / SPANS


def main() -> None:
    """Prints ns per span of each way, and its ratio to the do-nothing profiler of the same round."""
    with tempfile.TemporaryDirectory() as directory:
        buffer: list[int] = []
        writer = EventWriter(buffer, perf_counter_ns(), on_failure=lambda error: print("writing failed:", error))
        writer.start(Path(directory), 0)
        table = SpanTable(_Listener(), buffer.append)
        ways: dict[str, Callable[[], float]] = {
            "PassThroughProfiler": lambda: _ns_per_span(PassThroughProfiler().profile, NAME),
            "SimpleProfiler": lambda: _ns_per_span(SimpleProfiler().profile, NAME),
            "AdvancedProfiler": lambda: _ns_per_span(AdvancedProfiler().profile, NAME),
            "torch record_function": lambda: _ns_per_span(record_function, NAME),
            "hooktrace": lambda: _ns_per_span(table.__getitem__, "run_training_epoch_"),
            "floor: two clock reads": lambda: _clock_reads(NAME),
        }
        rounds = [{name: way() for name, way in ways.items()} for _ in range(ROUNDS)]
        writer.close()
    print(f"span cost, {SPANS} spans x {ROUNDS} rounds; {machine()}")
    for name in ways:
        ratios = [row[name] / row["PassThroughProfiler"] for row in rounds]
        print(f"  {name:24} {statistics.median(row[name] for row in rounds):7.0f} ns   ratio {spread(ratios)}")
    for name, goal in (("PassThroughProfiler", 0.35), ("SimpleProfiler", 0.25)):
        keep(f"a span over {name}'s", [row["hooktrace"] / row[name] for row in rounds], goal)


if __name__ == "__main__":
    main()
