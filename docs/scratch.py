"""Where the commands of a document run: a directory of their own that looks like a checkout to them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLES: Final = Path("docs/examples")
_OURS: Final = "hooktrace:"
_LIMIT_S: Final = 300
_SETTINGS: Final = ("HOOKTRACE_", "NO_COLOR", "FORCE_COLOR")
"""What the shell of whoever builds may have set; a newcomer's has not."""
_PROGRAMS: Final = {"hooktrace": "-m tracer", "python": "", "pytest": "-m pytest"}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    lines: tuple[str, ...]
    """What it printed to stdout, and below it what hooktrace said on stderr."""
    code: int
    errors: str
    """All that it printed to stderr."""


@dataclass(frozen=True)
class Scratch:
    """A directory with a copy of the examples, and an environment in which `hooktrace` is this checkout's."""

    path: Path

    def run(self, command: str) -> Ended:
        """Runs a line of shell.

        Raises:
            subprocess.TimeoutExpired: it takes longer than any command of a document should.
        """
        ended = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.path,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_LIMIT_S,
            check=False,
        )
        said = [line for line in ended.stderr.splitlines() if line.startswith(_OURS)]
        printed = [line.rpartition("\r")[2].rstrip() for line in ended.stdout.rstrip().split("\n") if ended.stdout]
        lines = tuple(line.replace(f"{self.path}/", "") for line in [*printed, *said])
        return Ended(lines, ended.returncode, ended.stderr)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
        return kept | {
            "PATH": f"{self.path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "HOME": str(self.path),  # the layout of whoever builds is not that of a newcomer
            "COLUMNS": "100",
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A fresh one, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="hooktrace-docs-") as name:
        path = Path(name).resolve()
        shutil.copytree(ROOT / EXAMPLES, path / EXAMPLES, ignore=shutil.ignore_patterns("__pycache__"))
        (path / "bin").mkdir()
        for program, start in _PROGRAMS.items():
            file = path / "bin" / program
            file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n', encoding="utf-8")
            file.chmod(0o755)
        yield Scratch(path)
