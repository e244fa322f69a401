"""How the benchmarks print, so that all figures read alike."""

import platform
import statistics
from collections.abc import Sequence


def machine() -> str:
    """The machine in a line."""
    import os

    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and range of some measurements."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
