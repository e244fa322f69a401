"""Which rank of a run is shown: its recording, and the way from one rank's to another's.

One rank's spans are in memory at a time. Asking for another comes from the keys, at any moment; the change happens in
the next poll.
"""

from pathlib import Path

from tracer.run.info import RunInfo
from tracer.run.ranks import RankInfo, read_rank
from tracer.run.reader import recorded_ranks
from tui.intake import Intake


class ShownRank:
    """The recording of the rank that is shown."""

    def __init__(self, run_dir: Path, info: RunInfo, rank: int) -> None:
        self._dir = run_dir
        self._rank = self._wanted = rank
        self._generations = 0
        self._opened = self._open(info)

    @property
    def intake(self) -> Intake:
        """What is read of it."""
        return self._opened[1]

    @property
    def rank(self) -> int:
        """Its global rank."""
        return self._rank

    @property
    def about(self) -> RankInfo:
        """What the rank says of itself, as of the last `read_on`."""
        return self._opened[0]

    def read_on(self, info: RunInfo) -> None:
        """Reads what is new."""
        self._opened = read_rank(self._dir, self._rank, info), self.intake
        self.intake.read_on(self.about.dropped)

    def ask(self, rank: int) -> None:
        """Another rank is to be shown."""
        self._wanted = rank

    def change(self, info: RunInfo) -> int | None:
        """Opens another rank's recording, if one was asked for.

        Returns:
            What to add to a time of the rank before for the same moment by the clock of the new one, in ns; None if
            nothing changes.
        """
        wanted = self._wanted
        if wanted == self._rank or wanted not in recorded_ranks(self._dir):
            return None
        before = self.about
        self._generations = self.generation(self.intake.playback.generation) + 1
        self._rank = wanted
        self._opened = self._open(info)
        return _shift_ns(before, self.about)

    def generation(self, of_the_rank: int) -> int:
        """A generation that no rank shown before had."""
        return self._generations + of_the_rank

    def _open(self, info: RunInfo) -> tuple[RankInfo, Intake]:
        about = read_rank(self._dir, self._rank, info)
        return about, Intake(self._dir, about)


def _shift_ns(before: RankInfo, after: RankInfo) -> int:
    known_ns = before.began_after_ns(after)
    if known_ns is not None:
        return known_ns
    return round((before.started_at - after.started_at).total_seconds() * 1e9)
