"""Opening runs: one directory, or the list of those below another."""

import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.errors import HooktraceError, NotARunError, NotFoundError
from tracer.run import cache
from tracer.run.build import TraceBuilder
from tracer.run.events import ActionTail, EventTail, stream_records
from tracer.run.files import is_regular
from tracer.run.info import RunInfo, read_info
from tracer.run.last_words import with_last_words
from tracer.run.layout import METRICS_FILE, RECORD_BYTES, RUN_FILE, is_alive
from tracer.run.metrics import Metrics, MetricsReader
from tracer.run.ranks import RankInfo, read_rank
from tracer.run.trace import Trace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_PORTION = 1 << 17
"""Records taken in at a time: as many as the processor's caches hold."""
_EVENTS_NAME = re.compile(r"events-(\d{1,9})\.(\d{3,})")
_STARTED = re.compile(r"\d{8}-\d{6}(\.\d+)?-")
"""What stands before the given name in the name of a run's directory."""


class Run:
    """A recorded program: its description, the traces of its ranks, its metrics.

    What is read when it is asked for is what is on disk then, so a run can be looked at while it is being written.
    """

    def __init__(self, path: Path) -> None:
        """Opens the run in the directory `path`; see `open_run`."""
        self.path = path
        read_info(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @property
    def info(self) -> RunInfo:
        """run.json as it is now; what could not be written to it, from the control page."""
        return with_last_words(self.path, read_info(self.path))

    @property
    def state(self) -> str:
        """One of `layout.STATES`, or "died" for a run that says it is running while its process is gone.

        A process on another host cannot be asked: such a run is believed.
        """
        info = self.info
        here = info.host == socket.gethostname()
        if info.state == "running" and here and not is_alive(info.pid, info.process_start):
            return "died"
        return info.state

    @property
    def without_spans(self) -> str:
        """What to say of a run that has none: there may be some to come, or not."""
        return f"{self.name} has no spans{' yet' if self.state == 'running' else ': nothing was recorded'}"

    @property
    def ranks(self) -> tuple[int, ...]:
        """Global ranks of which there is an event stream."""
        return recorded_ranks(self.path)

    def rank_info(self, rank: int) -> RankInfo:
        """What a rank says of itself: where it ran, how it ended."""
        return read_rank(self.path, rank, self.info)

    def span_estimate(self) -> int:
        """About how many spans there are, from the size of the streams: two records a span."""
        return sum((self.path / match[0]).stat().st_size for match in _event_files(self.path)) // (2 * RECORD_BYTES)

    def trace(self, rank: int = 0) -> Trace:
        """All spans of a rank that are on disk now.

        Raises:
            NotFoundError: nothing was recorded of that rank.
            NotARunError: what is there is no event stream.
        """
        if rank not in self.ranks:
            known = ", ".join(map(str, self.ranks)) or "none"
            raise NotFoundError(f"{self.name} has no recording of rank {rank} (there is: {known})")
        about = read_rank(self.path, rank, self.info)
        tail, actions = EventTail(self.path, rank), ActionTail(self.path, rank)
        mark = cache.stamp(self.path, rank) if self.state != "running" else None
        if mark is not None:
            kept = cache.load(self.path, rank, mark, about.started_at, actions.read())
            if kept is not None:
                return replace(kept, gap=known_gap(about.dropped, tail))
        builder = TraceBuilder(rank, about.started_at)
        builder.reserve(stream_records(self.path, rank) // 2 + 1)
        while builder.gap is None and len(events := tail.read(_PORTION)):
            builder.feed(events, actions.read())
        trace = builder.trace(known_gap(about.dropped, tail))
        if tail.gap and not len(trace):
            raise NotARunError(f"cannot read {self.path}: {tail.gap}")
        if mark is not None and tail.gap is None and builder.gap is None:
            cache.store_behind(self.path, mark, trace)
        return trace

    def to_pandas(self, rank: int = 0) -> "pd.DataFrame":
        """The spans of a rank as a DataFrame; columns as in `tracer.run.table.COLUMNS`."""
        return self.trace(rank).to_pandas()

    def to_arrow(self, rank: int = 0) -> "pa.Table":
        """The spans of a rank as an Arrow table; columns as in `tracer.run.table.COLUMNS`."""
        return self.trace(rank).to_arrow()

    @property
    def metrics_path(self) -> Path | None:
        """Where Lightning's metrics.csv of this run is, or is going to be; None if the run has no CSVLogger."""
        relative = self.info.metrics
        if (
            relative is None or Path(relative).name != METRICS_FILE
        ):  # a run may come from anyone: it names no other file
            return None
        return self.path / relative

    def metrics(self) -> Metrics:
        """What metrics.csv holds now; empty if there is none."""
        return MetricsReader(self.metrics_path).poll()


def known_gap(dropped: str | None, tail: EventTail) -> str | None:
    """What is missing of a trace, as the recorder and the reader know it; None if nothing is."""
    return "; ".join(filter(None, (dropped, tail.gap))) or None


def recorded_ranks(run_dir: Path) -> tuple[int, ...]:
    """Global ranks of which there is an event stream."""
    return tuple(sorted({int(match[1]) for match in _event_files(run_dir)}))


def _event_files(run_dir: Path) -> list[re.Match[str]]:
    matches = (_EVENTS_NAME.fullmatch(path.name) for path in run_dir.iterdir() if is_regular(path))
    return [match for match in matches if match]


def open_run(path: str | Path) -> Run:
    """Opens a run directory.

    Raises:
        NotFoundError: there is no such directory.
        NotARunError: nothing was recorded there.
        SchemaError: it was recorded by a newer version of the tool.
    """
    return Run(Path(path))


def list_runs(runs_dir: Path) -> list[Run]:
    """The runs in the directories below `runs_dir`, newest first. What cannot be opened is left out."""
    runs = []
    for path in sorted(runs_dir.iterdir()) if runs_dir.is_dir() else []:
        try:
            runs.append((read_info(path).started_at, Run(path)))
        except HooktraceError:
            continue
    return [run for _, run in sorted(runs, key=lambda pair: pair[0], reverse=True)]


def find_run(text: str | None, runs_dir: Path) -> Path:
    """The run that a user means: a directory, a name below `runs_dir`, or the newest there if nothing is said.

    The name that was given with `--name` will do: the newest run of that name is meant.

    Raises:
        NotFoundError: there is no such run.
        NotARunError: there is such a path, but nothing was recorded there.
    """
    if text is None:
        runs = list_runs(runs_dir)
        if not runs:
            raise NotFoundError(f"no runs in {runs_dir}/ (`hooktrace train` makes one; --runs-dir looks elsewhere)")
        return runs[0].path
    paths = (Path(text), runs_dir / text)
    named = (run.path for run in list_runs(runs_dir) if _given_name(run.path) == text)
    found = next((path for path in paths if (path / RUN_FILE).exists()), None) or next(named, None)
    if found is not None:
        read_info(found)
        return found
    for path in paths:
        if path.is_dir():
            read_info(path)
        elif path.exists():
            hint = f"did you mean {path.parent}?" if (path.parent / RUN_FILE).exists() else "give a directory"
            raise NotARunError(f"not a run: {path} is a file ({hint})")
    raise NotFoundError(f"no such run: {text} (neither a directory nor a name in {runs_dir}/; see `hooktrace list`)")


def _given_name(path: Path) -> str:
    return path.name.removeprefix(started[0]) if (started := _STARTED.match(path.name)) else path.name
