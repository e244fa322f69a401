"""Names and numbers that the writer and the readers of a run directory must agree on.

The event stream is a file of signed 64-bit little-endian records. The upper 12 bits are a code, the lower 52 a value:

- code 0 to `MAX_ACTIONS` - 1: the action of that number was entered; the value is the time in ns since the run's start,
- code -1 to -`MAX_ACTIONS`: the action of number `~code` was left; the value is the time,
- the codes of `Mark`: a mark. It has no time of its own; it holds from the next event on. Its value is what the mark
  says plus one; zero says "none".

52 bits of nanoseconds are 52 days; 11 bits of action are 2,040 actions after the marks have taken theirs. A fixed width
means that a torn tail is cut at a multiple of eight, and that opening a stream is one read.
"""

import json
import os
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = 1

RUN_FILE: Final = "run.json"
CLAIM_FILE: Final = "claim"
"""Made by whoever is the first to record into a directory; in it, who that is."""
CONTROL_FILE: Final = "control"
OUTPUT_FILE: Final = "output.log"
METRICS_FILE: Final = "metrics.csv"
INSPECT_FILE: Final = "inspect.json"
"""What the trainer shows while it is paused."""

REPORT_VARIABLE: Final = "HOOKTRACE_REPORT"
"""In the environment: a file to which a recording appends the path of its directory, in a line of its own."""

RECORD_BYTES: Final = 8
TIME_BITS: Final = 52
TIME_MASK: Final = (1 << TIME_BITS) - 1
MAX_ACTIONS: Final = 2040
SEGMENT_BYTES: Final = 64 << 20

FUNCTIONS: Final = ("fit", "validate", "test", "predict")
STAGES: Final = ("sanity_check", "train", "validate", "test", "predict")
OWNER_KINDS: Final = ("callback", "module", "datamodule", "strategy", "loop")
STATES: Final = ("running", "finished", "failed", "interrupted", "stopped")

PAUSE_OWNER: Final = "hooktrace"
PAUSE_HOOK: Final = "paused"
"""Owner (of kind "loop") and hook of the action that stands for a training which somebody holds: no work of its own."""


class Mark(IntEnum):
    """Codes of the records that are no enter or leave; what each one's value means."""

    CALL = 2040
    """A trainer function begins: an index into `FUNCTIONS`."""
    STAGE = 2041
    """An index into `STAGES`."""
    EPOCH = 2042
    """The trainer's current epoch."""
    BATCH = 2043
    """Index of the batch in its loop."""
    STEP = 2044
    """The trainer's global step."""
    LOADER = 2045
    """Index of the dataloader that the batch comes from."""
    PLANNED = 2046
    """How many batches the current loop means to run."""
    ERROR = 2047
    """The span left by the record before this one ended with an exception."""


def events_file(rank: int, segment: int) -> str:
    """Name of the stream's segment number `segment` (from 0) of global rank `rank`."""
    return f"events-{rank}.{segment:03d}"


def actions_file(rank: int) -> str:
    """Name of the file that says what the action numbers of rank `rank` mean."""
    return f"actions-{rank}.jsonl"


def rank_file(rank: int) -> str:
    """Name of the file that says where and how rank `rank` of several ran."""
    return f"rank-{rank}.json"


def write_json(path: Path, value: dict[str, Any], durable: bool = True) -> None:
    """Replaces `path` by `value` as JSON, atomically: a reader sees the old file or the new one, never a part.

    Args:
        path: the file.
        value: what it is to hold.
        durable: whether it has to survive a crash of the machine, for which the disk must be waited for.

    Raises:
        OSError: the directory cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_alive(pid: int, process_start: int | None) -> bool:
    """Whether the process that recorded is still there.

    Args:
        pid: its number on this host.
        process_start: its start in clock ticks since the machine's, from `process_start_ticks`: numbers are used
            again, pairs of number and start are not.
    """
    if not 0 < pid < 1 << 31:
        return False  # what a damaged or hostile run says; to the system zero and less are groups of processes
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's process: it exists
    now = process_start_ticks(pid)
    return process_start is None or now is None or now == process_start


def process_start_ticks(pid: int) -> int | None:
    """Start of a process in clock ticks since the machine's start; None where the system does not tell (no /proc)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    if fields[0] == "Z":
        return -1  # ended, and only its parent has not noticed: no start matches
    return int(fields[19])


def clock_name() -> str | None:
    """Names the clock of `time.perf_counter_ns`: processes that name the same one measure from the same moment on.

    On Linux that clock counts from the start of the machine (`CLOCK_MONOTONIC`), in each time namespace. None where the
    system does not tell (no /proc).
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/time').readlink()}"
    except (OSError, UnicodeDecodeError):
        return None
