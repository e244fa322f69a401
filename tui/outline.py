"""What the waterfall shows, taken from the trace off the event loop: the spans of a batch, or the outline of an epoch.

A batch is all of its spans. An epoch or a validation can have hundreds of thousands: of these only the spans between
the parts are taken one by one; each batch, and in an epoch each validation, is one entry, and `tui.waterfall` folds as
many batches into a bar as it takes. Time that the training was paused is cut out: moments and durations here are those
of work.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tracer.analyze.loops import Loops
from tracer.analyze.pauses import Pauses, is_pause
from tracer.analyze.stretches import (
    Stretch,
    StretchScope,
    last_stretch,
    rows_between,
    stretch_at,
    stretch_runs,
    stretches_before,
)
from tracer.analyze.typical import FENCE, LEAST, Calls, FloatArray, Typical, typical
from tracer.run.events import Action, Int64Array
from tracer.run.layout import STAGES
from tracer.run.trace import Trace

_MAX_SPANS: Final = 5000
"""A batch of more spans than this is cut: nobody scrolls that far, and each poll copies them."""
_MAX_COMPARED: Final = 30_000
COMPARED: Final[dict[StretchScope, int]] = {"batch": 200, "epoch": 20, "validation": 20}
"""How many earlier stretches the shown one is compared with, at most."""
_TRAIN: Final = STAGES.index("train")


@dataclass(frozen=True)
class Parts:
    """What an epoch or a validation consists of: its batches and, of an epoch, its validations; one entry each.

    Attributes:
        at_ns: When it began, in ns since the run's start.
        start_ns, duration_ns: In ns of work since the stretch began.
        number: Of a batch, counted from one.
        batches: Of a validation, how many it has; 0 for a batch.
        stage: Index into `layout.STAGES`.
        visit: Grows where something else comes between: batches of one visit follow one another.
        depth: Of their spans.
        usual_ns: Median of the parts of that stage in this stretch.
        fence_ns: What is longer is unusual (Tukey's upper fence); infinite where there are too few to say.
    """

    at_ns: Int64Array
    start_ns: Int64Array
    duration_ns: Int64Array
    number: Int64Array
    batches: Int64Array
    stage: Int64Array
    visit: Int64Array
    depth: Int64Array
    usual_ns: FloatArray
    fence_ns: FloatArray

    def __len__(self) -> int:
        return len(self.start_ns)


@dataclass(frozen=True)
class Bars:
    """One stretch. Times are in ns of work since it began, where not said otherwise.

    Attributes:
        stretch: Which one.
        pinned: Whether the user holds it.
        actions: Of the trace, by number.
        began_ns: When it began, in ns since the run's start.
        length_ns: From its start to its end.
        pauses_ns: When it was paused.
        paused_ns: For how long in all; that is not in its length.
        row, action, depth, start_ns, duration_ns: Of its spans, in order of their start.
        callback_hook: By span: a number that calls of one hook on several callbacks share; -1 for other calls.
        parts: What is folded; empty for a single batch.
        batch_count: How many batches there are in it.
        typical: What its spans usually take, if that was asked for.
    """

    stretch: Stretch
    pinned: bool
    actions: tuple[Action, ...]
    began_ns: int
    length_ns: int
    pauses_ns: Int64Array
    paused_ns: int
    row: Int64Array
    action: Int64Array
    depth: Int64Array
    start_ns: Int64Array
    duration_ns: Int64Array
    callback_hook: Int64Array
    parts: Parts
    batch_count: int
    typical: Typical | None = None

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class BarsWish:
    """Which stretch is asked for.

    Attributes:
        scope: What kind.
        pin_ns: The moment that it is held at, in ns since the run's start; None follows the latest.
        compare: Whether to say what its spans usually take.
    """

    scope: StretchScope = "batch"
    pin_ns: int | None = None
    compare: bool = False


class BarsFinder:
    """Answers wishes, from poll to poll; asks nothing of the trace while the answer cannot have changed."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._wish = BarsWish()

    def is_new(self, wish: BarsWish) -> bool:
        """Whether this was not asked for before: its answer should not wait."""
        return wish != self._wish

    def find(self, trace: Trace, tree: Loops, pauses: Pauses, wish: BarsWish, ended: bool) -> Bars | None:
        """What to show.

        Args:
            trace: The spans so far.
            tree: Has taken in `trace`.
            pauses: Have taken in `trace`.
            wish: What is asked for.
            ended: Whether nothing more will come.
        """
        held = self._bars is not None and wish.pin_ns is not None and self._bars.stretch.scope == wish.scope
        if held and wish == self._wish:
            return self._bars
        stretch = self._stretch(trace, wish, ended)
        if stretch is not None:
            same = self._bars is not None and self._bars.stretch == stretch and self._bars.actions is trace.actions
            if not same or self.is_new(wish) or self._bars is None:
                self._bars = _bars(trace, stretch, pauses, pinned=wish.pin_ns is not None)
                if wish.compare:
                    self._bars = _compared(trace, tree, pauses, self._bars)
        elif not held:  # what is held stays, even where a replay went back to before it
            self._bars = None
        self._wish = wish
        return self._bars

    def _stretch(self, trace: Trace, wish: BarsWish, ended: bool) -> Stretch | None:
        if wish.pin_ns is None:
            return last_stretch(trace, wish.scope, ended)
        return stretch_at(trace, wish.scope, wish.pin_ns, ended)


def _bars(trace: Trace, stretch: Stretch, pauses: Pauses, pinned: bool) -> Bars:
    rows = _rows(trace, stretch)
    began_ns = int(trace.start_ns[stretch.rows[0]])

    origin_ns = began_ns - int(pauses.until(np.array([began_ns]))[0])

    def moment(times_ns: Int64Array) -> Int64Array:
        return times_ns - pauses.until(times_ns) - origin_ns

    start_ns, end_ns = trace.start_ns[rows], _ends_ns(trace, rows)
    parts, batch_count, parts_end_ns = _parts(trace, stretch, moment)
    last_ns = max(began_ns, parts_end_ns, int(end_ns.max(initial=0)))
    least = min(int(trace.depth[rows].min(initial=1 << 15)), int(parts.depth.min(initial=1 << 15)))
    inside = slice(*np.searchsorted(pauses.start_ns, (began_ns, last_ns)).tolist())
    return Bars(
        stretch=stretch,
        pinned=pinned,
        actions=trace.actions,
        began_ns=began_ns,
        length_ns=max(1, int(moment(np.array([last_ns]))[0])),
        pauses_ns=moment(pauses.start_ns[inside]),
        paused_ns=int(pauses.duration_ns[inside].sum()),
        row=rows,
        action=trace.action[rows].astype(np.int64),
        depth=trace.depth[rows].astype(np.int64) - least,
        start_ns=moment(start_ns),
        duration_ns=moment(end_ns) - moment(start_ns),
        callback_hook=_callback_hooks(trace, rows),
        parts=replace(parts, depth=parts.depth - least),
        batch_count=batch_count,
    )


def _rows(trace: Trace, stretch: Stretch) -> Int64Array:
    """The calls to take one by one: all of a batch, those between the parts of anything longer; pauses are none."""
    if stretch.scope == "batch":
        rows = np.arange(stretch.rows[0], min(stretch.rows[1], stretch.rows[0] + _MAX_SPANS))
    else:
        contexts = slice(*stretch.contexts)
        between = trace.contexts.batch[contexts] < 0
        if stretch.scope == "epoch":
            between &= trace.contexts.stage[contexts] == _TRAIN
        rows = rows_between(trace, stretch.contexts, between, _MAX_SPANS)
    waiting = [action.id for action in trace.actions if is_pause(action)]
    return rows[~np.isin(trace.action[rows], waiting)] if waiting else rows


def _ends_ns(trace: Trace, rows: Int64Array) -> Int64Array:
    """When spans ended; those that were never left, now."""
    start_ns, duration_ns = trace.start_ns[rows], trace.duration_ns[rows]
    return np.where(duration_ns < 0, np.maximum(trace.now_ns, start_ns), start_ns + duration_ns)


def _callback_hooks(trace: Trace, rows: Int64Array) -> Int64Array:
    numbers: dict[str, int] = {}
    of_action = [
        numbers.setdefault(action.hook, len(numbers)) if action.owner_kind == "callback" else -1
        for action in trace.actions
    ]
    return np.asarray(np.array(of_action, np.int64)[trace.action[rows]], np.int64)


def _parts(trace: Trace, stretch: Stretch, moment: Callable[[Int64Array], Int64Array]) -> tuple[Parts, int, int]:
    """The parts of a stretch, how many batches it has, and when the last part ended in ns since the run's start."""
    contexts = trace.contexts
    first, behind = stretch_runs(contexts, "batch", *stretch.contexts)
    inside = np.zeros(len(first), np.int64)
    count = len(first)
    if stretch.scope == "batch":
        first, behind, inside, count = first[:0], behind[:0], inside[:0], 0
    elif stretch.scope == "epoch":
        visits, visits_end = stretch_runs(contexts, "validation", *stretch.contexts)
        held = np.searchsorted(first, visits_end) - np.searchsorted(first, visits)
        training = contexts.stage[first] == _TRAIN
        count = int(training.sum())
        first, behind = np.append(first[training], visits), np.append(behind[training], visits_end)
        inside = np.append(inside[training], held)
    order = np.argsort(first, kind="stable")
    first, behind, inside = first[order], behind[order], inside[order]
    rows, next_rows = contexts.first_row[first], np.append(contexts.first_row, len(trace))[behind]
    kept = next_rows > rows
    first, inside, rows, next_rows = first[kept], inside[kept], rows[kept], next_rows[kept]
    end_ns = _ends_ns(trace, _last_of(trace, rows, next_rows))
    parts = _described(trace, first, inside, rows, moment(trace.start_ns[rows]), moment(end_ns))
    return parts, count, int(end_ns.max(initial=0))


def _described(
    trace: Trace, first: Int64Array, inside: Int64Array, rows: Int64Array, start_ns: Int64Array, end_ns: Int64Array
) -> Parts:
    contexts = trace.contexts
    stage, loader = contexts.stage[first].astype(np.int64), contexts.dataloader[first]
    turned = (stage[1:] != stage[:-1]) | (loader[1:] != loader[:-1]) | (inside[1:] > 0)
    usual_ns, fence_ns = _usual(stage, end_ns - start_ns)
    return Parts(
        at_ns=trace.start_ns[rows],
        start_ns=start_ns,
        duration_ns=end_ns - start_ns,
        number=contexts.batch[first].astype(np.int64) + 1,
        batches=inside,
        stage=stage,
        visit=np.cumsum(np.concatenate(([False], turned)))[: len(first)],
        depth=trace.depth[rows].astype(np.int64),
        usual_ns=usual_ns,
        fence_ns=fence_ns,
    )


def _last_of(trace: Trace, rows: Int64Array, next_rows: Int64Array) -> Int64Array:
    """For each part, by its first row and the one behind its last, the last of its outermost spans."""
    last = next_rows - 1
    while (inside := trace.depth[last] > trace.depth[rows]).any():
        last = np.where(inside, trace.parent[last], last).astype(np.int64)
    return np.asarray(last, np.int64)


def _usual(stage: Int64Array, duration_ns: Int64Array) -> tuple[FloatArray, FloatArray]:
    """By part: the median of the parts of its stage, and beyond what one of them is unusual."""
    usual_ns, fence_ns = np.zeros(len(stage)), np.zeros(len(stage))
    for number in np.unique(stage).tolist():
        own = stage == number
        low, middle, high = np.percentile(duration_ns[own], (25, 50, 75)).tolist()
        usual_ns[own] = middle
        fence_ns[own] = high + FENCE * (high - low) if own.sum() >= LEAST else np.inf
    return usual_ns, fence_ns


def _compared(trace: Trace, tree: Loops, pauses: Pauses, bars: Bars) -> Bars:
    """The same with what its spans usually take: those nearest before count, as many as there is time for."""
    rows, stretch, left = [bars.row[:0]], [bars.row[:0]], _MAX_COMPARED
    for number, before in enumerate(reversed(stretches_before(trace, bars.stretch, COMPARED[bars.stretch.scope]))):
        own = _rows(trace, before)
        left -= len(own)
        if left < 0:
            break
        rows.append(own)
        stretch.append(np.full(len(own), number))
    shown = _calls(trace, tree, pauses, bars.row, np.zeros(len(bars), np.int64))
    others = _calls(trace, tree, pauses, np.concatenate(rows), np.concatenate(stretch))
    return replace(bars, typical=typical(shown, others, bars.length_ns))


def _calls(trace: Trace, tree: Loops, pauses: Pauses, rows: Int64Array, stretch: Int64Array) -> Calls:
    start_ns = trace.start_ns[rows]
    duration_ns = pauses.work_ns(start_ns, _ends_ns(trace, rows) - start_ns)
    return Calls(stretch, tree.path_of(rows).astype(np.int64), duration_ns)
