"""Opens mutants of a run with everything that opens runs, and says which of them did any harm.

A process of its own, which loads neither Lightning nor Textual: so its memory can be limited, a crash of it is a
finding, and a mutant that hangs is named. `python -m tests.faults.fuzz COUNT [--seed S] [--first N] [--all]`

Exit code 0: none did harm. Otherwise there is a line a finding: the mutant's number, what was done to it, what went
wrong. The last line says how the mutants opened.
"""

import argparse
import contextlib
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.builders import STARTED_AT, make_run
from tests.faults.audit import Watch, sleeps_through
from tests.faults.mutants import EVENTS, mutant, read_files, written
from tests.run.test_build import check_tree
from tracer import digests
from tracer.cli import main as hooktrace
from tracer.errors import HooktraceError
from tracer.run import cache, open_run
from tracer.run.control import ControlViewer
from tracer.run.layout import (
    CONTROL_FILE,
    INSPECT_FILE,
    OUTPUT_FILE,
    RECORD_BYTES,
    events_file,
    rank_file,
    write_json,
)
from tracer.run.page import MAGIC, PAGE_BYTES
from tui.clock import Clock
from tui.live import LiveFeed
from tui.output import OutputTail
from tui.replay import ReplayFeed
from tui.sight import read_sight

MEMORY_BYTES: Final = 1 << 30
HANG_S: Final = 30.0
"""Of the processor's time; a mutant takes milliseconds."""
SHORT, LONG = 1_200, 40_000
"""How many records are many, where each mutant is opened by one verb and where it is by all."""
_SIGHT: Final = {
    "stop": 1,
    "why": "asked",
    "side": "before",
    "action": {"owner_kind": "module", "owner": "M", "hook": "training_step"},
    "stack": [{"owner_kind": "loop", "owner": "", "hook": "run_training_epoch"}],
    "arguments": [{"name": "batch", "kind": "Tensor 1x2"}],
    "learning_rates": [{"optimizer": "SGD", "rates": [0.1]}],
    "metrics": {"loss": 0.5},
    "notes": ["nothing"],
    "ranks": 1,
}


class Hang(BaseException):
    """A mutant has taken all the time it may: no `except Exception` on the way may swallow this."""


def sound_run(path: Path, **shape: Any) -> None:
    """Makes a run that has every file that a recording writes, its stream in two segments."""
    make_run(path, epochs=1, sanity=0, **shape)
    first, second = (path / name for name in EVENTS)
    data = first.read_bytes()
    half = len(data) // (2 * RECORD_BYTES) * RECORD_BYTES
    first.write_bytes(data[:half])
    second.write_bytes(data[half:])
    (path / events_file(1, 0)).write_bytes(data[:half])
    for rank in (0, 1):
        said = {"rank": rank, "state": "finished", "started_at": STARTED_AT, "base_ns": rank, "clock": "a", "pid": 7}
        write_json(path / rank_file(rank), said, durable=False)
    write_json(path / INSPECT_FILE, _SIGHT, durable=False)
    (path / OUTPUT_FILE).write_bytes(b"epoch 1\r\x1b[1mepoch 2\x1b[0m\nloss 0.5\n")
    (path / CONTROL_FILE).write_bytes(MAGIC.to_bytes(8, "little") + bytes(PAGE_BYTES - 8))


# -- what opens runs


