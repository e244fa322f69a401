"""The explained loop as rows: which ones there are at a level of detail, and the text of one; what there is to say
about the selected one; the findings.

Plain functions of what `tui.study` worked out, so that painting costs only what is visible.
"""

import re
import textwrap
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from tracer.analyze.findings import Finding
from tracer.analyze.findings_text import finding_lines
from tracer.analyze.fold_lines import FoldedLine
from tracer.run.text import plain_text
from tui.palette import owner_look
from tui.text import Cell, Line, clock_text, count_text, duration_text, fit, fit_name, percent_text
from tui.view import OVERRIDDEN

_COUNT, _MEAN, _SHARE = 8, 8, 7
_NUMBERS: Final = _COUNT + _MEAN + _SHARE
_ROOMY: Final = 76
_NUMBER: Final = re.compile(r"\d+")
_LEAST_NAME: Final = 16
"""Cells that are left for a name, however deep it lies."""
_COMMENT: Final = 14
"""Cells that a comment must have, else it is left out."""


@dataclass(frozen=True)
class Row:
    """A line of the pseudo-code, and where it is in the tree.

    Attributes:
        line: what it says.
        index: its number among all lines.
        key: tells it from the others, also when the run has gone on and its numbers have grown.
        parent: whether lines below it belong to it.
    """

    line: FoldedLine
    index: int
    key: int
    parent: bool


def tree_rows(lines: Sequence[FoldedLine]) -> tuple[Row, ...]:
    """All lines with their places in the tree."""
    rows = []
    around: list[int] = []
    twins: Counter[int] = Counter()
    for index, line in enumerate(lines):
        del around[line.depth :]
        name = (tuple(around), line.kind, _NUMBER.sub("", line.text), line.owner_kind, line.owners[:1])
        twins[hash(name)] += 1
        key = hash((name, twins[hash(name)]))
        following = lines[index + 1] if index + 1 < len(lines) else None
        rows.append(Row(line, index, key, following is not None and following.depth > line.depth))
        around.append(key)
    return tuple(rows)


def shown_rows(rows: Sequence[Row], folded: Collection[int]) -> tuple[Row, ...]:
    """The rows that are not below a folded one.

    Args:
        rows: all of them, in order.
        folded: indices of those whose inside is hidden.
    """
    shown = []
    hidden_below = None
    for row in rows:
        if hidden_below is not None and row.line.depth > hidden_below:
            continue
        hidden_below = row.line.depth if row.index in folded else None
        shown.append(row)
    return tuple(shown)


def explained_header(width: int) -> Line:
    """The line above the rows: what the columns are."""
    right = f"{'calls':>{_COUNT}}{'mean':>{_MEAN}}{'share':>{_SHARE}}"
    return ((fit(f"{OVERRIDDEN} a function of their own", max(0, width - _NUMBERS)), "faint"), (right, "head"))


def explained_line(row: Row, width: int, folded: bool) -> Line:
    """One row: place, what runs, whose, its comment; how often, mean time, share of the run's time.

    Args:
        row: the row.
        width: cells to fill.
        folded: whether its inside is hidden.
    """
    line = row.line
    numbers = "" if line.count is None else _numbers(line)
    indent = min((2 if width >= _ROOMY else 1) * line.depth, max(0, width - len(numbers) - _LEAST_NAME))
    lead = " " * indent + (("▸ " if folded else "▾ ") if row.parent else "  ")
    room = width - cell_len(lead) - len(numbers)
    return ((lead, "faint"), *_padded(_what(line, room), room), (numbers, ""))


def _numbers(line: FoldedLine) -> str:
    mean = "" if line.mean_ns is None else duration_text(line.mean_ns)
    share = "" if line.share is None else percent_text(line.share)
    return f"{count_text(line.count or 0):>{_COUNT}}{mean:>{_MEAN}}{share:>{_SHARE}}"


def _what(line: FoldedLine, room: int) -> list[Cell]:
    if line.kind == "call":
        cells = _call(line, room)
    else:
        text = plain_text(line.text)
        cells = [(fit(text, min(room, cell_len(text))), "condition" if line.kind == "condition" else "loop-node")]
    left = room - sum(cell_len(text) for text, _ in cells)
    if line.comment and left >= _COMMENT:
        text = plain_text(f"  # {line.comment}", 400)
        cells.append((fit(text, min(left, cell_len(text))), "comment"))
    return cells


