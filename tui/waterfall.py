"""The last batch as a waterfall: every span a bar over time, below the span that it ran in.

Plain arithmetic: which batch is the last complete one, where the ticks of the axis are, and the text of one row.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tracer.run.events import Action, Int64Array
from tracer.run.trace import Contexts, Trace, stage_name
from tui.text import Line, count_text, duration_text, fit
from tui.view import hook_cells

_DURATION: Final = 8
_BLOCKS: Final = " ▏▎▍▌▋▊▉█"
_MAX_SPANS: Final = 5000
"""A batch of more spans than this is cut: nobody scrolls that far, and each poll copies them."""


@dataclass(frozen=True)
class BatchSpans:
    """The spans of one batch, in order of their start; times in ns since the run's start.

    Attributes:
        stage, epoch, batch: which one; epoch and batch are counted from one, None where there is none.
        first_row: of its first span in the trace: tells one batch from the next.
        actions: of the trace, by number.
    """

    stage: str
    epoch: int | None
    batch: int
    first_row: int
    actions: tuple[Action, ...]
    action: Int64Array
    depth: Int64Array
    start_ns: Int64Array
    duration_ns: Int64Array

    def __len__(self) -> int:
        return len(self.action)

    @property
    def began_ns(self) -> int:
        """Start of its first span."""
        return int(self.start_ns[0])

    @property
    def length_ns(self) -> int:
        """From the start of its first span to the end of its last."""
        return max(1, int((self.start_ns + self.duration_ns).max()) - self.began_ns)

    @property
    def title(self) -> str:
        """Which batch it is, in words."""
        epoch = "" if self.epoch is None else f" · epoch {self.epoch}"
        return f"last batch: {self.stage}{epoch} · batch {count_text(self.batch)} · {duration_text(self.length_ns)}"


def last_batch(trace: Trace, ended: bool) -> BatchSpans | None:
    """The last batch that is over; None before there is one.

    Args:
        trace: the spans so far.
        ended: whether nothing more will come: then the batch at hand is over too.
    """
    contexts = trace.contexts
    stop = len(contexts)
    if stop and not ended and contexts.batch[stop - 1] >= 0:
        stop = _group_start(contexts, stop - 1)
    while stop > 0:
        while stop > 0 and contexts.batch[stop - 1] < 0:
            stop -= 1
        if stop == 0:
            return None
        start = _group_start(contexts, stop - 1)
        found = _spans(trace, start, stop)
        if found is not None:
            return found
        stop = start
    return None


def _group_start(contexts: Contexts, index: int) -> int:
    """The first of the contexts up to `index` that are of the same batch."""
    key = _key(contexts, index)
    while index > 0 and _key(contexts, index - 1) == key:
        index -= 1
    return index


def _key(contexts: Contexts, index: int) -> tuple[int, ...]:
    columns = (contexts.call, contexts.stage, contexts.epoch, contexts.dataloader, contexts.batch)
    return tuple(int(column[index]) for column in columns)


def _spans(trace: Trace, start: int, stop: int) -> BatchSpans | None:
    contexts = trace.contexts
    first = int(contexts.first_row[start])
    last = int(contexts.first_row[stop]) if stop < len(contexts) else len(trace)
    last = min(last, first + _MAX_SPANS)
    rows = slice(first, last)
    if last <= first or (trace.duration_ns[rows] < 0).all():
        return None
    ends_ns = np.where(trace.duration_ns[rows] < 0, trace.now_ns - trace.start_ns[rows], trace.duration_ns[rows])
    depth = trace.depth[rows].astype(np.int64)
    epoch = int(contexts.epoch[start])
    return BatchSpans(
        stage=(stage_name(int(contexts.stage[start])) or "").replace("_", " "),
        epoch=epoch + 1 if epoch >= 0 else None,
        batch=int(contexts.batch[start]) + 1,
        first_row=first,
        actions=trace.actions,
        action=trace.action[rows].astype(np.int64),
        depth=depth - depth.min(),
        start_ns=trace.start_ns[rows].copy(),
        duration_ns=ends_ns,
    )


def longest(batch: BatchSpans, limit: int) -> Int64Array:
    """Indices of the `limit` longest spans, in order of their start. What encloses one of them is among them."""
    if len(batch) <= limit:
        return np.arange(len(batch))
    order = np.argsort(-batch.duration_ns, kind="stable")
    return np.sort(order[: max(0, limit)])


def name_width(width: int) -> int:
    """Cells of the column of names in a pane of `width` cells."""
    return min(44, max(20, width * 45 // 100))


def ticks_ms(length_ns: int, count: int) -> tuple[float, ...]:
    """At most `count` round moments from zero on, in ms, that fit into a batch of this length."""
    length_ms = length_ns / 1e6
    rough = length_ms / max(1, count - 1)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next((power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999), power * 10)
    return tuple(step * index for index in range(int(length_ms / step + 1e-9) + 1))


def axis_line(batch: BatchSpans, width: int) -> Line:
    """The axis above the bars: ticks in ms since the batch began."""
    names = name_width(width)
    bars = max(0, width - names - _DURATION)
    text = [" "] * bars
    for tick in ticks_ms(batch.length_ns, max(4, bars // 8)):
        column = round(tick * 1e6 / batch.length_ns * (bars - 1))
        label = f"┆{tick:g}"
        if column + len(label) <= bars:
            text[column : column + len(label)] = label
    return ((fit("", names), "head"), ("".join(text), "head"), (f"{'ms':>{_DURATION}}", "head"))


def waterfall_line(batch: BatchSpans, index: int, width: int) -> Line:
    """One row: the hook's name, indented by its depth, its bar, its duration."""
    action = batch.actions[int(batch.action[index])]
    names = name_width(width)
    indent = min(int(batch.depth[index]), max(0, names - 12))
    bars = max(0, width - names - _DURATION)
    offset = (int(batch.start_ns[index]) - batch.began_ns) / batch.length_ns
    share = int(batch.duration_ns[index]) / batch.length_ns
    before, bar, after = _bar(offset, share, bars)
    return (
        (" " * indent, ""),
        *hook_cells(action, names - indent - 1),
        (" " + before, ""),
        (bar, action.owner_kind),
        (after, ""),
        (f"{duration_text(int(batch.duration_ns[index])):>{_DURATION}}", "dim"),
    )


def _bar(offset: float, share: float, width: int) -> tuple[str, str, str]:
    """A bar from `offset` over `share` of `width` cells, in eighths of a cell at its end; never invisible."""
    if width <= 0:
        return "", "", ""
    first = min(width - 1, int(offset * width))
    eighths = max(1, round((offset + share) * width * 8) - first * 8)
    full, part = divmod(eighths, 8)
    bar = ("█" * full + (_BLOCKS[part] if part else ""))[: width - first]
    return " " * first, bar, " " * (width - first - len(bar))
