"""Fuzzes each decoder by itself, guided by coverage: an input that reaches a line no other did is kept and built upon.

`python -m tests.faults.guided TIMES`. Exit code 0 if no input did harm; otherwise a line for each that did, with the
input. What random mutation of whole directories rarely gets to, a decoder's inner branches, this walks into step by
step; it needs no tool that is built for one version of Python.
"""

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any, Final

from tests.faults.fuzz import sound_run
from tests.faults.hostile import hostile_csv, hostile_json
from tests.run.test_build import check_tree
from tracer.errors import HooktraceError
from tracer.run import open_run
from tracer.run.build import TraceBuilder
from tracer.run.control import ControlPage, ControlViewer
from tracer.run.events import ActionTail, EventTail
from tracer.run.layout import CONTROL_FILE, INSPECT_FILE, RUN_FILE, actions_file, events_file, rank_file
from tracer.run.metrics import MetricsReader
from tui.output import OutputTail
from tui.sight import read_sight

_WATCHED: Final = ("/tracer/run/", "/tui/sight.py", "/tui/output.py")
_MOST_BYTES: Final = 20_000


def _events(path: Path) -> None:
    tail, builder = EventTail(path), TraceBuilder(0, datetime.now(UTC))
    while len(events := tail.read(50)):
        builder.feed(events, ())
    check_tree(builder.trace())


def _run(path: Path) -> None:
    run = open_run(path)
    assert "\n" not in run.state
    run.rank_info(0)
    run.trace()


def _control(path: Path) -> None:
    page = path / CONTROL_FILE
    content = page.read_bytes()
    trainer, viewer = ControlPage(path), ControlViewer(path)
    with page.open("r+b") as file:
        file.seek(8)
        file.write(content[8:8192])
    while trainer.take() is not None:
        pass
    trainer.breakpoints(), trainer.delay_ns(), trainer.viewer(), viewer.status(), viewer.reply(3)
    _run(path)


DECODERS: Final[dict[str, Callable[[Path], object]]] = {
    events_file(0, 0): _events,
    actions_file(0): lambda path: ActionTail(path).read(),
    RUN_FILE: _run,
    rank_file(0): _run,
    INSPECT_FILE: read_sight,
    CONTROL_FILE: _control,
    "metrics/metrics.csv": lambda path: MetricsReader(path / "metrics/metrics.csv").poll(),
    "output.log": lambda path: OutputTail(path / "output.log").read(),
}
"""What reads each file."""


class _Coverage:
    """Which lines of the decoders were ever reached."""

    def __init__(self) -> None:
        self._seen: set[tuple[CodeType, int]] = set()
        self.new = False
        """Whether the last act came to a line that was never reached before."""

    def follow(self, act: Callable[[], object]) -> None:
        """Does it and notes down where it comes; raises what it raises."""
        self.new = False
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            act()
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._line if any(part in frame.f_code.co_filename for part in _WATCHED) else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        place = (frame.f_code, frame.f_lineno)
        if place not in self._seen:
            self._seen.add(place)
            self.new = True
        return self._line

    def __len__(self) -> int:
        return len(self._seen)


def _changed(random: Random, corpus: list[bytes]) -> bytes:
    """An input of the corpus, changed in some places; or two of them put together."""
    content = bytearray(random.choice(corpus)[:_MOST_BYTES] or b"0")
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(content) + 1)
        way = random.randrange(6)
        if way == 0 and place < len(content):
            content[place] ^= 1 << random.randrange(8)
        elif way == 1:
            content[place : place + random.choice((1, 2, 8))] = random.randbytes(random.choice((1, 2, 8)))
        elif way == 2:
            del content[place : place + random.choice((1, 8, 64, 4096))]
        elif way == 3:
            other = random.choice(corpus)
            content[place:place] = other[random.randrange(len(other) + 1) :][:512]
        elif way == 4:
            content[place:place] = random.choice((hostile_json, hostile_csv))(random)[:512]
        else:
            content[place : place + 8] = random.choice((0, 1, -1, 1 << 62, -(1 << 63))).to_bytes(
                8, "little", signed=True
            )
    return bytes(content[:_MOST_BYTES])


def fuzz(name: str, times: int, whole: Path) -> tuple[list[str], int, int]:
    """Fuzzes the decoder of one file; what did harm, how many inputs were kept, how many lines were reached."""
    random, coverage, path = Random(name), _Coverage(), whole / name
    decode, first = DECODERS[name], path.read_bytes()
    corpus, found = [first], []
    for index in range(times):
        content = _changed(random, corpus) if index else first
        path.unlink()  # the decoder may have mapped it
        path.write_bytes(content)
        try:
            coverage.follow(lambda: decode(whole))
        except HooktraceError as error:
            assert "\n" not in str(error)
        except Exception as error:
            found.append(f"{name}: {type(error).__name__}: {error}: {content[:300]!r}")
        if coverage.new:
            corpus.append(content)
    path.unlink()
    path.write_bytes(first)
    return found, len(corpus), len(coverage)


def main() -> int:
    """Fuzzes all decoders."""
    found: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        sound_run(whole, batches=2, val_batches=1)
        for name in DECODERS:
            wrong, kept, lines = fuzz(name, int(sys.argv[1]), whole)
            print(f"{name}: {len(wrong)} findings, {kept} inputs kept, {lines} lines reached", flush=True)
            found += wrong
    print("\n".join(found[:50]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
