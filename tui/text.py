"""Numbers and names as the screen writes them: short, of fixed width, in units that a reader knows.

One module, so that a time looks the same in the header, the tree, the tables and on the axis of the waterfall.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from tracer.run.text import plain_text

Cell = tuple[str, str]
"""A piece of a line: its text and its role, a key of `tui.palette.STYLES`."""

Line = tuple[Cell, ...]
"""A line as the plain modules make it and the widgets paint it."""

_SPARKS = "▁▂▃▄▅▆▇█"


@lru_cache(maxsize=4096)
def fit(text: str, width: int, align: str = "left") -> str:
    """`text` in exactly `width` terminal cells: padded, or cut with an ellipsis.

    Args:
        text: one line from anywhere; control characters are made harmless.
        width: cells to fill; zero or less gives an empty string.
        align: "left" or "right".
    """
    if width <= 0:
        return ""
    clean = plain_text(text, limit=1000)
    length = cell_len(clean)
    if length > width:
        return set_cell_size(clean, width - 1) + "…"
    padding = " " * (width - length)
    return padding + clean if align == "right" else clean + padding


def fit_name(name: str, width: int) -> str:
    """A name in exactly `width` cells: one that is too long loses its middle, since hooks differ at their ends."""
    clean = plain_text(name, limit=1000)
    if width < 12 or cell_len(clean) <= width or cell_len(clean) != len(clean):
        return fit(clean, width)
    tail = min(7, width // 3)
    return f"{clean[: width - tail - 1]}…{clean[-tail:]}"


def duration_text(time_ns: float) -> str:
    """A span of time in at most seven cells: `850 ns`, `12.3 µs`, `1.24 ms`, `3.50 s`, `2:05 m`, `1:02 h`, `9 d`."""
    if time_ns < 0:
        return "-"
    for limit, unit_ns, unit in ((1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"), (60e9, 1e9, "s")):
        if time_ns < limit * 0.9995:
            return f"{_three_digits(time_ns / unit_ns)} {unit}" if unit != "ns" else f"{time_ns:.0f} ns"
    seconds = round(time_ns / 1e9)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02} m"
    minutes = seconds // 60
    return f"{minutes // 60}:{minutes % 60:02} h" if minutes < 6000 else f"{minutes / 1440:.0f} d"


def tight_duration_text(time_ns: float) -> str:
    """The same in at most five cells, with two digits that count: `850ns`, `12µs`, `1.2ms`, `3.5s`, `2:05m`."""
    for limit, unit_ns, unit in ((1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"), (60e9, 1e9, "s")):
        if 0 <= time_ns < limit * 0.9995:
            value = time_ns / unit_ns
            return f"{value:.0f}{unit}" if value >= 9.95 or unit == "ns" else f"{value:.1f}{unit}"
    minutes = time_ns / 60e9
    if minutes < 9.99:
        return duration_text(time_ns).replace(" ", "")
    if minutes < 59.5:
        return f"{minutes:.0f}m"
    return f"{minutes / 60:.1f}h" if minutes < 5990 else f"{minutes / 1440:.0f}d"


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def clock_text(time_ns: float, tenths: bool = False) -> str:
    """A moment or a long time as `00:01:23`, with tenths of a second as `00:01:23.4`."""
    total = max(0, int(time_ns)) // 100_000_000
    seconds, tenth = divmod(total, 10)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{tenth}" if tenths else text


def left_text(seconds: float | None) -> str:
    """Time that is left as `0:30` or `1:02:03`; `--:--` where nobody knows."""
    if seconds is None:
        return "--:--"
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def count_text(count: int) -> str:
    """A number of things in at most seven cells: `1,719`, `999,999`, `12.3 M`."""
    if count < 1_000_000:
        return f"{count:,}"
    value, unit = (count / 1e6, "M") if count < 999.5e6 else (count / 1e9, "G")
    return f"{_three_digits(value)} {unit}"


def percent_text(share: float) -> str:
    """A share of one in at most five cells: `12.3%`, `100%`; `<0.1%` for what is there but hardly."""
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{share:.0%}" if share >= 0.9995 else f"{share:.1%}"


def rate_text(rate_per_s: float | None) -> str:
    """Iterations a second, or seconds an iteration where that reads better; 10 characters at most."""
    if rate_per_s is None or rate_per_s <= 0:
        return ""
    number, unit = (rate_per_s, "it/s") if rate_per_s >= 1 else (1 / rate_per_s, "s/it")
    for prefix in ("", "k", "M", "G", "T"):
        if number < 9999.5:
            return f"{_three_digits(number)}{prefix} {unit}"
        number /= 1000
    return f"∞ {unit}"


def bar_cells(share: float, width: int) -> tuple[str, str]:
    """A bar of `width` cells as its filled and its empty part, in steps of half a cell."""
    halves = round(min(max(share, 0.0), 1.0) * width * 2)
    filled = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return filled, "─" * (width - len(filled))


def spark_text(values: Sequence[float], width: int) -> str:
    """The last `width` values as a row of blocks between their own least and greatest; right-aligned."""
    shown = [value for value in values[-width:] if not math.isnan(value)]
    if not shown:
        return " " * width
    low, high = min(shown), max(shown)
    spread = high - low
    if spread <= 0.02 * abs(high):
        return ("▄" * len(shown)).rjust(width)
    return "".join(_SPARKS[min(7, int((value - low) / spread * 8))] for value in shown).rjust(width)
