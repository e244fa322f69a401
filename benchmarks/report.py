"""How the benchmarks print, so that all figures read alike, and how they are kept, so that nobody copies them by hand.

A figure with a goal is kept by `keep`; `benchmarks.suite` keeps what a benchmark prints as well, and
`benchmarks.render` makes docs/performance.md of both.
"""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FIGURES_VARIABLE: Final = "HOOKTRACE_BENCH_FIGURES"
"""In the environment of a benchmark: the file to which its figures are appended, a JSON object a line."""


@dataclass(frozen=True)
class Figure:
    """What was measured, against what it is to be.

    Attributes:
        name: In words.
        median, low, high: Of the measurements.
        goal: What the median is to be at most.
        digits: How many make sense behind the point.
    """

    name: str
    median: float
    low: float
    high: float
    goal: float
    digits: int

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return round(self.median, self.digits) <= self.goal


def keep(name: str, values: Sequence[float], goal: float, digits: int = 2) -> None:
    """Keeps a figure that has a goal, if somebody collects them."""
    figure = Figure(name, statistics.median(values), min(values), max(values), goal, digits)
    collected = os.environ.get(FIGURES_VARIABLE)
    if collected:
        with Path(collected).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(figure)) + "\n")


def machine() -> str:
    """The machine in a line."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and range of some measurements."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
