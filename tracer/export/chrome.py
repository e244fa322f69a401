"""Chrome's trace event format, which Perfetto, chrome://tracing and Speedscope open.

A process a rank, a track a kind of owner: calls nest in the trace, so those of one kind nest too. Times are in
microseconds with three decimals, exact to the nanosecond, and count from the start of the first rank's recording. After
a rank's calls come the marks: checkpoints, exceptions, and the metrics as counters. The rules are those of Google's
"Trace Event Format".
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.analyze.moments import checkpoint_rows, logged_times_ns, raising_rows
from tracer.export.lines import LINES, json_texts, write_lines
from tracer.export.selection import Part, Request
from tracer.run.events import Action
from tracer.run.layout import OWNER_KINDS
from tracer.run.metrics import Metrics
from tracer.run.ranks import RankInfo
from tracer.run.table import Rows, spans_table
from tracer.run.trace import Trace

_TRACKS: Final = {kind: number for number, kind in enumerate(OWNER_KINDS, start=1)}
_MARKS: Final = len(_TRACKS) + 1
"""The track of checkpoints and exceptions."""
_PLACE: Final = ("seq", "parent", "stage", "epoch", "batch", "global_step", "dataloader", "status")
_NEXT: Final = ",\n"

Event = dict[str, Any]


def write(request: Request, out: BinaryIO) -> None:
    """Writes the spans in the order of their start; one that is still open begins and does not end.

    Raises:
        OSError: `out` cannot be written to.
    """
    run = request.run
    out.write(f'{{"displayTimeUnit":"ns","otherData":{json.dumps(_about(request))},"traceEvents":[\n'.encode())
    before = ""
    for part in request.parts():
        rank = part.trace.rank
        first_ns = _began_after_ns(run.rank_info(rank), run.rank_info(request.ranks[0]))
        _write_events(before, _metadata(rank, first_ns), out)
        for rows in part.portions(LINES):
            _write_spans(part, rows, first_ns, out)
        _write_events(_NEXT, _marks(part, first_ns, run.info.exception), out)
        if not before:  # the metrics are the run's: they go with its first rank
            _write_events(_NEXT, _counters(part.trace, run.metrics()), out)
        before = _NEXT
    out.write(b"\n]}\n")


def _about(request: Request) -> Event:
    info = request.run.info
    started = {"run": request.run.name, "started_at": info.started_at.isoformat(), "state": request.run.state}
    return started | {f"version of {name}": version for name, version in info.versions.items()}


def _began_after_ns(rank: RankInfo, first: RankInfo) -> int:
    """By how much a rank began after the first one: exact on one host, else what the hosts' clocks say."""
    known_ns = rank.began_after_ns(first)
    return round((rank.started_at - first.started_at).total_seconds() * 1e9) if known_ns is None else known_ns


def _write_events(before: str, events: Iterator[Event], out: BinaryIO) -> None:
    for event in events:
        out.write((before + json.dumps(event, allow_nan=False)).encode())
        before = _NEXT


def _metadata(rank: int, first_ns: int) -> Iterator[Event]:
    names = {**{number: kind for kind, number in _TRACKS.items()}, _MARKS: "marks"}
    yield _metadatum(rank, 0, "process_name", name=f"rank {rank}")
    yield _metadatum(rank, 0, "process_labels", labels=f"began {first_ns} ns after the first" if first_ns else "")
    yield _metadatum(rank, 0, "process_sort_index", sort_index=rank)
    for number, name in names.items():
        yield _metadatum(rank, number, "thread_name", name=name)
        yield _metadatum(rank, number, "thread_sort_index", sort_index=number)


def _metadatum(rank: int, track: int, what: str, **values: object) -> Event:
    return {"ph": "M", "pid": rank, "tid": track, "name": what, "args": values}


def _write_spans(part: Part, rows: Rows, first_ns: int, out: BinaryIO) -> None:
    trace, table = part.trace, spans_table(part.trace, rows)
    duration = table.column("duration_ns").combine_chunks()
    is_open = duration.is_null()
    length = pc.binary_join_element_wise(',"dur":', _microseconds(duration.fill_null(0)), "")
    action = trace.action[rows]
    pieces: list[str | pa.Array] = [
        _NEXT + '{"ph":',
        pc.if_else(is_open, '"B"', '"X"'),
        f',"pid":{trace.rank},"ts":',
        _microseconds(pc.add(table.column("start_ns").combine_chunks(), first_ns)),
        pc.if_else(is_open, "", length),
        pa.array([_fixed(entry) for entry in trace.actions], pa.string()).take(pa.array(action)),
    ]
    for name in _PLACE:
        pieces += [f',"{name}":', json_texts(table.column(name))]
    write_lines([*pieces, "}}"], out)


def _fixed(action: Action) -> str:
    """What is the same in all calls of an action."""
    track, args = _TRACKS[action.owner_kind], {name: getattr(action, name) for name in ("owner", "instance", "hook")}
    fields = {"tid": track, "name": action.label, "cat": action.owner_kind, "args": args}
    return "," + json.dumps(fields, separators=(",", ":"))[1:-2]


def _microseconds(times_ns: pa.Array) -> pa.Array:
    values = times_ns.to_numpy(zero_copy_only=False)
    whole, rest = (pa.array(part).cast(pa.string()) for part in np.divmod(values, 1000))
    return pc.binary_join_element_wise(whole, pc.utf8_lpad(rest, 3, "0"), ".")


def _marks(part: Part, first_ns: int, exception: str | None) -> Iterator[Event]:
    trace = part.trace
    chosen = np.ones(len(trace), np.bool_) if part.rows is None else np.isin(np.arange(len(trace)), part.rows)
    for row in (row for row in checkpoint_rows(trace).tolist() if chosen[row]):
        step = trace.span(row).global_step
        yield _mark(trace.rank, first_ns + int(trace.start_ns[row]), "checkpoint", {"global_step": step, "seq": row})
    for row in (row for row in raising_rows(trace).tolist() if chosen[row]):
        action = trace.actions[trace.action[row]]
        at = trace.end_ns(row) if trace.duration_ns[row] >= 0 else trace.now_ns
        yield _mark(
            trace.rank, first_ns + at, "exception", {"in": action.label, "seq": row, "run ended with": exception}
        )


def _mark(rank: int, time_ns: int, name: str, args: Event) -> Event:
    return {"ph": "i", "s": "t", "pid": rank, "tid": _MARKS, "ts": time_ns / 1000, "name": name, "args": args}


def _counters(trace: Trace, metrics: Metrics) -> Iterator[Event]:
    """The finite values: JSON has no other numbers."""
    for name in metrics.names:
        series = metrics.series(name)
        finite = np.isfinite(series.values) & np.isfinite(series.steps)
        times = logged_times_ns(trace, series.steps[finite])
        for time_ns, value in zip(times.tolist(), series.values[finite].tolist(), strict=True):
            yield {"ph": "C", "pid": trace.rank, "tid": 0, "ts": time_ns / 1000, "name": name, "args": {"value": value}}
