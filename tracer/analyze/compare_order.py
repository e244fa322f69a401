"""What changed in the order of calls: the folded loops of two runs, laid side by side, line by line.

Compared is what runs in what, in which order, and under which condition; not how often and how long. The length of a
loop is no matter of order, and neither is how deep a line stands: a call that comes under a condition has gained a
condition and is otherwise where it was. A line of several owners is compared owner by owner.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal

from tracer.analyze.compare_owners import Owners
from tracer.analyze.fold_lines import FoldedLine

Mark = Literal[" ", "-", "+", "~"]

_LENGTH: Final = re.compile(r"range\([^)]*\)|(?<=^repeat) \S+( to \S+)?( times)?(?=:)")


@dataclass(frozen=True)
class OwnerMark:
    """An owner on a line: whether both runs call it there (" "), only a ("-"), or only b ("+")."""

    mark: Mark
    name: str


@dataclass(frozen=True)
class OrderLine:
    """A line of the two loops. Texts come from the recordings: untrusted.

    Attributes:
        mark: " " for a line of both, "-" for one of a alone, "+" of b alone, "~" where both have it for other owners.
        depth: How far it is indented: as in b, for a line of a alone as in a.
        kind: As in `FoldedLine`: "call", "loop" or "condition".
        text: The hook, or the head of the loop or condition.
        owners: Who is called, in order.
        owner_kind: Of the first owner; empty for others.
        comment: What explains it.
        a, b: The line of each run, an index into its lines; None where it has none.
    """

    mark: Mark
    depth: int
    kind: str
    text: str
    owners: tuple[OwnerMark, ...]
    owner_kind: str
    comment: str | None
    a: int | None
    b: int | None


@dataclass(frozen=True)
class _Token:
    """One owner of a line, or a line without owners.

    Attributes:
        head: What the line says, after the calls and loops that it is in. With the owner, the same in the other run.
        owner: Its name; empty without one.
        line: Index of the line.
        depth: Of the line.
    """

    head: tuple[str, ...]
    owner: str
    line: int
    depth: int

    @property
    def key(self) -> tuple[str, ...]:
        return (*self.head, self.owner)


@dataclass(frozen=True)
class _Pair:
    a: _Token | None
    b: _Token | None


def order_lines(a: Sequence[FoldedLine], b: Sequence[FoldedLine], owners: Owners) -> tuple[OrderLine, ...]:
    """All lines of both loops in one order, those that differ marked."""
    groups: list[list[_Pair]] = []
    for pair in _aligned(_tokens(a, owners), _tokens(b, owners)):
        if groups and _on_one_line(groups[-1], pair):
            groups[-1].append(pair)
        else:
            groups.append([pair])
    return tuple(_line(group, a, b) for group in groups)


def changed_lines(lines: Sequence[OrderLine]) -> tuple[OrderLine, ...]:
    """Those that differ."""
    return tuple(line for line in lines if line.mark != " ")


def hunks(lines: Sequence[OrderLine]) -> tuple[OrderLine, ...]:
    """Those that differ, with the lines that they stand in, and below a condition the lines that it is about."""
    wanted: set[int] = set()
    around: list[int] = []
    under: int | None = None
    for index, line in enumerate(lines):
        while around and lines[around[-1]].depth >= line.depth:
            around.pop()
        if under is not None and line.depth <= under:
            under = None
        if line.mark != " ":
            wanted.update((*around, index))
            if line.kind == "condition" and under is None:
                under = line.depth
        elif under is not None and line.depth == under + 1:
            wanted.add(index)
        around.append(index)
    return tuple(lines[index] for index in sorted(wanted))


def _tokens(lines: Sequence[FoldedLine], owners: Owners) -> list[_Token]:
    """A loop as a sequence to be compared. The path of a token leaves conditions out."""
    tokens: list[_Token] = []
    around: list[tuple[int, str]] = []
    for index, line in enumerate(lines):
        while around and around[-1][0] >= line.depth:
            around.pop()
        path = tuple(text for _, text in around)
        text = _LENGTH.sub("", line.text)
        if line.kind == "condition":
            tokens.append(_Token((*path, f"condition {text}"), "", index, line.depth))
            continue
        names = [owners.name(name.removesuffix("*")) for name in line.owners] or [""]
        tokens.extend(_Token((*path, f"{line.kind} {text}"), name, index, line.depth) for name in names)
        around.append((line.depth, f"{line.kind} {text}"))
    return tokens


def _aligned(a: list[_Token], b: list[_Token]) -> list[_Pair]:
    """The two sequences side by side; with a and b exchanged, the same tokens belong together."""
    left, right = [token.key for token in a], [token.key for token in b]
    swapped = (len(left), left) > (len(right), right)
    matcher = SequenceMatcher(None, right if swapped else left, left if swapped else right, autojunk=False)
    pairs: list[_Pair] = []
    for tag, *bounds in matcher.get_opcodes():
        one, other = slice(*bounds[:2]), slice(*bounds[2:])
        ours, theirs = (a[other], b[one]) if swapped else (a[one], b[other])
        if tag == "equal":
            pairs.extend(_Pair(*both) for both in zip(ours, theirs, strict=True))
        else:
            only_a, only_b = [_Pair(token, None) for token in ours], [_Pair(None, token) for token in theirs]
            # What goes on inside of the loop or call before stands right below it, before what follows that.
            deeper = bool(ours and theirs) and theirs[0].depth > ours[0].depth
            pairs.extend([*only_b, *only_a] if deeper else [*only_a, *only_b])
    return pairs


def _on_one_line(group: list[_Pair], pair: _Pair) -> bool:
    """Whether the next owner belongs on the line of those before: it is no other line of its run."""
    if _head(group[-1]) != _head(pair):
        return False
    lines_a = {one.a.line for one in (*group, pair) if one.a}
    lines_b = {one.b.line for one in (*group, pair) if one.b}
    return len(lines_a) <= 1 and len(lines_b) <= 1


def _head(pair: _Pair) -> tuple[str, ...]:
    token = pair.a or pair.b
    return token.head if token else ()


def _line(group: list[_Pair], a: Sequence[FoldedLine], b: Sequence[FoldedLine]) -> OrderLine:
    in_a = next((pair.a.line for pair in group if pair.a), None)
    in_b = next((pair.b.line for pair in group if pair.b), None)
    shown = b[in_b] if in_b is not None else a[in_a or 0]
    marks = {_mark(pair) for pair in group}
    owners = tuple(OwnerMark(_mark(pair), token.owner) for pair in group if (token := pair.b or pair.a) and token.owner)
    return OrderLine(
        mark=marks.pop() if len(marks) == 1 else "~",
        depth=shown.depth,
        kind=shown.kind,
        text=shown.text,
        owners=owners,
        owner_kind=shown.owner_kind,
        comment=shown.comment,
        a=in_a,
        b=in_b,
    )


def _mark(pair: _Pair) -> Mark:
    return "+" if pair.a is None else "-" if pair.b is None else " "
