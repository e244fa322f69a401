"""From the files of a run into memory, portion by portion.

No poll takes in more than `MOST_RECORDS`, so a run of millions of spans is on the screen at once and fills in.
"""

from pathlib import Path
from typing import Final

from tracer.run.events import ActionTail, EventTail, stream_records
from tracer.run.ranks import RankInfo
from tracer.run.reader import known_gap
from tui.landmarks import LandmarkFinder
from tui.meters import Meters
from tui.playback import Playback
from tui.recording import Recording
from tui.seek import Places

MOST_RECORDS: Final = 1 << 18
"""Records that one poll takes in: some 50 ms of work."""


class Intake:
    """Takes the stream of a run into a recording, portion by portion."""

    def __init__(self, run_dir: Path, about: RankInfo) -> None:
        self.recording = Recording(about.started_at, about.rank)
        self.playback = Playback(self.recording)
        self.landmarks = LandmarkFinder()
        self.meters = Meters()
        self.reading: float | None = 0.0
        self._dir = run_dir
        self._rank = about.rank
        self._tail = EventTail(run_dir, about.rank)
        self._actions = ActionTail(run_dir, about.rank)
        self._read = 0
        self._places: Places | None = None
        self.recording.reserve(stream_records(run_dir, about.rank) // 2 + 1)

    @property
    def gap(self) -> str | None:
        """What the reader found to be missing, in words."""
        return self._tail.gap

    @property
    def places(self) -> Places:
        """The places of what was read. Made when asked for."""
        whole, known = self.recording.whole, self._places
        if known is None or known.trace is not whole:
            known = self._places = Places(whole)
        return known

    def read_on(self, dropped: str | None) -> None:
        """Takes in the next portion, if there is one; `dropped` is what the recorder says is missing."""
        events = self._tail.read(MOST_RECORDS)
        self._read += len(events)
        self.recording.feed(events, self._actions.read(), known_gap(dropped, self._tail))
        self.landmarks.advance(self.recording.whole)
        self.meters.advance(self.recording.whole)
        more = len(events) == MOST_RECORDS
        self.reading = min(1.0, self._read / max(1, stream_records(self._dir, self._rank))) if more else None
