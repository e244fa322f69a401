"""Numbers and tables as text: for a terminal with rich, for anything else as plain aligned lines."""

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracer.run.text import plain_text

NONE = "–"
_NS_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    header: str
    right: bool = False


def duration(ns: float | None) -> str:
    """A time span with three digits and its unit: 1.23 ms; a dash for None."""
    if ns is None:
        return NONE
    for size, unit in _NS_UNITS:
        if abs(ns) >= size * 0.9995:
            value = ns / size
            return f"{value:.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f} {unit}"
    return f"{ns:.0f} ns"


def clock(seconds: float) -> str:
    """A time span as 0:05, 12:34 or 1:02:03."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def size(number: int) -> str:
    """A number of bytes as 12 kB, 3.4 MB, ..."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number} B"


def ratio(value: float | None) -> str:
    """A factor as 1.25x; a dash for None."""
    if value is None:
        return NONE
    return f"{value:.2f}x" if value < 100 else f"{value:,.0f}x"


def percentages(shares: Sequence[float]) -> list[str]:
    """Shares (0 to 1, which add up to 1) as percentages with one decimal that add up to 100.0."""
    exact = [share * 1000 for share in shares]
    tenths = [int(value) for value in exact]
    missing = round(sum(exact)) - sum(tenths)
    by_remainder = sorted(range(len(exact)), key=lambda i: tenths[i] - exact[i])
    for index in by_remainder[: max(missing, 0)]:
        tenths[index] += 1
    return [f"{value / 10:.1f} %" for value in tenths]


def signal_name(number: int) -> str:
    """A signal as people know it: `SIGKILL`; one of the real-time signals by its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Prints rows of untrusted cells under their headers."""
    clean = [[plain_text(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(columns, clean, indent)
    else:
        _print_plain(columns, clean, indent)


def print_heading(text: str) -> None:
    """Prints a line that says what follows."""
    if not sys.stdout.isatty():
        print(text)
        return
    from rich.console import Console
    from rich.text import Text

    Console(highlight=False).print(Text(text, style="bold"))


def print_json(value: Any) -> None:
    """Prints a value as JSON; what is not ASCII is escaped, so that no terminal can be made to obey it."""
    print(json.dumps(value, indent=2, allow_nan=False))


def _print_rich(columns: Sequence[Column], rows: list[list[str]], indent: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column.header, justify="right" if column.right else "left", no_wrap=column.right)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(Padding(table, (0, 0, 0, len(indent))))


def _print_plain(columns: Sequence[Column], rows: list[list[str]], indent: str) -> None:
    lines = [[column.header for column in columns], *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = [
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        print((indent + "  ".join(cells)).rstrip())
