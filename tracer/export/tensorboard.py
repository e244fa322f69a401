"""TensorBoard event files: time per hook over the global step beside the losses, distributions, loop and settings.

Written with TensorBoard's own record writer and messages, which need neither torch nor TensorFlow.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from tracer.analyze.fold_lines import explain_lines
from tracer.analyze.pauses import is_pause
from tracer.export.selection import Part, Request
from tracer.run import Run
from tracer.run.events import Action, Int64Array
from tracer.run.text import plain_text
from tracer.run.trace import Trace

POINTS: Final = 1_000
"""At most so many of a curve; each is the mean over its steps."""
_BINS: Final = 30
_NAME: Final = "events.out.tfevents.{}.hooktrace"
_WAITS: Final = "_next"
"""How Lightning calls the fetching of a batch: `train_dataloader_next`, `val_next`, ..."""


def write_folder(request: Request, folder: Path) -> None:
    """Writes a directory a rank, `rank-N/`, with one event file. TensorBoard shows each as a run of its own.

    Raises:
        OSError: the files cannot be written.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    for part in request.parts():
        place = folder / f"rank-{part.trace.rank}"
        place.mkdir()
        began_s = part.trace.started_at.timestamp()
        with (place / _NAME.format(int(began_s))).open("wb") as file:
            records = RecordWriter(file)
            for event in _events(part, request.run, began_s):
                records.write(event.SerializeToString())
            records.flush()


def _events(part: Part, run: Run, began_s: float) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event

    yield Event(wall_time=began_s, file_version="brain.Event:2")
    trace = part.trace
    loop = "\n".join(
        "    " + "  " * line.depth + plain_text(line.text) for line in explain_lines(trace, run.info.trainer)
    )
    yield _event(began_s, 0, _text("hooktrace/loop", loop))
    settings = {**run.info.trainer, **run.info.hparams}
    lines = "\n".join(f"    {plain_text(str(name))}: {plain_text(str(value))}" for name, value in settings.items())
    yield _event(began_s, 0, _text("hooktrace/config", lines))
    chosen = np.ones(len(trace), np.bool_) if part.rows is None else np.isin(np.arange(len(trace)), part.rows)
    chosen &= trace.duration_ns >= 0
    width = max(1, -(-(int(trace.contexts.global_step.max(initial=0)) + 1) // POINTS))
    for action in trace.actions:
        rows = np.flatnonzero(chosen & (trace.action == action.id))
        steps = _context(trace, "global_step", rows)
        rows, steps = rows[steps >= 0], steps[steps >= 0]
        if len(rows) and not is_pause(action):
            yield from _scalars(trace, action, rows, steps // width, width)
            yield from _histograms(trace, action, rows, steps)
    for _ in part.portions():
        pass


def _scalars(trace: Trace, action: Action, rows: Int64Array, bucket: Int64Array, width: int) -> Iterator[Any]:
    """The mean duration of a call in each bucket of steps, in ms, at the last of the steps."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    waits = action.owner_kind == "loop" and action.hook.endswith(_WAITS)
    tag = f"{'loader_wait_ms' if waits else 'hook_ms'}/{plain_text(action.label)}"
    order = np.argsort(bucket, kind="stable")
    numbers, first, calls = np.unique(bucket[order], return_index=True, return_counts=True)
    means = np.add.reduceat(trace.duration_ns[rows[order]], first) / calls / 1e6
    starts = trace.start_ns[rows[order[first]]]
    for number, mean_ms, start_ns in zip(numbers.tolist(), means.tolist(), starts.tolist(), strict=True):
        value = Summary.Value(tag=tag, simple_value=mean_ms)
        yield _event(_wall_s(trace, start_ns), (number + 1) * width - 1, value)


def _histograms(trace: Trace, action: Action, rows: Int64Array, steps: Int64Array) -> Iterator[Any]:
    """The durations of a call in each epoch, in ms, at the last step in which it was called there."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    epochs = _context(trace, "epoch", rows)
    for epoch in np.unique(epochs).tolist():
        inside, last_step = rows[epochs == epoch], int(steps[epochs == epoch].max())
        values = trace.duration_ns[inside] / 1e6
        least, most = max(float(values.min()), 1e-6), max(float(values.max()), 1e-6)
        limits = np.geomspace(least, max(most, least * 1.001) * 1.0001, _BINS)
        counts = np.bincount(np.searchsorted(limits, values).clip(0, _BINS - 1), minlength=_BINS)
        histogram = HistogramProto(
            min=float(values.min()),
            max=float(values.max()),
            num=len(values),
            sum=float(values.sum()),
            sum_squares=float((values**2).sum()),
            bucket_limit=limits.tolist(),
            bucket=counts.tolist(),
        )
        value = Summary.Value(tag=f"durations_ms/{plain_text(action.label)}", histo=histogram)
        yield _event(_wall_s(trace, int(trace.start_ns[inside[-1]])), last_step, value)


def _context(trace: Trace, name: str, rows: Int64Array) -> Int64Array:
    """A field of `Contexts` at these rows, -1 where there is none."""
    index = trace.context[rows]
    return np.append(getattr(trace.contexts, name), -1)[index].astype(np.int64)


def _wall_s(trace: Trace, time_ns: int) -> float:
    return trace.started_at.timestamp() + time_ns / 1e9


def _event(wall_s: float, step: int, value: Any) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Event(wall_time=wall_s, step=step, summary=Summary(value=[value]))


def _text(tag: str, text: str) -> Any:
    """Text as TensorBoard's dashboard shows it: as Markdown, so lines that begin with four blanks stay as they are."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    return Summary.Value(tag=tag, metadata=create_summary_metadata(tag, ""), tensor=make_tensor_proto([text.encode()]))
