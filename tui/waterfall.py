"""The waterfall as lines of text: what the bars that a window shows look like.

Plain arithmetic on `tui.outline.Bars`; a widget asks for the rows in sight and no others. Colour says whose a bar is,
and never alone: the letter of the owner kind stands before each name, what is beyond the median is hatched, what is
slower than usual has an arrow. Where the training was paused there is a mark, and no time passes.
"""

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

import numpy as np

from tracer.analyze.stretches import StretchScope
from tracer.run.events import Int64Array
from tui.outline import Bars, Parts
from tui.text import Line, count_text, duration_text, fit, tight_duration_text
from tui.view import hook_cells
from tui.window import Rows, Run, Window

_DURATION: Final = 8
_TIGHT: Final = 6
_DELTA: Final = 9
_RATIO: Final = 6
_ROOMY: Final = 76
_BLOCKS: Final = " ▏▎▍▌▋▊▉█"
_BEYOND: Final = "▒"
_MEDIAN: Final = "┊"
_PAUSE: Final = "‖"
_SLOWER: Final = "▲"
_UNITS: Final = ((1e6, "µs", 1e3), (2e9, "ms", 1e6), (600e9, "s", 1e9), (math.inf, "min", 60e9))
"""Up to what length of the window which unit is on the axis, and how many ns it has."""
EMPTY: Final[dict[StretchScope, str]] = {
    "batch": "no batch is complete yet",
    "epoch": "no epoch is complete yet",
    "validation": "no validation is complete yet",
}


def bars_title(bars: Bars) -> str:
    """Which stretch it is, in words."""
    stretch = bars.stretch
    words = [stretch.stage_text] if stretch.scope != "epoch" else []
    words += [f"epoch {stretch.epoch + 1}"] if stretch.epoch >= 0 else []
    words += [f"batch {count_text(stretch.batch + 1)}"] if stretch.scope == "batch" else []
    words += [f"{count_text(bars.batch_count)} batches"] if bars.batch_count else []
    words += [duration_text(bars.length_ns)]
    words += [f"{_PAUSE} {duration_text(bars.paused_ns)} paused"] if bars.paused_ns else []
    return f"{'pinned' if bars.pinned else 'last'} {stretch.scope}: {' · '.join(words)}"


def compared_text(bars: Bars) -> str:
    """What the bars are compared with, in words; empty if with nothing."""
    if bars.typical is None:
        return ""
    if not bars.typical.of:
        return "nothing to compare"
    many = {"batch": "batches", "epoch": "epochs", "validation": "validations"}[bars.stretch.scope]
    return f"vs median of {bars.typical.of} {many}" if bars.typical.of > 1 else f"vs the {bars.stretch.scope} before"


@dataclass(frozen=True)
class _Columns:
    """How wide what is."""

    names: int
    bars: int
    duration: int
    delta: int
    ratio: int


