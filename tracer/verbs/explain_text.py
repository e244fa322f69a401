"""The explained loop as text of at most 100 columns: plain, or with colours for a terminal."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tracer.analyze.docs_check import Difference
from tracer.analyze.findings_text import finding_lines
from tracer.analyze.fold_lines import FoldedLine
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
        shown, below = _commented(line, WIDTH - numbers - 1 if line.count is not None else WIDTH)
        yield _line(shown, numbers)
        indent = "  " * min(line.depth + 1, _DEEPEST + 1)
        for text, look in ((below, _WARN if is_unfinished(line) else _DIM), (why, _DIM)):
            if text:
                yield from ([(part, look)] for part in _wrapped(text, f"{indent}# ", f"{indent}# "))
        for number in marks:
            said = (explanation.differences or ())[number - 1].claim.mark
            yield [(f"{indent}! docs: {said} [{number}]", _WARN)]


def _commented(line: FoldedLine, width: int) -> tuple[FoldedLine, str | None]:
    """The line, and its comment by itself if there is no room for it beside what it is about."""
    owners = f": {', '.join(line.owners)}" if line.owners else ""
    if line.kind == "condition" or len(f"{_indented(line)}{owners}  # {line.comment or ''}") <= width:
        return line, None
    return replace(line, comment=None), line.comment


def _indented(line: FoldedLine) -> str:
    return "  " * min(line.depth, _DEEPEST) + line.text


def _line(line: FoldedLine, numbers: int) -> list[_Piece]:
    width = WIDTH - numbers - 1 if line.count is not None else WIDTH
    comment = f"  # {line.comment}" if line.comment else ""
    owners = owners_text(line.owners, width - len(_indented(line)) - len(comment) - 2)
    head = plain_text(_indented(line), width)
    rest = plain_text(f"{f': {owners}' if owners else ''}{comment}", max(0, width - len(head)))
    pieces = [(head, "" if line.kind == "call" else _BOLD), (rest, _WARN if is_unfinished(line) else "")]
    if line.count is None:
        return pieces
    share = "" if line.share is None else f"{line.share * 100:.1f} %"
    mean = "" if line.mean_ns is None else duration(line.mean_ns)
    times = f"{mean:>9}{share:>9}" if numbers > _COUNT else ""
    gap = " " * (width + 1 - len(head) - len(rest))
    return [*pieces, (f"{gap}{line.count:>{_COUNT},}{times}", _DIM)]


def owners_text(owners: Sequence[str], room: int) -> str:
    """Owners in order, as many as there is room for; how many more there are, if there are."""
    for shown in range(len(owners), 0, -1):
        more = len(owners) - shown
        text = ", ".join(owners[:shown]) + (f", +{more}" if more else "")
        if len(text) <= room or (shown == 1 and room >= _COUNT):
            return plain_text(text, max(room, 1))
    return ""


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
        break_long_words=False,
    )


def _painted(pieces: Sequence[_Piece], styled: bool) -> str:
    if not styled:
        return "".join(text for text, _ in pieces).rstrip()
    return "".join(f"{style}{text}{_OFF}" if style and text else text for text, style in pieces)
