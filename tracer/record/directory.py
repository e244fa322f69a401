"""Where a recording goes: a directory that no other recording has, the same one on all ranks of a program.

Two programs can start with one name in one second, and a program can have several Trainers. So a directory is claimed:
whoever makes the file in it first has it, and writes into the file who that is. The ranks of a distributed training
are asked nothing; they all know how they find each other, which is what tells their program from others.
"""

import os
import socket
import time
from pathlib import Path
from typing import Any

from tracer.run.layout import CLAIM_FILE, REPORT_VARIABLE, events_file

_MEETING = ("MASTER_ADDR", "MASTER_PORT", "SLURM_JOB_ID", "SLURM_STEP_ID", "TORCHELASTIC_RESTART_COUNT")
"""In the environment of every rank of a distributed training: where, and as what, they meet."""
_WAIT_S = 0.01
_WAITS = 100


def recorder_of(trainer: Any, base_ns: int) -> str:
    """Names a recording in a line: the same on all ranks of a distributed training, else different from all others.

    Args:
        trainer: The trainer.
        base_ns: The clock at the recording's start.
    """
    if trainer.world_size > 1:
        return " ".join([str(trainer.world_size), *(os.environ.get(name, "-") for name in _MEETING)])
    return f"1 {socket.gethostname()} {os.getpid()} {base_ns}"


def claim_directory(base: Path, rank: int, recorder: str) -> Path:
    """Makes the first of `RUN`, `RUN-2`, `RUN-3`, ... that is free, and claims it for this recording.

    One in which this rank has recorded is not free, even if the recorder has the same name: another Trainer of the same
    program did. All ranks have recorded what one has, so they arrive at the same directory.

    Raises:
        OSError: it cannot be made.
    """
    path, number = base, 1
    while True:
        path.mkdir(parents=True, exist_ok=True)
        if not (path / events_file(rank, 0)).exists() and _claim(path / CLAIM_FILE, recorder):
            return path
        number += 1
        path = base.with_name(f"{base.name}-{number}")


def _claim(path: Path, recorder: str) -> bool:
    """Whether the directory is the recorder's, now or because another of its ranks came first."""
    line = f"{recorder}\n"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(line)
        return True
    except FileExistsError:
        for _ in range(_WAITS):
            claimed = path.read_text(encoding="utf-8")
            if claimed.endswith("\n"):
                return claimed == line
            time.sleep(_WAIT_S)  # whoever made it is about to write
        return False


def report_directory(path: Path) -> None:
    """Tells whoever has started the program where it records, an absolute path, if they want to know."""
    report = os.environ.get(REPORT_VARIABLE)
    if not report:
        return
    try:
        file = os.open(report, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return  # they no longer wait for it
    try:
        os.write(file, os.fsencode(f"{path}\n"))
    finally:
        os.close(file)
