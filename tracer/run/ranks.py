"""Where each rank of a distributed training ran, how it ended, and whether its clock is another's.

Every rank says so itself, in a file of its own: no rank asks another for anything. run.json is rank 0's.
"""

import json
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tracer.run.fields import as_mapping, as_number, as_text, as_time
from tracer.run.files import read_regular
from tracer.run.info import RunInfo
from tracer.run.layout import STATES, is_alive, rank_file

_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class RankInfo:
    """What a rank says of itself. Texts are untrusted; None stands for "not known" or "not yet".

    Attributes:
        rank: Global rank.
        local_rank, node_rank: Its number on its host, and its host's.
        host, pid, process_start: Its process.
        clock: Names the clock that it measures by: ranks that name the same one need no translation.
        base_ns: What that clock showed at the start of its recording.
        started_at, ended_at: In wall time.
        state: As it has said last, one of `layout.STATES`.
        exception: What ended it.
        dropped: What its recording lacks.
    """

    rank: int
    local_rank: int | None
    node_rank: int | None
    host: str
    pid: int
    process_start: int | None
    clock: str | None
    base_ns: int | None
    started_at: datetime
    ended_at: datetime | None
    state: str
    exception: str | None
    dropped: str | None

    @property
    def present_state(self) -> str:
        """`state`, or "died" for a rank that says it is running while its process is gone.

        A process on another host cannot be asked: such a rank is believed.
        """
        here = self.host == socket.gethostname()
        if self.state == "running" and here and not is_alive(self.pid, self.process_start):
            return "died"
        return self.state

    def began_after_ns(self, other: "RankInfo") -> int | None:
        """By how much its recording began after another rank's, in ns; None if they do not measure by one clock."""
        if self.clock is None or self.clock != other.clock or self.base_ns is None or other.base_ns is None:
            return None
        return self.base_ns - other.base_ns


def read_rank(run_dir: Path, rank: int, info: RunInfo) -> RankInfo:
    """What is known of a rank of the run that `info` describes: that of a single process is all in there."""
    try:
        content = as_mapping(json.loads(read_regular(run_dir / rank_file(rank), _MAX_BYTES)))
    except (OSError, ValueError, RecursionError):
        content = {}
    if content.get("rank") != rank:
        return _as_the_run_says(rank, info)
    return RankInfo(
        rank=rank,
        local_rank=as_number(content.get("local_rank")),
        node_rank=as_number(content.get("node_rank")),
        host=as_text(content.get("host")) or "",
        pid=as_number(content.get("pid")) or 0,
        process_start=as_number(content.get("process_start")),
        clock=as_text(content.get("clock")),
        base_ns=as_number(content.get("base_ns")),
        started_at=as_time(content.get("started_at")) or info.started_at,
        ended_at=as_time(content.get("ended_at")),
        state=state if (state := content.get("state")) in STATES else "running",
        exception=as_text(content.get("exception")),
        dropped=as_text(content.get("dropped")),
    )


def _as_the_run_says(rank: int, info: RunInfo) -> RankInfo:
    first = rank == 0
    return RankInfo(
        rank=rank,
        local_rank=None,
        node_rank=None,
        host=info.host if first else "",
        pid=info.pid if first else 0,
        process_start=info.process_start if first else None,
        clock=None,
        base_ns=None,
        started_at=info.started_at,
        ended_at=info.ended_at,
        state=info.state,
        exception=info.exception if first else None,
        dropped=info.dropped if first else None,
    )
