"""A line of the folded loop within so many columns: who does something at a hook is always named.

A newcomer asks of a hook: whose code runs here, and in which order? Those who bring a function of their own are
therefore always there by name, and so are the module and the strategy, by name or as "module" and "strategy". The other
callbacks inherit an empty one: where there is no room for all of them they become a number, `+4`. What is then still
too long goes on in the next line.
"""

from collections.abc import Iterator, Sequence

from tracer.analyze.fold_lines import FoldedLine

_FURTHER = "    "
"""What continuation lines begin with."""
_BY_KIND = frozenset({"module", "datamodule", "strategy"})
"""Kinds of owners that there is one of."""


def fitted(line: FoldedLine, width: int, width_below: int) -> tuple[str, ...]:
    """A line's text, owners and comment, without the indentation that its depth asks for.

    Args:
        line: The line.
        width: Columns that there are for the first line.
        width_below: Columns that there are for those below. Names that are longer than that are not cut.

    Returns:
        One line of text, or more if it does not fit into one.
    """
    comment = f"  # {line.comment}" if line.comment else ""
    if not line.owners:
        return (line.text + comment,)
    shapes = [_all(line), _without_idle(line, by_name=True), _without_idle(line, by_name=False)]
    for words in shapes:
        text = f"{line.text}: {_joined(words)}{comment}"
        if len(text) <= width:
            return (text,)
    wrapped = [tuple(_wrapped(line.text, words, comment, width, width_below)) for words in shapes[:2]]
    return min(wrapped, key=len)


def _all(line: FoldedLine) -> list[str]:
    return list(line.owners)


def _without_idle(line: FoldedLine, by_name: bool) -> list[str]:
    """Without those that bring nothing of their own; at the end how many these are."""
    words, idle = [], 0
    for number, owner in enumerate(line.owners):
        kind = line.owner_kinds[number] if number < len(line.owner_kinds) else ""
        if owner.endswith("*"):
            words.append(owner)
        elif kind == "callback":
            idle += 1
        else:
            words.append(owner if by_name or kind not in _BY_KIND or len(owner) <= len(kind) else kind)
    if not idle:
        return words
    return [*words, f"+{idle}"] if words else [f"{idle} callbacks"]


def _joined(words: Sequence[str]) -> str:
    """The owners as they stand in a line: `A*, B +4`."""
    return ", ".join(words).replace(", +", " +")


def _wrapped(head: str, words: list[str], comment: str, width: int, width_below: int) -> Iterator[str]:
    row, room = f"{head}:", width
    for number, word in enumerate(words):
        comma = "," if number + 1 < len(words) and not words[number + 1].startswith("+") else ""
        if len(row) + len(f" {word}{comma}") > room and number:
            yield row
            row, room = _FURTHER.removesuffix(" "), width_below
        row += f" {word}{comma}"
    if comment and len(row) + len(comment) > room:
        yield row
        row, comment = _FURTHER, comment.lstrip()
    yield row + comment
