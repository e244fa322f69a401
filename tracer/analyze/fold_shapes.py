"""Which parts of a run are alike: a number for everything below each token, so that only what differs is looked at.

The numbers come from the deepest tokens up, one array operation a depth, so ten million spans cost seconds. Two tokens
have one number if what is below them is the same, call for call and turn for turn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracer.analyze.fold_tokens import Tokens, by_depth
from tracer.run.events import Int64Array

UInt64Array = npt.NDArray[np.uint64]

GROUP = -100
"""Code of an item that is no token: a stretch of calls that repeats."""
_LONGEST_PERIOD = 64
_LONGEST_SEARCHED = 4000
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Item:
    """What stands at one place among the calls below a token: a call or turn, as often as it comes in a row.

    Attributes:
        key: Equal keys can stand in the same place: the code, for a repeated stretch the codes of its items.
        offsets: Where each of them begins, counted in tokens from the token that they are below.
        shapes: The number of each one's shape.
    """

    key: tuple[int, ...]
    offsets: Int64Array
    shapes: Int64Array

    @property
    def code(self) -> int:
        """The code of its token; `GROUP` for a stretch."""
        return self.key[0] if len(self.key) == 1 else GROUP


Shape = tuple[Item, ...]


class Shapes:
    """The different shapes of a sequence of tokens, made as they are asked for."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._order, self._bounds = by_depth(tokens.depth)
        self._hash = _mixed(tokens.code.astype(np.uint64))
        self._sum_up()
        self._numbers: dict[int | tuple[object, ...], int] = {}
        self._firsts: list[tuple[int, int]] = []
        self._shapes: list[Shape | None] = []

    def root(self) -> int:
        """The shape of the whole sequence: the number of one that stands for all tokens at the top."""
        top = self._order[: self._bounds[1]] if len(self._bounds) > 1 else self._order
        items = self._items(-1, top.astype(np.int64))
        self._firsts.append((-1, -1))
        self._shapes.append(items)
        return len(self._shapes) - 1

    def __getitem__(self, number: int) -> Shape:
        """The items below a token of that shape."""
        shape = self._shapes[number]
        if shape is None:
            position, depth = self._firsts[number]
            shape = self._shapes[number] = self._items(position, self._children(position, depth))
        return shape

    def _sum_up(self) -> None:
        """From the deepest tokens up: takes the numbers of the tokens below into each token's own."""
        bounds = self._bounds.tolist()
        for first, last in zip(bounds[-2:0:-1], bounds[:1:-1], strict=True):
            inner = self._order[first:last]
            begins = np.flatnonzero(self._tokens.depth[inner - 1] < self._tokens.depth[inner[0]])
            counts = np.diff(np.append(begins, len(inner)))
            nth = np.arange(1, len(inner) + 1, dtype=np.uint64) - np.repeat(begins, counts).astype(np.uint64)
            numbers = np.add.reduceat(_mixed(self._hash[inner] + nth * _STEP), begins)
            around = inner[begins] - 1
            self._hash[around] = _mixed(self._hash[around] + numbers)

    def _children(self, position: int, depth: int) -> Int64Array:
        """Places of the tokens directly below the one at `position`."""
        if depth + 2 >= len(self._bounds):
            return np.empty(0, np.int64)
        same = self._order[self._bounds[depth] : self._bounds[depth + 1]]
        below = self._order[self._bounds[depth + 1] : self._bounds[depth + 2]]
        next_one = int(np.searchsorted(same, position + 1))
        end = len(self._tokens) if next_one == len(same) else int(same[next_one])
        return np.asarray(below[np.searchsorted(below, position) : np.searchsorted(below, end)], np.int64)

    def _items(self, position: int, children: Int64Array) -> Shape:
        if not len(children):
            return ()
        codes = self._tokens.code[children]
        shapes = self._intern(children)
        begins = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
        parts = zip(np.split(children - position, begins[1:]), np.split(shapes, begins[1:]), strict=True)
        runs = [
            Item((code,), offsets, numbers)
            for code, (offsets, numbers) in zip(codes[begins].tolist(), parts, strict=True)
        ]
        return tuple(self._grouped(runs))

    def _intern(self, children: Int64Array) -> Int64Array:
        hashes, first, inverse = np.unique(self._hash[children], return_index=True, return_inverse=True)
        numbers = np.empty(len(hashes), np.int64)
        for index in np.argsort(first).tolist():  # numbered in order of appearance
            position = int(children[first[index]])
            numbers[index] = self._number(int(hashes[index]), position)
        return np.asarray(numbers[inverse], np.int64)

    def _number(self, key: int, position: int) -> int:
        number = self._numbers.setdefault(key, len(self._shapes))
        if number == len(self._shapes):
            self._shapes.append(None)
            self._firsts.append((position, int(self._tokens.depth[position])))
        return number

    def _grouped(self, runs: list[Item]) -> Iterator[Item]:
        """The items with stretches of two or more that repeat taken together."""
        codes = [run.code for run in runs]
        start = 0
        for first, period, times in repeats(codes):
            yield from runs[start:first]
            turns = [runs[at : at + period] for at in range(first, first + period * times, period)]
            yield Item(
                tuple(codes[first : first + period]),
                np.array([turn[0].offsets[0] for turn in turns], np.int64),
                np.array([self._stretch(turn) for turn in turns], np.int64),
            )
            start = first + period * times
        yield from runs[start:]

    def _stretch(self, runs: Sequence[Item]) -> int:
        """The number of the shape that these items make by themselves."""
        begin = int(runs[0].offsets[0])
        moved = tuple(Item(run.key, run.offsets - begin, run.shapes) for run in runs)
        key = tuple((run.key, run.offsets.tobytes(), run.shapes.tobytes()) for run in moved)
        number = self._numbers.setdefault(key, len(self._shapes))
        if number == len(self._shapes):
            self._shapes.append(moved)
            self._firsts.append((-1, -1))
        return number


def repeats(codes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Stretches that repeat right behind themselves: where they begin, how many items they have, how often they come.

    From left to right, the stretch that covers most; a stretch of one is none, and turns of loops are in none: a loop
    says by itself what repeats.
    """
    at = 0
    if len(codes) > _LONGEST_SEARCHED:
        return
    while at < len(codes):
        period, times = _longest_repeat(codes, at)
        if times > 1:
            yield at, period, times
            at += period * times
        else:
            at += 1


def _longest_repeat(codes: Sequence[int], at: int) -> tuple[int, int]:
    best = (1, 1)
    for period in range(2, min(_LONGEST_PERIOD, (len(codes) - at) // 2) + 1):
        same = 0
        while at + period + same < len(codes) and codes[at + same] == codes[at + period + same]:
            same += 1
        times = 1 + same // period
        within = codes[at : at + period]
        if times > 1 and period * times > best[0] * best[1] and min(within) >= 0:
            best = (period, times)
    return best


def _mixed(values: UInt64Array) -> UInt64Array:
    """Each number scattered over all 64 bits (the finaliser of splitmix64)."""
    values = values + _STEP
    values ^= values >> np.uint64(30)
    values *= _MULTIPLIERS[0]
    values ^= values >> np.uint64(27)
    values *= _MULTIPLIERS[1]
    values ^= values >> np.uint64(31)
    return values
