"""The blocks of a document that are made and not written, and when two outputs say the same.

A document is Markdown that reads well as it is. What stands behind the language of a fence is not displayed; here it
says what the block holds:

- `python docs/examples/NAME.py`: the text of that file,
- `console`: commands, each behind `$ `, and below each what it prints. `exit=N`: the last one ends with that code.
  `varies`: its output differs from run to run in more than times. `picture=FILE`, `keys=A,B`: the command opens the
  screen; a picture of it is made, after these keys.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PROMPT: Final = "$ "
_FENCE: Final = "```"
_MASKS: Final = (
    (re.compile(r"\d{8}-\d{6}"), "DATE"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d"), "DATE"),
    (re.compile(r"~\d[\d,]*"), "SIZE"),  # spans estimated from bytes
    (re.compile(r"\d+:\d\d(:\d\d)?"), "TIME"),
    (re.compile(r"\d[\d,.]* ?(ns|µs|ms|s|%|x|it/s|ns\b)(?!\w)"), "TIME"),
    (re.compile(r"━+[╸╺]?"), "━"),
    (re.compile(r"\s+"), " "),  # a column is as wide as its widest time, and a path is as long as the directory's
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    line: int
    """Index of its first fence among the document's lines."""
    kind: str
    options: tuple[str, ...]
    body: tuple[str, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands of a console block."""
        return tuple(line.removeprefix(PROMPT) for line in self.body if line.startswith(PROMPT))

    @property
    def included(self) -> str | None:
        """The file that it holds, from the checkout's root; None if it holds none."""
        return self.options[0] if self.kind == "python" and self.options else None

    def option(self, name: str) -> str | None:
        """The text behind `name=`, empty for a bare `name`; None if there is no such option."""
        for option in self.options:
            key, _, value = option.partition("=")
            if key == name:
                return value
        return None


def blocks(lines: Sequence[str]) -> list[Block]:
    """All fenced blocks of a document.

    Raises:
        ValueError: a fence is not closed.
    """
    found: list[Block] = []
    start: int | None = None
    for index, line in enumerate(lines):
        if not line.startswith(_FENCE):
            continue
        if start is None:
            start = index
            continue
        kind, *options = lines[start].removeprefix(_FENCE).split() or [""]
        found.append(Block(start, kind, tuple(options), tuple(lines[start + 1 : index])))
        start = None
    if start is not None:
        raise ValueError(f"the block that begins in line {start + 1} has no end")
    return found


def replaced(lines: Sequence[str], bodies: Sequence[tuple[Block, Sequence[str]]]) -> list[str]:
    """The document with other bodies in some of its blocks, which are in the order in which they stand in it."""
    result: list[str] = []
    done = 0
    for block, body in bodies:
        result += [*lines[done : block.line + 1], *body]
        done = block.line + 1 + len(block.body)
    return [*result, *lines[done:]]


def masked(text: str) -> str:
    """The text without what differs from run to run: times, shares, dates, and the width of columns."""
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text.strip()


def says_the_same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two bodies of a block differ in nothing but times, shares and dates, and where lines are broken."""
    return masked("\n".join(one)) == masked("\n".join(other))
