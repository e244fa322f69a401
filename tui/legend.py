"""The words around the curves: a line for each with its last and its best value, and the values at the cursor."""

from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len

from tracer.run.text import plain_text
from tui.curves import FloatArray, Trail
from tui.scene import Curve
from tui.text import Cell, Line, fit

BEST = "★"
EPOCH = "┊"
_HINT = "← → values  + - zoom  h l pan  0 all  s smooth"


def number(value: float) -> str:
    """A value with four digits that count, in at most ten cells."""
    return f"{value:.4g}"


def legend(curves: Sequence[Curve], width: int, lines: int) -> tuple[Line, ...]:
    """A line for each curve: marker, name, last value, best value, what is not drawn; the last line counts the rest.

    Args:
        curves: in their order.
        width: cells to fill.
        lines: at most so many, at least one.
    """
    if not curves:
        return ((),)
    names = min(max(cell_len(curve.trail.label) for curve in curves), max(8, width // 3))
    shown = list(curves) if len(curves) <= lines else list(curves[: lines - 1])
    made = [_legend_line(curve, names, width) for curve in shown]
    if len(shown) < len(curves):
        rest = curves[len(shown) :]
        cells: list[Cell] = [(f"{len(rest)} more: ", "dim")]
        for trail in (curve.trail for curve in rest):
            name = plain_text(trail.label, names)
            cells += [(f"{trail.marker} ", f"curve-{trail.colour}"), (f"{name}  ", "")]
        made.append(_cut(cells, width))
    return tuple(made)


def _legend_line(curve: Curve, names: int, width: int) -> Line:
    trail = curve.trail
    last = number(float(trail.y[-1])) if len(trail.y) else "no value"
    marked = (f"{trail.marker} ", f"curve-{trail.colour}")
    cells: list[Cell] = [marked, (fit(trail.label, names), ""), (f" {last:<8}", "")]
    notes: list[Cell] = []
    if trail.hidden:
        notes.append((f" · {trail.hidden} not finite", "warn"))
    if curve.unfit:
        notes.append((f" · {curve.unfit} not positive", "warn"))
    if trail.best is None:
        return _cut([*cells, *notes], width)
    step, value = trail.best
    best, place = (f" {BEST} {trail.goal} {number(value)}", "dim"), (f" at {step:g}", "dim")
    whole = [*cells, best, place, *notes]
    return _cut(whole if sum(cell_len(text) for text, _ in whole) <= width else [*cells, best, *notes], width)


def values_line(trails: Sequence[Trail], step: float | None, epochs: tuple[FloatArray, FloatArray], width: int) -> Line:
    """The values of all curves at a step; a hint at the keys where there is none.

    Args:
        trails: the curves.
        step: where the cursor or the mouse is.
        epochs: the steps at which epochs begin, and their numbers.
        width: cells to fill.
    """
    if step is None:
        return ((fit(_HINT, width), "faint"),)
    starts, numbers = epochs
    place = int(np.searchsorted(starts, step, side="right")) - 1
    epoch = f" · epoch {numbers[place] + 1:g}" if place >= 0 else ""
    cells: list[Cell] = [(f"step {step:g}{epoch} ", "bold")]
    for trail in trails:
        value = trail.at(step)
        cells += [
            (f" {trail.marker} ", f"curve-{trail.colour}"),
            ("-" if value is None else number(value), "" if value is not None else "dim"),
        ]
    return _cut(cells, width)


def _cut(cells: Sequence[Cell], width: int) -> Line:
    """The cells that fit; the first that does not is cut."""
    made: list[Cell] = []
    room = width
    for text, role in cells:
        if room <= 0:
            break
        length = cell_len(text)
        made.append((text if length <= room else fit(text, room), role))
        room -= length
    return tuple(made)
