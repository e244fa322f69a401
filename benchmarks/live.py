"""A training that is none: it writes a generated stream at a chosen rate, in real time, as the recorder does."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.generate import generate_run
from tracer.run.events import event_codes, event_times
from tracer.run.layout import MAX_ACTIONS, RUN_FILE, TIME_BITS, events_file, process_start_ticks, write_json

FLUSH_S: Final = 0.1
"""How often the recorder's thread writes."""


class LiveRun:
    """A run directory whose events become due one after another."""

    def __init__(self, path: Path, spans_per_s: float, seconds: float) -> None:
        """Generates the run, and empties its stream.

        Args:
            path: the directory.
            spans_per_s: how many calls a second.
            seconds: how long there is something to write.
        """
        spans = generate_run(path, int(spans_per_s * seconds), state="running")
        self._stream = path / events_file(0, 0)
        parts = sorted(path.glob("events-0.*"))
        events = np.concatenate([np.fromfile(part, "<i8") for part in parts])
        for part in parts:
            part.unlink()
        times = event_times(events)
        self._due_ns = (times * (spans / spans_per_s * 1e9 / times[-1])).astype(np.int64)
        timed = event_codes(events) < MAX_ACTIONS
        self._events = np.where(timed, (event_codes(events) << TIME_BITS) + self._due_ns, events)
        self._written = 0
        self._path = path
        self.began_ns = 0

    def begin(self) -> None:
        """From now on the clock runs."""
        self.began_ns = time.monotonic_ns()
        info = json.loads((self._path / RUN_FILE).read_bytes())
        now = datetime.now(UTC).isoformat()
        write_json(
            self._path / RUN_FILE,
            info | {"started_at": now, "pid": os.getpid(), "process_start": process_start_ticks(os.getpid())},
        )
        self._stream.touch()

    def write_due(self) -> bool:
        """Writes what is due by now; returns whether there is more to come."""
        until = int(np.searchsorted(self._due_ns, time.monotonic_ns() - self.began_ns, side="right"))
        with self._stream.open("ab") as file:
            file.write(self._events[self._written : until].tobytes())
        self._written = until
        return until < len(self._events)
