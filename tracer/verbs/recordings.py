"""Where a program that we start records: it says so itself, for its own code can choose other places than ours."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tracer.run.layout import REPORT_VARIABLE


@dataclass(frozen=True)
class Recordings:
    """What a program has said so far about where it records."""

    _report: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What the program's environment has to hold besides."""
        return {REPORT_VARIABLE: str(self._report)}

    def paths(self) -> list[Path]:
        """The run directories, in the order in which they were begun; below the working directory as seen from it."""
        lines = self._report.read_bytes().splitlines()
        return [_from_here(Path(os.fsdecode(line))) for line in lines]


@contextmanager
def listening() -> Iterator[Recordings]:
    """Lets a program say where it records, until the context ends."""
    file, name = tempfile.mkstemp(prefix="hooktrace-")
    os.close(file)
    path = Path(name)
    try:
        yield Recordings(path)
    finally:
        path.unlink(missing_ok=True)


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
