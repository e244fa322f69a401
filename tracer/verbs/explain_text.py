"""The explained loop as text of at most 100 columns: plain, or with colours for a terminal."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tracer.analyze.docs_check import Difference
from tracer.analyze.findings_text import finding_lines
from tracer.analyze.fold_lines import FoldedLine
from tracer.analyze.fold_owners import fitted
from tracer.run.text import plain_text
from tracer.verbs.explained import Explanation, is_unfinished
from tracer.verbs.text import duration

WIDTH = 100
_COUNT, _TIMES = 8, 18
_DEEPEST = 20
"""Levels that are indented; below they would leave no room."""
_BOLD, _DIM, _WARN, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"

_Piece = tuple[str, str]
"""A text and how it looks."""


def render(explanation: Explanation) -> str:
    """All of it as plain text."""
    return "".join(f"{line}\n" for line in text_lines(explanation))


def text_lines(explanation: Explanation, styled: bool = False) -> list[str]:
    """All of it as lines, with the escape sequences of a terminal if it is to be `styled`."""
    pieces = [*loop_pieces(explanation), *_differences(explanation.differences), *_findings(explanation)]
    return [_painted(line, styled) for line in pieces]


def loop_lines(explanation: Explanation) -> list[str]:
    """The loop alone, as plain lines."""
    return [_painted(line, False) for line in loop_pieces(explanation)]


def loop_pieces(explanation: Explanation) -> "Iterator[list[_Piece]]":
    """The loop line by line, what is said about a line below it."""
    if not explanation.lines:
        yield [(plain_text(explanation.nothing, WIDTH), "")]
        return
    numbers = _COUNT + (_TIMES if explanation.timed else 0)
    times = f"{'mean':>9}{'share':>9}" if explanation.timed else ""
    title = plain_text(f"# {explanation.title}" if explanation.title else "", WIDTH - numbers - 1)
    yield [(f"{title:{WIDTH - numbers}}{'calls':>{_COUNT}}{times}", _DIM)]
    for line, why, marks in zip(explanation.lines, explanation.whys, explanation.marks(), strict=True):
        figures = _figures(line, numbers)
        rows, below = _rows(line, WIDTH - len(figures) - bool(figures))
        yield _line(line, rows[0], figures)
        yield from ([(text, "")] for text in rows[1:])
        indent = "  " * min(line.depth + 1, _DEEPEST + 1)
        for text, look in ((below, _WARN if is_unfinished(line) else _DIM), (why, _DIM)):
            if text:
                yield from ([(part, look)] for part in _wrapped(text, f"{indent}# ", f"{indent}# "))
        for number in marks:
            said = (explanation.differences or ())[number - 1].claim.mark
            yield [(f"{indent}! docs: {said} [{number}]", _WARN)]


def _rows(line: FoldedLine, width: int) -> tuple[list[str], str | None]:
    """The line within so many columns, and its comment by itself if there is no room for it."""
    indent = "  " * min(line.depth, _DEEPEST)
    rows, below = fitted(line, width - len(indent), WIDTH - len(indent)), None
    if line.comment and line.kind != "condition" and (len(rows) > 1 or len(rows[0]) > width - len(indent)):
        bare = replace(line, comment=None)
        rows, below = fitted(bare, width - len(indent), WIDTH - len(indent)), line.comment
    return [plain_text(indent + row, WIDTH if number else width) for number, row in enumerate(rows)], below


def _figures(line: FoldedLine, width: int) -> str:
    """Count and times, in as many columns as all have or more; empty where there are none."""
    if line.count is None:
        return ""
    share = "" if line.share is None else f"{line.share * 100:.1f} %"
    mean = "" if line.mean_ns is None else duration(line.mean_ns)
    return f"{line.count:>{_COUNT},}{f'{mean:>9}{share:>9}' if width > _COUNT else ''}"


def _line(line: FoldedLine, row: str, figures: str) -> list[_Piece]:
    head = len("  " * min(line.depth, _DEEPEST) + line.text)
    return [
        (row[:head], "" if line.kind == "call" else _BOLD),
        (row[head:], _WARN if is_unfinished(line) else ""),
        (f"{figures:>{WIDTH - len(row)}}" if figures else "", _DIM),
    ]


def _differences(differences: "Sequence[Difference] | None") -> Iterator[list[_Piece]]:
    if differences is None:
        return
    yield [("", "")]
    if not differences:
        yield [("nothing here differs from what Lightning's documentation says (as far as that is known)", "")]
        return
    yield [("where Lightning's documentation differs from what was observed:", _BOLD)]
    for number, one in enumerate(differences, 1):
        first = f"{f'[{number}]':>5} "
        yield from ([(text, "")] for text in _wrapped(f"docs: {one.claim.documented}", first, " " * 6))
        yield from ([(text, "")] for text in _wrapped(f"seen: {one.observed}", " " * 6, " " * 6))
        yield from ([(text, _DIM)] for source in one.claim.sources for text in _wrapped(source, " " * 6, " " * 6))


def _findings(explanation: Explanation) -> Iterator[list[_Piece]]:
    for line in finding_lines(explanation.findings, WIDTH):
        if line.startswith("!"):
            yield [("", "")]
        yield [(line, _BOLD if line.startswith("!") else "")]


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        plain_text(text, 2000),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )


def _painted(pieces: Sequence[_Piece], styled: bool) -> str:
    if not styled:
        return "".join(text for text, _ in pieces).rstrip()
    return "".join(f"{style}{text}{_OFF}" if style and text else text for text, style in pieces)
