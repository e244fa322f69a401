"""The runs of a directory as a list has them: a line each, for the terminal and for the screen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tracer.errors import HooktraceError
from tracer.run.layout import RUN_FILE
from tracer.run.reader import Run, open_run


@dataclass(frozen=True)
class Listed:
    """A run in a list. Its texts come from the recording: untrusted.

    Attributes:
        path: its directory.
        name: the directory's.
        state: as `Run.state` says.
        started_at: when it began.
        duration_s: until it ended, until now while it runs, until something was last written to one that died.
        model: class of the model.
        spans: about how many calls were recorded.
        ranks: of how many ranks there are recordings.
        exception: what ended it; None if nothing did.
    """

    path: Path
    name: str
    state: str
    started_at: datetime
    duration_s: float
    model: str
    spans: int
    ranks: int
    exception: str | None


def listed(run: Run, now: datetime) -> Listed:
    """A run as it is now."""
    info, state = run.info, run.state
    ended = info.ended_at or (now if state == "running" else _last_written(run))
    seconds = round(max(0.0, (ended - info.started_at).total_seconds()), 3)
    spans, ranks = run.span_estimate(), len(run.ranks)
    return Listed(run.path, run.name, state, info.started_at, seconds, info.model, spans, ranks, info.exception)


def _last_written(run: Run) -> datetime:
    """When something was last written to a run that did not live to say when it ended."""
    return datetime.fromtimestamp(max(path.lstat().st_mtime for path in run.path.iterdir()), UTC)


class Listing:
    """The runs below a directory, looked at again and again: of those that are over only what was rewritten is read."""

    def __init__(self, runs_dir: Path, now: Callable[[], datetime]) -> None:
        self._runs_dir = runs_dir
        self._now = now
        self._known: dict[Path, tuple[object, Listed]] = {}

    def poll(self) -> tuple[Listed, ...]:
        """Those there are now, newest first. What cannot be opened is left out."""
        found: dict[Path, tuple[object, Listed]] = {}
        for path in sorted(self._runs_dir.iterdir()) if self._runs_dir.is_dir() else []:
            try:
                status = (path / RUN_FILE).stat()
                stamp = (status.st_mtime_ns, status.st_ino)
                known = self._known.get(path)
                if known is None or known[0] != stamp or known[1].state == "running":
                    known = (stamp, listed(open_run(path), self._now()))
                found[path] = known
            except (OSError, HooktraceError):
                continue
        self._known = found
        return tuple(sorted((entry for _, entry in found.values()), key=lambda one: one.started_at, reverse=True))
