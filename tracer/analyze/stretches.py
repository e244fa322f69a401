"""Stretches of a run that are worth a look on their own: one batch, one epoch, one validation.

The contexts of a trace say where each begins and ends. Finding one looks at the contexts near it, never at spans.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tracer.run.layout import FUNCTIONS, STAGES
from tracer.run.trace import Contexts, Trace, stage_name

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
StretchScope = Literal["batch", "epoch", "validation"]
STRETCH_SCOPES: Final[tuple[StretchScope, ...]] = ("batch", "epoch", "validation")

_KEYS: Final[dict[StretchScope, tuple[str, ...]]] = {
    "batch": ("call", "stage", "epoch", "dataloader", "batch"),
    "epoch": ("call", "epoch"),
    "validation": ("call", "stage", "epoch"),
}
"""Fields of a context that stay the same throughout a stretch."""
_FIT: Final = FUNCTIONS.index("fit")
_TRAIN, _VALIDATE = (STAGES.index(name) for name in ("train", "validate"))
_FIRST_BLOCK: Final = 64
_FAR_BACK: Final = 1 << 18
"""Contexts that are searched for earlier stretches: hundreds of epochs of most trainings, and 5 ms at most."""


@dataclass(frozen=True)
class Stretch:
    """One batch, one epoch of `fit`, or one evaluation (sanity check, validation, test, prediction).

    Attributes:
        scope: Which of these.
        contexts: Its contexts, first and behind the last.
        rows: Its spans in the trace, first and behind the last.
        stage, epoch, batch: Of its first context, as in `Contexts`; -1 where there is none.
    """

    scope: StretchScope
    contexts: tuple[int, int]
    rows: tuple[int, int]
    stage: int
    epoch: int
    batch: int

    @property
    def stage_text(self) -> str:
        """The stage in words; empty where there is none."""
        return (stage_name(self.stage) or "").replace("_", " ")


def last_stretch(trace: Trace, scope: StretchScope, ended: bool) -> Stretch | None:
    """The last stretch that is over; None before there is one.

    Args:
        trace: The spans so far.
        scope: What is wanted.
        ended: Whether nothing more will come: then the stretch at hand is over too.
    """
    contexts = trace.contexts
    stop = len(contexts)
    if stop and not ended and _within(contexts, scope, slice(stop - 1, stop))[0]:
        stop = _bounds(contexts, scope, stop - 1)[0]
    while (index := _last_true(lambda part: _within(contexts, scope, part), stop)) >= 0:
        found = _stretch(trace, scope, index)
        if found is not None and (trace.duration_ns[found.rows[0] : found.rows[1]] >= 0).any():
            return found
        stop = _bounds(contexts, scope, index)[0]
    return None


def stretch_at(trace: Trace, scope: StretchScope, time_ns: int, ended: bool) -> Stretch | None:
    """The stretch at a moment, or the first one after it; None if there is none that is over."""
    contexts = trace.contexts
    here = max(0, int(np.searchsorted(contexts.start_ns, time_ns, side="right")) - 1)
    index = _first_true(lambda part: _within(contexts, scope, part), here, len(contexts))
    if index == len(contexts):
        return None
    found = _stretch(trace, scope, index)
    return found if found is not None and (ended or found.contexts[1] < len(contexts)) else None


def stretches_before(trace: Trace, stretch: Stretch, limit: int) -> list[Stretch]:
    """Up to `limit` stretches of the same kind and stage before one, in order."""
    contexts = trace.contexts
    stop = stretch.contexts[0]
    start = max(0, stop - (8 * limit if stretch.scope == "batch" else _FAR_BACK))
    first, behind = stretch_runs(contexts, stretch.scope, start, stop)
    if start and len(first):
        first, behind = first[1:], behind[1:]  # it may have begun before
    if stretch.scope != "epoch":
        same = contexts.stage[first] == stretch.stage
        first, behind = first[same], behind[same]
    first, behind = first[-limit:], behind[-limit:]
    ends = zip(behind.tolist(), _row_at(trace, behind).tolist(), strict=True)
    found = (_named(contexts, stretch.scope, index, *end) for index, end in zip(first.tolist(), ends, strict=True))
    return [one for one in found if one.rows[1] > one.rows[0]]


def stretch_runs(contexts: Contexts, scope: StretchScope, start: int, stop: int) -> tuple[Int64Array, Int64Array]:
    """The stretches among the contexts from `start` to `stop`: first context of each, and the one behind its last."""
    if stop <= start:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    columns = [getattr(contexts, name)[start:stop] for name in _KEYS[scope]]
    changed = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    within = _within(contexts, scope, slice(start, stop))
    changed |= within[1:] != within[:-1]
    first = np.concatenate(([0], np.flatnonzero(changed) + 1))
    behind = np.append(first[1:], stop - start)
    kept = within[first]
    return first[kept] + start, behind[kept] + start


def rows_between(trace: Trace, contexts: tuple[int, int], where: BoolArray, limit: int) -> Int64Array:
    """The first `limit` rows that start in those of the contexts of a stretch for which `where` is true."""
    chosen = contexts[0] + np.flatnonzero(where)
    first, behind = trace.contexts.first_row[chosen], _row_at(trace, chosen + 1)
    count = behind - first
    total = min(int(count.sum()), limit)
    offset = np.repeat(first - (np.cumsum(count) - count), count)[:total]
    return np.asarray(offset + np.arange(total), np.int64)


def _stretch(trace: Trace, scope: StretchScope, index: int) -> Stretch | None:
    """The stretch of a context; None if no span starts in it."""
    contexts = trace.contexts
    first, stop = _bounds(contexts, scope, index)
    found = _named(contexts, scope, first, stop, int(_row_at(trace, np.array([stop]))[0]))
    return found if found.rows[1] > found.rows[0] else None


def _named(contexts: Contexts, scope: StretchScope, first: int, stop: int, stop_row: int) -> Stretch:
    stage, epoch, batch = (int(getattr(contexts, name)[first]) for name in ("stage", "epoch", "batch"))
    return Stretch(scope, (first, stop), (int(contexts.first_row[first]), stop_row), stage, epoch, batch)


def _row_at(trace: Trace, context: Int64Array) -> Int64Array:
    """First row of contexts; the end of the trace behind the last one."""
    return np.append(trace.contexts.first_row, len(trace))[context]


def _within(contexts: Contexts, scope: StretchScope, part: slice) -> BoolArray:
    """Which contexts lie in a stretch of this kind."""
    stage = contexts.stage[part]
    if scope == "batch":
        return np.asarray(contexts.batch[part] >= 0)
    if scope == "epoch":
        in_fit = (contexts.function[part] == _FIT) & (contexts.epoch[part] >= 0)
        return np.asarray(in_fit & ((stage == _TRAIN) | (stage == _VALIDATE)))
    return np.asarray((stage >= 0) & (stage != _TRAIN))


def _bounds(contexts: Contexts, scope: StretchScope, index: int) -> tuple[int, int]:
    """First context of the stretch that a context is in, and the one behind its last."""

    def other(part: slice) -> BoolArray:
        same = [getattr(contexts, name)[part] == getattr(contexts, name)[index] for name in _KEYS[scope]]
        return np.asarray(~np.logical_and.reduce([*same, _within(contexts, scope, part)]), np.bool_)

    return _last_true(other, index) + 1, _first_true(other, index, len(contexts))


def _last_true(test: Callable[[slice], BoolArray], stop: int) -> int:
    """The last index before `stop` that passes a test; -1 if none does. Looks at ever larger blocks."""
    size = _FIRST_BLOCK
    while stop > 0:
        start = max(0, stop - size)
        found = np.flatnonzero(test(slice(start, stop)))
        if len(found):
            return start + int(found[-1])
        stop, size = start, 2 * size
    return -1


def _first_true(test: Callable[[slice], BoolArray], start: int, end: int) -> int:
    """The first index from `start` on that passes a test; `end` if none does."""
    size = _FIRST_BLOCK
    while start < end:
        stop = min(end, start + size)
        found = np.flatnonzero(test(slice(start, stop)))
        if len(found):
            return start + int(found[0])
        start, size = stop, 2 * size
    return end