def _call(line: FoldedLine, room: int) -> list[Cell]:
    """A hook as everywhere on the screen, and behind it who is called: those with a function of their own first."""
    hook = plain_text(line.text)
    own = any(owner.endswith(OVERRIDDEN) for owner in line.owners)
    name = fit_name(hook, max(0, min(cell_len(hook), room - 3)))
    cells: list[Cell] = [(f"{owner_look(line.owner_kind).letter} ", line.owner_kind)]
    cells += [(name, "" if own or not line.owners else "head"), (OVERRIDDEN if own else "", "own")]
    left = room - 2 - cell_len(name) - own
    for count, owner in enumerate(sorted(line.owners, key=lambda owner: not owner.endswith(OVERRIDDEN))):
        text, rest = f"{', ' if count else '  '}{plain_text(owner, 80)}", len(line.owners) - count - 1
        if cell_len(text) + (5 if rest else 0) > left:
            more = f"{' ' if count else '  '}+{rest + 1}"
            return [*cells, (more if count else fit(text, left), "faint")] if len(more) <= left else cells
        cells.append((text, "faint"))
        left -= cell_len(text)
    return cells


def _padded(cells: Sequence[Cell], room: int) -> list[Cell]:
    used = sum(cell_len(text) for text, _ in cells)
    return [*cells, (" " * max(0, room - used), "")]


def about_lines(line: FoldedLine, why: str | None, width: int) -> tuple[Line, ...]:
    """What there is to say about a line of the pseudo-code.

    Args:
        line: the line.
        why: a sentence on why it is where it is; None if there is none.
        width: cells to fill.
    """
    said: list[Line] = []
    if why is not None:
        said += _wrapped(plain_text(why, 1000), width, "")
    if line.comment:
        said += _wrapped(plain_text(f"# {line.comment}", 400), width, "comment")
    if len(line.owners) > 1:
        names = ", ".join(plain_text(owner, 80) for owner in line.owners)
        said += _wrapped(f"in this order: {names}", width, "head")
    elif line.owners:
        said += _wrapped(f"on {plain_text(line.owners[0], 80)}", width, "head")
    if line.count is not None:
        said += _wrapped(_figures(line), width, "head")
    return tuple(said)


def _figures(line: FoldedLine) -> str:
    count = line.count or 0
    turns = "call" if line.kind == "call" else "turn"
    parts = [f"{count:,} {turns}{'' if count == 1 else 's'}"]
    if line.mean_ns is not None:
        parts.append(f"{duration_text(line.mean_ns)} each")
    if line.share is not None:
        parts.append(f"{percent_text(line.share)} of the run")
    return " · ".join(parts)


def _wrapped(text: str, width: int, role: str) -> list[Line]:
    return [((fit(part, width), role),) for part in textwrap.wrap(text, max(10, width), break_on_hyphens=False)]


def finding_rows(findings: Sequence[Finding], width: int) -> tuple[Line, ...]:
    """The findings as lines, a blank one between two."""
    rows: list[Line] = []
    for number, finding in enumerate(findings):
        rows += [((" " * width, ""),)] if number else []
        rows += [((fit(text, width), _finding_role(text)),) for text in finding_lines([finding], width)]
    return tuple(rows)


def _finding_role(text: str) -> str:
    if not text.startswith("    "):
        return "warn"
    return "key" if text.startswith("    >") else "head" if text.startswith(("    -", "      ")) else ""


def findings_text(count: int | None, ended: bool) -> str:
    """How many findings there are, in words."""
    if count is None:
        return "looking for findings…"
    if not count:
        return "nothing stands out" if ended else "nothing stands out so far"
    return f"{count} finding{'' if count == 1 else 's'}"


def moment_text(now_ns: int, spans: int, whole: bool) -> str:
    """What was folded, in words."""
    return f"{'the whole run' if whole else f'up to {clock_text(now_ns)}'} · {count_text(spans)} calls"
