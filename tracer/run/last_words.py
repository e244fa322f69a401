"""What a recording has said on its control page about its end, for where run.json could not be told.

run.json is replaced as a whole, which takes room on the disk, a right to the directory and a file descriptor. The page
has its room from the start and is mapped: a training whose disk is full can still say there how it ended.
"""

import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tracer.run.files import read_regular
from tracer.run.info import RunInfo
from tracer.run.layout import CONTROL_FILE, STATES
from tracer.run.page import MAGIC, PAGE_BYTES, Word, read_texts

_LATEST_US = 253_402_300_799_000_000
"""The end of the year 9999."""


def with_last_words(run_dir: Path, info: RunInfo) -> RunInfo:
    """What run.json says; if that is that the run goes on, with what the page of its training says about it.

    Args:
        run_dir: The run's directory.
        info: What its run.json says.
    """
    if info.state != "running":
        return info
    try:
        page = read_regular(run_dir / CONTROL_FILE, PAGE_BYTES)
        words = struct.unpack_from(f"={max(Word) + 1}q", page)
    except (OSError, struct.error):
        return info
    if len(page) != PAGE_BYTES or words[Word.MAGIC] != MAGIC or not 0 < words[Word.STATE] <= len(STATES):
        return info
    state = STATES[words[Word.STATE] - 1]
    exception, dropped = read_texts(page)
    return replace(
        info,
        state=state,
        exception=info.exception or exception or None,
        dropped=info.dropped or dropped or None,
        ended_at=info.ended_at if state == "running" else _time(words[Word.STATE_AT]),
    )


def _time(since_1970_us: int) -> datetime | None:
    return datetime.fromtimestamp(since_1970_us / 1e6, UTC) if 0 < since_1970_us < _LATEST_US else None
