"""Runs benchmarks one after another, shows what they print, and keeps it: `python -m benchmarks.suite [NAME ...]`

Each is a process of its own, so that none pays for what another has loaded. What one prints, its figures and the
machine go to benchmarks/results/NAME.json; `python -m benchmarks.render` makes a page of that.
"""

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.report import FIGURES_VARIABLE

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"
SUITE: Final = (
    *("spans", "instructions", "training", "watching", "viewer", "size", "reading", "opening", "comparing"),
    *("folding", "log", "curves", "gate", "start", "export"),
)
"""The order in which they run and are shown."""


def title(name: str) -> str:
    """What a benchmark is about: the first paragraph of its docstring."""
    text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or name
    return " ".join(text.partition("\n\n")[0].split())


class _Busy(NamedTuple):
    """How much the processors have worked so far, in seconds, and how much of it for us."""

    wall_s: float
    all_s: float
    own_s: float

    @classmethod
    def now(cls) -> "_Busy":
        """As it is now; where the system does not tell (no /proc) nobody else works."""
        times = os.times()
        own_s = times.user + times.system + times.children_user + times.children_system
        try:
            first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
        except OSError:
            return cls(times.elapsed, own_s, own_s)
        ticks = sum(int(field) for field in first.split()[1:4])  # for programs, for nice ones, in the system
        return cls(times.elapsed, ticks / os.sysconf("SC_CLK_TCK"), own_s)

    def others_since(self, before: "_Busy") -> float:
        """How many processors others kept busy since then."""
        others_s = self.all_s - before.all_s - (self.own_s - before.own_s)
        return round(max(0.0, others_s) / max(1e-9, self.wall_s - before.wall_s), 2)


def _measured(name: str) -> dict[str, Any]:
    """Runs one; returns what is kept of it."""
    before = _Busy.now()
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as figures:
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{name}"],
            env={**os.environ, FIGURES_VARIABLE: figures.name},
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        lines = []
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.rstrip())
        if process.wait():
            raise SystemExit(f"benchmarks.{name} failed")
        kept = [json.loads(line) for line in figures]
    machine = {**_machine(), "others": _Busy.now().others_since(before)}
    return {"title": title(name), "machine": machine, "figures": kept, "lines": lines}


def _machine() -> dict[str, Any]:
    """What of the machine bears on the figures."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("lightning", "torch", "numpy", "textual")},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def main() -> None:
    """Runs those that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suite", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SUITE)} (default: all)")
    names = parser.parse_args().names or SUITE
    if unknown := set(names) - set(SUITE):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        text = json.dumps(_measured(name), indent=1, ensure_ascii=False) + "\n"
        (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
