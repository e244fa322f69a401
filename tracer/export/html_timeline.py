"""Which calls the timeline of a page draws, and how it gets them: all of some batches, and of the rest the longest."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tracer.export.page import escape
from tracer.export.selection import Part
from tracer.run.events import Int64Array
from tracer.run.layout import STAGES
from tracer.run.text import plain_text
from tracer.run.trace import Trace

MOST: Final = 50_000
"""Calls that are drawn: some 1.5 MB of the page, and a drawing in a few milliseconds."""
_WHOLE_BATCHES: Final = 10_000
_BATCH: Final = "run_training_batch"


@dataclass(frozen=True)
class Timeline:
    """What is drawn.

    Attributes:
        rows: Of the calls, ascending.
        jumps: Names and bounds in ns of what there is to go to.
        note: What was left out, in words.
    """

    rows: Int64Array
    jumps: tuple[tuple[str, int, int], ...]
    note: str


def timeline_of(part: Part) -> Timeline:
    """Chooses the calls; a run that is short enough is drawn whole."""
    trace = part.trace
    rows = np.arange(len(trace)) if part.rows is None else part.rows
    jumps, detailed = _batches(trace, rows)
    if len(rows) <= MOST:
        return Timeline(rows, jumps, f"All {len(rows):,} calls are drawn.")
    room = MOST - len(detailed)
    lengths = _lengths(trace, rows)
    shortest_ns = int(np.partition(lengths, len(lengths) - room)[len(lengths) - room])
    kept = np.union1d(rows[np.flatnonzero(lengths >= shortest_ns)[:room]], detailed)
    named = ", ".join(name for name, _, _ in jumps) or "none"
    return Timeline(
        kept,
        jumps,
        f"Of {len(rows):,} calls {len(kept):,} are drawn: the longest ones (from {shortest_ns / 1000:,.0f} µs on), "
        f"and all of these batches: {named}. `hooktrace export --format html --epoch A:B --batch A:B` draws others.",
    )


def _lengths(trace: Trace, rows: Int64Array) -> Int64Array:
    lengths = trace.duration_ns[rows]
    still_open = np.flatnonzero(lengths < 0)
    lengths[still_open] = trace.now_ns - trace.start_ns[rows[still_open]]
    return lengths


def _batches(trace: Trace, rows: Int64Array) -> tuple[tuple[tuple[str, int, int], ...], Int64Array]:
    """The first, a usual and the slowest training batch among the rows, and the calls in them."""
    numbers = [action.id for action in trace.actions if action.hook == _BATCH]
    batches = rows[np.isin(trace.action[rows], numbers) & (trace.duration_ns[rows] >= 0)]
    if not len(batches):
        return (), np.empty(0, np.int64)
    by_time = batches[np.argsort(trace.duration_ns[batches], kind="stable")]
    chosen = {
        "the slowest batch": by_time[-1],
        "a usual batch": by_time[len(by_time) // 2],
        "the first batch": batches[0],
    }
    jumps, inside = [], [np.empty(0, np.int64)]
    for name, row in reversed(chosen.items()):
        span, end_ns = trace.span(int(row)), trace.end_ns(int(row))
        jumps.append((f"{name} (epoch {span.epoch}, batch {span.batch})", span.start_ns, end_ns))
        stop = int(np.searchsorted(trace.start_ns, end_ns, side="right"))
        calls = rows[np.searchsorted(rows, row) : np.searchsorted(rows, stop)]
        inside.append(calls[: _WHOLE_BATCHES // len(chosen)])
    return tuple(jumps), np.concatenate(inside)


def timeline_data(trace: Trace, timeline: Timeline) -> dict[str, Any]:
    """What timeline.js reads: columns, one entry a call; moments as differences, which are short."""
    rows = timeline.rows
    contexts, place = np.unique(trace.context[rows], return_inverse=True)
    return {
        "start": np.diff(trace.start_ns[rows], prepend=0).tolist(),
        "length": _lengths(trace, rows).tolist(),
        "depth": trace.depth[rows].tolist(),
        "action": trace.action[rows].tolist(),
        "place": place.tolist(),
        "actions": [[plain_text(action.label, 100), action.owner_kind] for action in trace.actions],
        "places": [_place(trace, int(context)) for context in contexts],
        "jumps": [[begin, end] for _, begin, end in timeline.jumps],
    }


def _place(trace: Trace, context: int) -> str:
    if context < 0:
        return ""
    names = ("epoch", "batch", "global_step")
    values = [(name, int(getattr(trace.contexts, name)[context])) for name in names]
    stage = int(trace.contexts.stage[context])
    said = [STAGES[stage]] if stage >= 0 else []
    return ", ".join(said + [f"{name.replace('global_', '')} {value}" for name, value in values if value >= 0])


def timeline_html(timeline: Timeline) -> str:
    """The place of the timeline in the page."""
    buttons = " ".join(
        f'<button data-jump="{number}">{escape(name)}</button>' for number, (name, _, _) in enumerate(timeline.jumps)
    )
    return (
        f'<p class="soft">{escape(timeline.note, 1000)} Wheel to zoom, drag to move, double click for everything.</p>'
        f'<p>{buttons} <span class="soft" id="timeline-range"></span></p>'
        '<canvas id="timeline" style="width:100%;touch-action:none"></canvas>'
        '<p class="mono" id="timeline-tip">&nbsp;</p>'
    )
