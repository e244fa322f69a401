"""Which neighbours stand under one condition: the blocks of a body, as one would write them in a program."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracer.analyze.fold_paths import BoolArray


@dataclass(frozen=True)
class Block:
    """Neighbours of a body, from `start` to before `stop`.

    Attributes:
        present: When they run, by turn; None for one that runs whenever the body does.
        otherwise: Whether they run exactly when the block right before does not.
    """

    start: int
    stop: int
    present: BoolArray | None = None
    otherwise: bool = False


def blocks(masks: Sequence[BoolArray], within: BoolArray) -> Iterator[Block]:
    """The blocks of a body.

    A block takes in what runs only in some of its turns if it is followed by more that runs in all of them.

    Args:
        masks: By part of the body, in which turns it runs: never in others than `within`. What runs in none of them
            (but did in one that is not looked at) is a block by itself.
        within: In which turns the body runs.
    """
    index, before = 0, None
    while index < len(masks):
        present = masks[index]
        stop = index + 1
        if (present == within).all():
            yield Block(index, stop)
            before = None
        else:
            stop = _end(masks, index)
            otherwise = before is not None and bool((present == (within & ~before)).all())
            yield Block(index, stop, present, otherwise)
            before = None if otherwise else present
        index = stop


def _end(masks: Sequence[BoolArray], start: int) -> int:
    """Behind the last neighbour in the same turns, as long as all in between run in some of these and in no others."""
    present, stop = masks[start], start + 1
    for index in range(start + 1, len(masks)):
        if (masks[index] & ~present).any() or not masks[index].any():
            break
        if (masks[index] == present).all():
            stop = index + 1
    return stop