def _columns(bars: Bars, width: int) -> _Columns:
    if bars.typical is None:
        names = min(44, max(20, width * 45 // 100))
        return _Columns(names, max(0, width - names - _DURATION), _DURATION, 0, 0)
    ratio = _RATIO if width >= _ROOMY else 0
    names = min(44, max(20, width * 42 // 100))
    return _Columns(names, max(0, width - names - _TIGHT - _DELTA - ratio), _TIGHT, _DELTA, ratio)


def ticks(first: float, last: float, count: int) -> tuple[float, ...]:
    """At most `count` round numbers between two others."""
    rough = (last - first) / max(1, count - 1)
    if rough <= 0:
        return (first,)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    begin, end = math.ceil(first / step - 1e-9), math.floor(last / step + 1e-9)
    return tuple(step * index for index in range(begin, end + 1))


def axis_line(bars: Bars, window: Window, width: int) -> Line:
    """The line above the bars: what they are compared with, ticks in time since the stretch began, the unit."""
    columns = _columns(bars, width)
    start_ns, stop_ns = window.first * bars.length_ns, window.last * bars.length_ns
    _, unit, unit_ns = next(entry for entry in _UNITS if stop_ns - start_ns < entry[0])
    text, free = [" "] * columns.bars, 0
    for tick in ticks(start_ns / unit_ns, stop_ns / unit_ns, max(4, columns.bars // 7)):
        column = round((tick * unit_ns - start_ns) / (stop_ns - start_ns) * (columns.bars - 1))
        label = f"┆{round(tick, 9):g}"
        if free <= column and column + len(label) <= columns.bars:
            text[column : column + len(label)] = label
            free = column + len(label)
    for column in _columns_of(bars, bars.pauses_ns, window, columns.bars):
        text[column] = _PAUSE
    right = f"{unit:>{columns.duration}}"
    if columns.delta:
        right += f"{'differs':>{columns.delta}}{'':{columns.ratio}}"
    compared = compared_text(bars)
    left = compared if len(compared) < columns.names else compared.rpartition(" ")[0]
    return ((fit(left, columns.names), "head"), ("".join(text), "head"), (right, "head"))


def waterfall_line(bars: Bars, rows: Rows, index: int, window: Window, width: int) -> Line:
    """One row: name, indented by depth; bar; duration; how it differs from the median."""
    columns = _columns(bars, width)
    run = rows.of(index)
    depth = int((bars.parts if run.is_parts else bars).depth[run.first])
    indent = min(depth, max(0, columns.names - 16))
    room = columns.names - indent - 1
    bar = _part_bar(bars, run) if run.is_parts else _span_bar(bars, run)
    return (
        (" " * indent, ""),
        *(_part_name(bars.parts, run, room) if run.is_parts else _span_name(bars, run, room)),
        (" ", ""),
        *_track(bars, bar, window, columns.bars),
        (_time_text(bar.time_ns, columns), "dim"),
        *_difference(bar, columns),
    )


def _time_text(time_ns: float, columns: _Columns) -> str:
    if columns.duration == _TIGHT:
        return f"{tight_duration_text(time_ns):>{_TIGHT}}"
    return f"{duration_text(time_ns):>{columns.duration}}"


def _span_name(bars: Bars, run: Run, width: int) -> Line:
    action = bars.actions[int(bars.action[run.first])]
    if run.single:
        return hook_cells(action, width)
    many = f" ×{run.behind - run.first}"
    return (*hook_cells(replace(action, owner="", instance=0), width - len(many)), (many, "faint"))


def _part_name(parts: Parts, run: Run, width: int) -> Line:
    inside = int(parts.batches[run.first])
    numbers = [count_text(int(parts.number[index])) for index in (run.first, run.behind - 1)]
    if inside:
        text, rest = "validation", f" {count_text(inside)} batches"
    elif run.single:
        text, rest = f"batch {numbers[0]}", ""
    else:
        each_ns = float(parts.duration_ns[run.first : run.behind].mean())
        text, rest = f"batches {numbers[0]}–{numbers[1]}", f" {tight_duration_text(each_ns)} each"
    text = fit(text, min(len(text), width))
    return ((text, "loop-node"), (fit(rest, width - len(text)), "faint"))


@dataclass(frozen=True)
class _Bar:
    """What a row shows beside its name.

    Attributes:
        start_ns, stop_ns: In ns of work since the stretch began.
        time_ns: The time that is written.
        role: Its colour.
        mean_ns, median_ns: What is compared with what; nan if nothing is.
        slower: Whether it is slower than usual.
    """

    start_ns: int
    stop_ns: int
    time_ns: float
    role: str
    mean_ns: float
    median_ns: float
    slower: bool


def _span_bar(bars: Bars, run: Run) -> _Bar:
    spans = slice(run.first, run.behind)
    last = run.behind - 1
    time_ns = float(bars.duration_ns[spans].sum())
    median_ns, slower = math.nan, False
    if bars.typical is not None:
        median_ns, slower = float(bars.typical.median_ns[spans].sum()), bool(bars.typical.slower[spans].any())
    return _Bar(
        start_ns=int(bars.start_ns[run.first]),
        stop_ns=int(bars.start_ns[last] + bars.duration_ns[last]),
        time_ns=time_ns,
        role=bars.actions[int(bars.action[run.first])].owner_kind,
        mean_ns=time_ns,
        median_ns=median_ns,
        slower=slower,
    )


def _part_bar(bars: Bars, run: Run) -> _Bar:
    """Batches are compared one by one, with the median batch of their stage in this stretch."""
    parts, last = bars.parts, run.behind - 1
    start_ns, stop_ns = int(parts.start_ns[run.first]), int(parts.start_ns[last] + parts.duration_ns[last])
    mean_ns = float(parts.duration_ns[run.first : run.behind].mean())
    usual_ns = float(parts.usual_ns[run.first]) if bars.typical is not None else math.nan
    slower = mean_ns > max(1.1 * usual_ns, float(parts.fence_ns[run.first]))
    role = "validation" if parts.batches[run.first] else "batch"
    return _Bar(
        start_ns, stop_ns, float(stop_ns - start_ns), role, mean_ns, usual_ns, slower and not math.isnan(usual_ns)
    )


def _difference(bar: _Bar, columns: _Columns) -> Line:
    """How much longer than the median, and how many times it; both empty where there is none."""
    if not columns.delta:
        return ()
    delta = ratio = ""
    if not math.isnan(bar.median_ns):
        by_ns = bar.mean_ns - bar.median_ns
        delta = f"{'+' if by_ns > 0 else '-'}{tight_duration_text(abs(by_ns))}" if round(by_ns) else "="
        times = bar.mean_ns / bar.median_ns if bar.median_ns > 0 else 0.0
        ratio = f"×{times:.{1 if times < 99.5 else 0}f}" if 0 < times < 9999.5 else ""
    text = f"{(_SLOWER if bar.slower else '') + delta:>{columns.delta}}{ratio:>{columns.ratio}}"
    return ((text[: columns.delta + columns.ratio], "bad" if bar.slower else "dim"),)


def _track(bars: Bars, bar: _Bar, window: Window, width: int) -> Line:
    """The cells of a bar: what is beyond the median hatched, the median marked where it is not reached, pauses."""
    start_ns, length_ns = window.first * bars.length_ns, (window.last - window.first) * bars.length_ns

    def place(time_ns: float) -> float:
        return (time_ns - start_ns) / length_ns

    texts, roles = _bar(place(bar.start_ns), place(bar.stop_ns), bar.role, width)
    if bar.mean_ns == bar.time_ns and not math.isnan(bar.median_ns):
        _mark_median(texts, roles, bar, place(bar.start_ns) * width, place(bar.start_ns + bar.median_ns) * width)
    inside = bars.pauses_ns[(bars.pauses_ns > bar.start_ns) & (bars.pauses_ns < bar.stop_ns)]
    for column in _columns_of(bars, inside, window, width):
        texts[column], roles[column] = _PAUSE, "pause"
    paired = groupby(zip(texts, roles, strict=True), key=lambda pair: pair[1])
    return tuple(("".join(text for text, _ in cells), role) for role, cells in paired)


def _mark_median(texts: list[str], roles: list[str], bar: _Bar, start: float, median: float) -> None:
    """Hatches what is beyond the median, or marks the median that a bar does not reach; by at least a cell."""
    if bar.median_ns < bar.mean_ns:
        for column in range(max(math.ceil(start) + 1, math.ceil(median), 0), len(texts)):
            if texts[column] == "█":
                texts[column], roles[column] = _BEYOND, "bad" if bar.slower else bar.role
    elif 0 <= int(median) < len(texts) and texts[int(median)] == " ":
        texts[int(median)], roles[int(median)] = _MEDIAN, "faint"


def _columns_of(bars: Bars, moments_ns: Int64Array, window: Window, width: int) -> list[int]:
    """The cells of a track that some moments are in."""
    share = (moments_ns / bars.length_ns - window.first) / (window.last - window.first)
    return [int(column) for column in np.unique((share[(share >= 0) & (share < 1)] * width).astype(np.int64))]


def _bar(first: float, last: float, role: str, width: int) -> tuple[list[str], list[str]]:
    """A bar between two shares of `width` cells, in eighths of a cell where it ends; visible however short it is."""
    texts, roles = [" "] * width, [""] * width
    if width <= 0 or last < 0 or first > 1:
        return texts, roles
    start = min(width * 8 - 1, max(0, int(first * width * 8)))
    stop = min(width * 8, max(start + 1, round(last * width * 8)))
    cell, within = divmod(start, 8)
    if stop <= 8 * cell + 8:
        bar = _short(within, stop - start)
    else:
        full, part = divmod(stop - 8 * cell - 8, 8)
        bar = ("▐" if within >= 4 else "█") + "█" * full + (_BLOCKS[part] if part else "")
    texts[cell : cell + len(bar)] = bar
    roles[cell : cell + len(bar)] = [role] * len(bar)
    return texts, roles


def _short(within: int, eighths: int) -> str:
    """A bar inside one cell: there is a block for each length at its left edge, but few elsewhere."""
    if within == 0 or eighths >= 6:
        return _BLOCKS[eighths]
    if within + eighths >= 7:
        return "▐" if eighths >= 3 else "▕"
    return "┃" if eighths >= 2 else "│"
