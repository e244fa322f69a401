"""The fold: a whole run as the loop that it ran, each place in it once, without losing anything.

A `Part` is a place: a call, a loop, or a stretch of calls that repeats. What is below it is written once, as one body
that all its turns have in common, and each part of that body knows in which turns it comes, and how often. So the
sequence that was folded can be had back: `expand(fold(t))` is exactly the structure of `t`, whatever `t` is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tracer.analyze.fold_align import merged
from tracer.analyze.fold_paths import BoolArray
from tracer.analyze.fold_shapes import GROUP, Shape, Shapes
from tracer.analyze.fold_tokens import Int32Array, Tokens, loop_kind
from tracer.run.events import Int64Array


@dataclass(frozen=True, eq=False)
class Part:
    """A place in the folded loop.

    A *turn* of a part is one time that it ran: one call, one turn of the loop, one repetition of the stretch.

    Attributes:
        code: A span's action number; that of a turn of a loop (see `loop_kind`); `GROUP` for a repeated stretch.
        present: By turn of the part around it, whether this part is in there; None if it always is.
        times: By turn around it that it is in, how often in a row; None if always once.
        starts: By turn, which token it began with (places in the sequence that was folded, in order).
        body: What is below.
    """

    code: int
    present: BoolArray | None
    times: Int64Array | None
    starts: Int32Array
    body: tuple["Part", ...]

    @property
    def turns(self) -> int:
        """How often it ran."""
        return len(self.starts)

    @property
    def loop(self) -> str | None:
        """The kind of loop that it is; None for calls and stretches."""
        return loop_kind(self.code)

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, each before those below it."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.body))


@dataclass
class _Draft:
    """A part whose body is not there yet.

    Attributes:
        shapes: The different shapes of its turns.
        which: By turn, its shape as an index into `shapes`.
        around: Index of the draft that it is in the body of.
    """

    code: int
    present: BoolArray | None
    times: Int64Array | None
    starts: Int32Array
    shapes: list[int]
    which: Int32Array
    around: int


def fold(tokens: Tokens) -> Part:
    """Folds a structure; the part that is returned stands for the whole: a stretch that ran once."""
    shapes = Shapes(tokens)
    once = np.zeros(1, np.int32)
    drafts = [_Draft(GROUP, None, None, once - 1, [shapes.root()], once, -1)]
    for number, draft in enumerate(drafts):  # grows while it is walked: bodies come after what they are below
        drafts.extend(_body(number, draft, [shapes[shape] for shape in draft.shapes]))
    bodies: list[list[Part]] = [[] for _ in drafts]
    for number in range(len(drafts) - 1, -1, -1):
        draft = drafts[number]
        part = Part(draft.code, draft.present, draft.times, draft.starts, tuple(reversed(bodies[number])))
        if draft.around < 0:
            return part
        bodies[draft.around].append(part)
    raise AssertionError("the first draft is around all others")


def _body(number: int, draft: _Draft, shapes: list[Shape]) -> Iterator[_Draft]:
    """The parts below a part, given the items below each of its different shapes."""
    keys, places = merged([[item.key for item in shape] for shape in shapes])
    at = [dict(zip(found, shape, strict=True)) for found, shape in zip(places, shapes, strict=True)]
    for place, key in enumerate(keys):
        items = [found.get(place) for found in at]
        has = np.array([item is not None for item in items])
        present = None if has.all() else has[draft.which]
        inside = slice(None) if present is None else present
        which, starts = draft.which[inside], draft.starts[inside]
        counts = np.array([0 if item is None else len(item.offsets) for item in items])
        offsets = np.concatenate([item.offsets for item in items if item is not None])
        different, shape = np.unique(
            np.concatenate([item.shapes for item in items if item is not None]), return_inverse=True
        )
        first = np.cumsum(counts) - counts
        times = None
        if (counts[has] > 1).any():
            times = counts[which]
            nth = np.arange(int(times.sum())) - np.repeat(np.cumsum(times) - times, times)
            entry = np.repeat(first[which], times) + nth
            starts = np.repeat(starts, times)
        else:
            entry = first[which]
        begins = (starts + offsets[entry]).astype(np.int32)
        code = key[0] if len(key) == 1 else GROUP
        yield _Draft(code, present, times, begins, different.tolist(), shape[entry].astype(np.int32), number)


def expand(whole: Part) -> tuple[Int32Array, Int32Array]:
    """The codes and depths of the tokens that were folded, from what the parts say of their turns."""
    order, depths, below = _in_order(whole)
    sizes: list[Int64Array] = [np.empty(0, np.int64)] * len(order)
    for number in range(len(order) - 1, -1, -1):
        part = order[number]
        sizes[number] = np.full(part.turns, 0 if part.code == GROUP else 1, np.int64)
        for inner in below[number]:
            inside = slice(None) if order[inner].present is None else order[inner].present
            sizes[number][inside] += _summed(sizes[inner], order[inner].times)
    code, depth = (np.empty(int(sizes[0].sum()), np.int32) for _ in range(2))
    begins: list[Int64Array] = [np.zeros(1, np.int64)] * len(order)
    for number, part in enumerate(order):
        at = begins[number].copy()
        if part.code != GROUP:
            code[at], depth[at] = part.code, depths[number]
            at += 1
        for inner in below[number]:
            inside = slice(None) if order[inner].present is None else order[inner].present
            begins[inner] = _turn_begins(at[inside], sizes[inner], order[inner].times)
            at[inside] += _summed(sizes[inner], order[inner].times)
    return code, depth


def _in_order(whole: Part) -> tuple[list[Part], list[int], list[list[int]]]:
    """All parts, each before those below it; the depth of each; the numbers of those below each."""
    order, depths, below = [whole], [0], []
    for number, part in enumerate(order):
        inside = depths[number] + (part.code != GROUP)
        below.append(list(range(len(order), len(order) + len(part.body))))
        order.extend(part.body)
        depths.extend([inside] * len(part.body))
    return order, depths, below


def _summed(sizes: Int64Array, times: Int64Array | None) -> Int64Array:
    """The sizes of turns in a row together."""
    if times is None:
        return sizes
    return np.asarray(np.add.reduceat(sizes, np.cumsum(times) - times), np.int64)


def _turn_begins(at: Int64Array, sizes: Int64Array, times: Int64Array | None) -> Int64Array:
    """Where each turn begins, given where the first of each row of turns does."""
    if times is None:
        return at.copy()
    before = np.cumsum(sizes) - sizes
    first = np.cumsum(times) - times
    return np.asarray(np.repeat(at - before[first], times) + before, np.int64)
