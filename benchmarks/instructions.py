"""How many instructions a span takes, counted rather than timed: seconds differ from run to run, counts hardly do.

Counted are the interpreter's own instructions (bytecode) and the calls into C, in this process, beside those of
Lightning's do-nothing profiler; and, where valgrind is installed, the processor's, as the difference between a program
with many spans and one with twice as many.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from benchmarks.report import keep, machine
from tracer.record.spans import make_span

NAME: Final = "[Callback]EarlyStopping.on_train_batch_end"
_SPANS: Final = 50_000
_COUNT = re.compile(r"Collected : (\d+)")
PROGRAM: Final = """
import sys
from tracer.record.spans import make_span
records = []
table = {"a": make_span(records.append, 1 << 52, ~1 << 52, 1)}
profile = table.__getitem__
for _ in range(int(sys.argv[1])):
    with profile("a"):
        pass
"""


def our_profile() -> Callable[[str], AbstractContextManager[Any]]:
    """The span path of a recording: a table of spans, and a list that they append to."""
    records: list[int] = []
    span: Any = make_span(records.append, 1 << 52, ~1 << 52, 1)
    return {NAME: span}.__getitem__


def python_instructions(profile: Callable[[str], AbstractContextManager[Any]]) -> int:
    """Bytecode instructions of entering and leaving a span once, those of the `with` statement included."""
    counted = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal counted
        frame.f_trace_opcodes = True
        counted += event == "opcode"
        return trace

    def once() -> None:
        with profile(NAME):
            pass

    once()  # what is done only the first time is no part of it
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        once()
    finally:
        sys.settrace(before)
    return counted


def processor_instructions() -> float | None:
    """Instructions of the processor a span; None without valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return None
    _collected(valgrind, 1)  # compiles what is not compiled yet
    return (_collected(valgrind, 2 * _SPANS) - _collected(valgrind, _SPANS)) / _SPANS


def _collected(valgrind: str, spans: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        output = f"--callgrind-out-file={directory}/out"
        done = subprocess.run(
            [valgrind, "--tool=callgrind", output, sys.executable, "-c", PROGRAM, str(spans)],
            cwd=Path(__file__).parents[1],
            env={"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=True,
        )
    match = _COUNT.search(done.stderr)
    if match is None:
        raise RuntimeError(f"valgrind says no count: {done.stderr[-300:]}")
    return int(match[1])


def main() -> None:
    """Prints the counts."""
    from lightning.pytorch.profilers import PassThroughProfiler

    ours, theirs = python_instructions(our_profile()), python_instructions(PassThroughProfiler().profile)
    print(f"instructions of a span; {machine()}")
    print(f"  bytecode, hooktrace                {ours:6d}")
    print(f"  bytecode, PassThroughProfiler      {theirs:6d}")
    print(f"  ratio                              {ours / theirs:6.2f}")
    counted = processor_instructions()
    said = "valgrind is not installed" if counted is None else f"{counted:6.0f}"
    print(f"  the processor's, hooktrace         {said}")
    keep("bytecode of a span over PassThroughProfiler's", [ours / theirs], 0.5)


if __name__ == "__main__":
    main()
