"""One sequence in which several occur: the common order of what different turns of a loop call."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
_MOST_COMPARED = 4_000_000


def merged(sequences: Sequence[Sequence[Key]]) -> tuple[list[Key], list[list[int]]]:
    """A sequence that holds each of the given ones in its order, and where each one's entries stand in it.

    Longer ones are laid down first; equal ones cost nothing. The result depends on the given order alone.
    """
    different = sorted(dict.fromkeys(map(tuple, sequences)), key=lambda sequence: -len(sequence))
    whole: list[Key] = list(different[0]) if different else []
    for sequence in different[1:]:
        whole = _united(whole, sequence)
    places = {sequence: _places(whole, sequence) for sequence in different}
    return whole, [places[tuple(sequence)] for sequence in sequences]


def _places(whole: Sequence[Key], part: Sequence[Key]) -> list[int]:
    """Where the entries of `part` stand in `whole`: the first place for each that leaves room for the rest."""
    places, at = [], 0
    for key in part:
        while whole[at] != key:
            at += 1
        places.append(at)
        at += 1
    return places


def _united(left: Sequence[Key], right: Sequence[Key]) -> list[Key]:
    """A shortest sequence that holds both."""
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    stop = 0
    while stop < min(len(left), len(right)) - start and left[-1 - stop] == right[-1 - stop]:
        stop += 1
    middle = _interleaved(left[start : len(left) - stop], right[start : len(right) - stop])
    return [*left[:start], *middle, *left[len(left) - stop :]]


def _interleaved(left: Sequence[Key], right: Sequence[Key]) -> list[Key]:
    if len(left) * len(right) > _MOST_COMPARED or not left or not right:
        return [*left, *right]
    common = _common_lengths(left, right)
    both: list[Key] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            both.append(left[i])
            i, j = i + 1, j + 1
        elif common[i + 1][j] >= common[i][j + 1]:
            both.append(left[i])
            i += 1
        else:
            both.append(right[j])
            j += 1
    return [*both, *left[i:], *right[j:]]


def _common_lengths(left: Sequence[Key], right: Sequence[Key]) -> list[list[int]]:
    """Entry [i][j]: how long a common subsequence of `left[i:]` and `right[j:]` can be."""
    rows = [[0] * (len(right) + 1)]
    for key in reversed(left):
        below, row = rows[-1], [0]
        for j in range(len(right) - 1, -1, -1):
            row.append(below[j + 1] + 1 if key == right[j] else max(below[j], row[-1]))
        rows.append(row[::-1])
    return rows[::-1]
