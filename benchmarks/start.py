"""How long the help of every verb takes to appear, beside Python itself: a process of its own each time."""

import statistics
import subprocess
import sys
from time import perf_counter
from typing import Final

from benchmarks.report import keep, machine, spread
from tracer.cli import VERBS

_ROUNDS: Final = 9
_GOAL_MS: Final = 150.0


def _ms(*arguments: str) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (perf_counter() - start) * 1e3


def main() -> None:
    """Prints a line a verb."""
    ways: dict[str, tuple[str, ...]] = {"Python that does nothing": ("-c", "pass")}
    ways |= {f"hooktrace {verb} --help": ("-m", "tracer", verb, "--help") for verb in VERBS}
    rounds = [{name: _ms(*arguments) for name, arguments in ways.items()} for _ in range(_ROUNDS + 1)][1:]
    print(f"start, {_ROUNDS} rounds; {machine()}")
    for name in ways:
        print(f"  {name:28} {spread([row[name] for row in rounds], 0)} ms")
    slowest = max(list(ways)[1:], key=lambda name: statistics.median(row[name] for row in rounds))
    keep(f"ms to the help of the slowest verb, {slowest.split()[1]}", [row[slowest] for row in rounds], _GOAL_MS, 0)


if __name__ == "__main__":
    main()