def _read(path: Path, whole: Path) -> str:
    """All that can be asked of a run."""
    run = open_run(path)
    run.metrics()
    trace = run.trace(min(run.ranks, default=0))
    check_tree(trace)
    for row in (0, len(trace) // 2, len(trace) - 1) if len(trace) else ():
        trace.span(row)
        trace.wall_time(int(trace.start_ns[row]))
    return "with a gap" if trace.gap else "whole"


def _command(*arguments: str) -> str:
    out, errors = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = hooktrace(arguments)
    said = errors.getvalue().splitlines()
    if code not in (0, 1, 3) or any(not line.startswith("hooktrace: ") for line in said):
        raise AssertionError(f"exit code {code}, said {said}")
    if (code == 1) != (len([line for line in said if line.startswith("hooktrace: error: ")]) == 1):
        raise AssertionError(f"exit code {code}, said {said}")
    out.flush()
    return "refused" if code == 1 else "answered"


def _list(path: Path, whole: Path) -> str:
    return _command("list", "--runs-dir", str(path.parent))


def _stats(path: Path, whole: Path) -> str:
    return _command("stats", str(path), "--json" if path.stat().st_ino % 2 else "--csv")


def _explain(path: Path, whole: Path) -> str:
    return _command("explain", str(path))


def _ranks(path: Path, whole: Path) -> str:
    return _command("ranks", str(path))


def _export(path: Path, whole: Path) -> str:
    return _command("export", str(path), "-q", "-o", "-")


def _compare(path: Path, whole: Path) -> str:
    return _command("compare", str(whole), str(path))


def _compare_json(path: Path, whole: Path) -> str:
    return _command("compare", str(path), str(whole), "--json")


def _watch(path: Path, whole: Path) -> str:
    """What the live screen polls, but for drawing it."""
    OutputTail(path / OUTPUT_FILE).read()
    read_sight(path)
    with ControlViewer(path) as viewer:
        viewer.status()
    feed = LiveFeed(path)
    for _ in range(3):
        feed.poll()
        if feed.rewind() is not None:
            feed.poll()
    return "watched"


def _replay(path: Path, whole: Path) -> str:
    """What a replay polls, but for drawing it."""
    feed = ReplayFeed(path, lambda end_ns: Clock(end_ns, lambda: 0.0))
    for share in (0.5, 0.1, 1.0):
        feed.clock.seek(int(feed.clock.end_ns * share))
        feed.poll()
    return "replayed"


Opener = Callable[[Path, Path], str]
_TURNS: Final[tuple[Opener, ...]] = (
    *(_list, _stats, _export, _watch),
    *(_list, _stats, _export, _replay),
    *(_list, _stats, _explain, _compare),
    *(_list, _stats, _export, _watch),
    *(_list, _stats, _export, _replay),
    *(_ranks, _stats, _explain, _compare_json),
)


def openers(number: int, everything: bool) -> tuple[Opener, ...]:
    """What opens a mutant: the readers, and every third one of the verbs in turn, or all of them."""
    if everything:
        return (_read, *dict.fromkeys(_TURNS))
    turn, rest = divmod(number, 3)
    return (_read,) if rest else (_read, _TURNS[turn % len(_TURNS)])


# -- limits


@contextlib.contextmanager
def _no_longer_than(seconds: float) -> Iterator[None]:
    def give_up(*_: Any) -> None:
        raise Hang(f"more than {seconds:g} s")

    def stuck(*_: Any) -> None:
        raise Hang(f"waits for something for {3 * seconds:g} s")

    signal.signal(signal.SIGPROF, give_up)
    signal.signal(signal.SIGALRM, stuck)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 3 * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit_memory() -> None:
    """Lets the process have no more than `MEMORY_BYTES` besides what it has when all that it needs is loaded."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    now = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (now + MEMORY_BYTES, now + MEMORY_BYTES))


def _wait_for_copies() -> None:
    for thread in threading.enumerate():
        if thread.name == "hooktrace-cache":
            thread.join()


def harm(path: Path, whole: Path, opener: Opener, watch: Watch) -> tuple[str, str | None]:
    """How a directory opened, and what went wrong, if anything did: all that an error of ours is not."""
    try:
        with _no_longer_than(HANG_S), watch.on():
            outcome = opener(path, whole)
            _wait_for_copies()
    except HooktraceError as error:
        return "refused", f"an error of several lines: {error}" if "\n" in str(error) else None
    except (Exception, Hang) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return "harm", f"{type(error).__name__}: {str(error)[:200]} ({Path(place.filename).name}:{place.lineno})"
    return outcome, None


def fuzz(names: Sequence[str], everything: bool, scratch: Path) -> tuple[list[str], Counter[str]]:
    """Opens mutants by their names; what did harm, and how many opened in which way."""
    whole = scratch / "whole"
    cache.WORTH_RECORDS = 1 if everything else 1 << 12  # type: ignore[misc]  # so that copies are kept, and read
    sound_run(whole, batches=2, val_batches=1, callbacks=("EarlyStopping",))
    digests.subject(open_run(whole))  # two runs without a digest would be looked at in processes of their own
    watch = Watch([scratch])
    assert not (unseen := sleeps_through(watch)), unseen
    for opener in openers(0, everything=True):
        _, wrong = harm(whole, whole, opener, watch)  # loads what is needed
        assert wrong is None, f"the run that is right: {opener.__name__}: {wrong}"
    files = read_files(whole)  # with the copies that readers keep, if they do
    _limit_memory()
    path = scratch / "runs" / "mutant"
    shutil.copytree(whole, path)
    found, outcomes = [], Counter[str]()
    for number, name in enumerate(names):
        changed = mutant(files, name, LONG if everything else SHORT)
        with written(changed, path, files):
            for opener in openers(number, everything):
                outcome, wrong = harm(path, whole, opener, watch)
                outcomes[outcome] += 1
                if wrong is not None:
                    found.append(f"{name} {opener.__name__} after {', '.join(changed.done)}: {wrong}")
                    print(found[-1], flush=True)
    return found, outcomes


def main() -> int:
    """Fuzzes, prints the findings and how all opened."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin with mutant number N")
    parser.add_argument("--all", action="store_true", help="open each with every verb, not with one in turn")
    options = parser.parse_args()
    names = [f"{options.seed}:{number}" for number in range(options.first, options.first + options.count)]
    os.environ["NO_COLOR"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        found, outcomes = fuzz(names, options.all, Path(scratch))
    print(
        f"{options.count} mutants, {len(found)} findings:",
        ", ".join(f"{n} {way}" for way, n in sorted(outcomes.items())),
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
