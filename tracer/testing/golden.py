"""Golden files: the order of a whole recording as a short text that a test compares with the one before.

What repeats is written once with its number of times, and the owners that are called for one hook in a row share a
line. The text holds no times and no versions, so it changes when the order does.
"""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracer.testing.calls import Call, CallTrace

UPDATE_VARIABLE: Final = "HOOKTRACE_UPDATE_GOLDEN"
_LONGEST_TURN = 100
"""Repeats of more steps than this are written out."""


@dataclass(frozen=True)
class _Line:
    """A hook with the owners that were called for it, and what was called inside."""

    text: str
    inside: "tuple[_Line | _Repeat, ...]" = ()


@dataclass(frozen=True)
class _Repeat:
    times: int
    inside: "tuple[_Line | _Repeat, ...]"


def outline(trace: CallTrace) -> str:
    """The order of the calls as text: nested by indentation, repeats folded. The same calls give the same text."""
    return "".join(f"{line}\n" for line in _lines(_folded(_tops(trace)), 0))


def assert_golden(trace: CallTrace, path: str | os.PathLike[str], update: bool | None = None) -> None:
    """Asserts that the outline of a recording is what the golden file holds.

    Args:
        trace: The recording.
        path: The golden file.
        update: Whether to write the file instead; else HOOKTRACE_UPDATE_GOLDEN=1 in the environment decides.

    Raises:
        AssertionError: it is not, or there is no such file; the message shows the difference.
    """
    __tracebackhide__ = True
    file, text = Path(path), outline(trace)
    if update is None:
        update = os.environ.get(UPDATE_VARIABLE, "") not in ("", "0")
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        return
    how = f"write it with {UPDATE_VARIABLE}=1 or pytest --hooktrace-update"
    if not file.exists():
        raise AssertionError(f"there is no golden file {file}; {how}")
    expected = file.read_text(encoding="utf-8")
    if expected != text:
        names = (str(file), "this run")
        difference = difflib.unified_diff(expected.splitlines(), text.splitlines(), *names, lineterm="", n=4)
        raise AssertionError("\n".join([f"the hook order changed; if that is right, {how}", "", *difference]))


def _tops(trace: CallTrace) -> "list[_Line]":
    """The outermost calls, each with what lies inside. A call whose parent was left out counts for its grandparent."""
    inside: dict[int | None, list[Call]] = {}
    shown = {call.index for call in trace}
    for call in trace:
        parent = next((outer.index for outer in trace.enclosing(call) if outer.index in shown), None)
        inside.setdefault(parent, []).append(call)

    def lines(calls: Sequence[Call]) -> list[_Line]:
        found: list[_Line] = []
        owners: list[Call] = []  # called in a row for one hook, nothing inside
        for call in [*calls, None]:
            if owners and (call is None or call.hook != owners[0].hook or call.index in inside or _again(call, owners)):
                found.append(_Line(f"{owners[0].hook}{_names(owners)}"))
                owners = []
            if call is not None and call.index in inside:
                found.append(_Line(f"{call.hook}{_names([call])}", _folded(lines(inside[call.index]))))
            elif call is not None:
                owners.append(call)
        return found

    return lines(inside.get(None, []))


def _again(call: Call, owners: Sequence[Call]) -> bool:
    return any((call.kind, call.owner, call.instance) == (one.kind, one.owner, one.instance) for one in owners)


def _names(calls: Sequence[Call]) -> str:
    names = ", ".join(call.owner_label for call in calls if call.owner)
    return f"  [{names}]" if names else ""


def _folded(steps: "Sequence[_Line | _Repeat]") -> "tuple[_Line | _Repeat, ...]":
    """The steps with what repeats at once written once; of several ways the one that leaves the fewest."""
    numbers: dict[_Line | _Repeat, int] = {}
    codes = [numbers.setdefault(step, len(numbers)) for step in steps]
    folded: list[_Line | _Repeat] = []
    place = 0
    while place < len(steps):
        length, times = _best_repeat(codes, place)
        if times > 1:
            folded.append(_Repeat(times, _folded(steps[place : place + length])))
        else:
            folded.append(steps[place])
        place += length * times
    return tuple(folded)


def _best_repeat(codes: Sequence[int], place: int) -> tuple[int, int]:
    """Length and number of the repeats that begin at a place and save the most; (1, 1) if none does."""
    best, saved = (1, 1), 0
    for length in range(1, min(_LONGEST_TURN, (len(codes) - place) // 2) + 1):
        times, turn = 1, codes[place : place + length]
        while codes[place + times * length : place + (times + 1) * length] == turn:
            times += 1
        if length * (times - 1) > saved:
            best, saved = (length, times), length * (times - 1)
    return best


def _lines(steps: "Sequence[_Line | _Repeat]", depth: int) -> list[str]:
    lines: list[str] = []
    for one in steps:
        head = one.text if isinstance(one, _Line) else f"{one.times} times:"
        lines.append("  " * depth + head)
        lines += _lines(one.inside, depth + 1)
    return lines
