"""The table of slowest hooks as lines: self time, share, mean, p95, trend."""

from typing import Final

from tracer.analyze.stats import LiveHookStat
from tui.text import Line, bar_cells, percent_text, spark_text, tight_duration_text
from tui.view import hook_cells

_SELF, _SHARE, _MEAN, _P95, _TREND, _BAR = 6, 6, 6, 6, 7, 8
_RIGHT: Final = _SELF + _SHARE + _MEAN + _P95 + _TREND
_ROOMY: Final = 84


def hooks_header(width: int) -> Line:
    """What the columns are."""
    names = width - _RIGHT - _bar_width(width)
    bar = " " * _bar_width(width)
    return (
        (f"{'hook':<{max(0, names)}}"[: max(0, names)], "head"),
        (f"{'self':>{_SELF}}{'share':>{_SHARE}}{bar}{'mean':>{_MEAN}}{'p95':>{_P95}}{'trend':>{_TREND}}", "head"),
    )


def hooks_line(stat: LiveHookStat, width: int) -> Line:
    """One row of the table."""
    wide = _bar_width(width)
    filled = bar_cells(stat.share, wide - 2)[0] if wide else ""
    return (
        *hook_cells(stat.action, max(0, width - _RIGHT - wide)),
        (f"{tight_duration_text(stat.self_ns):>{_SELF}}{percent_text(stat.share):>{_SHARE}}", ""),
        (f"  {filled:<{wide - 2}}" if wide else "", "bar"),
        (f"{tight_duration_text(stat.mean_ns):>{_MEAN}}{tight_duration_text(stat.p95_ns):>{_P95}}", "dim"),
        (f" {spark_text(stat.trend, _TREND - 1)}", "spark"),
    )


def _bar_width(width: int) -> int:
    return _BAR + 2 if width >= _ROOMY else 0
