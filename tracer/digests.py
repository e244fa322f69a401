"""The digests of runs, for those who compare them: worked out once, and kept beside a long run that is over.

What is kept is a copy: derived, and safe to delete. It is believed only if it says that it was made from the very files
that are there, by this version, and if it has the form of a digest. Whatever is wrong with it, it is made anew.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from tracer.analyze.compare import Subject
from tracer.analyze.digest import Digest, digest
from tracer.analyze.digest_times import UnitFigures, UnitTimes
from tracer.analyze.resample import DRAWS
from tracer.errors import NotFoundError
from tracer.run import Run, open_run
from tracer.run.cache import stamp
from tracer.run.files import read_regular
from tracer.run.layout import actions_file
from tracer.run.typed import built

_FORMAT: Final = 1
"""Of the file; it counts up whenever a digest says more, or says it in another way."""
_PLAIN: Final = "digest"
_MARK: Final = "mark"
_MOST_BYTES: Final = 64 << 20


def subject(run: Run, rank: int | None = None, stage: str | None = None) -> Subject:
    """A run, ready to be compared.

    Args:
        run: The run.
        rank: Global rank; the lowest that was recorded if left out.
        stage: Look at this stage only, of `layout.STAGES`.

    Raises:
        NotFoundError: there are no spans, or none of that rank or stage.
        NotARunError: what is there is no event stream.
    """
    return _subject(run, kept(run, _rank(run, rank), stage) or made(run, _rank(run, rank), stage))


def subjects(runs: Sequence[Run], rank: int | None = None, stage: str | None = None) -> list[Subject]:
    """As `subject`, for several runs; those that take long are looked at side by side, in processes of their own.

    Raises:
        NotFoundError, NotARunError: as `subject`.
    """
    known = {run.path: kept(run, _rank(run, rank), stage) for run in runs}
    long = [run for run in runs if known[run.path] is None and _mark(run, _rank(run, rank), stage)]
    if len(long) > 1:
        with ProcessPoolExecutor(min(len(long), os.cpu_count() or 1), get_context("spawn")) as pool:
            asked = [(run.path, pool.submit(_made_at, run.path, _rank(run, rank), stage)) for run in long]
            known |= {path: answer.result() for path, answer in asked}
    return [_subject(run, known[run.path] or made(run, _rank(run, rank), stage)) for run in runs]


def kept(run: Run, rank: int, stage: str | None = None) -> Digest | None:
    """The digest that was kept; None if there is none, or not one of this recording."""
    path, mark = run.path / digest_file(rank, stage), _mark(run, rank, stage)
    if mark is None or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            return _unpacked(json.loads(str(content[_PLAIN])), content) if str(content[_MARK]) == mark else None
    except (
        OSError,
        EOFError,
        MemoryError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None


def made(run: Run, rank: int, stage: str | None = None) -> Digest:
    """The digest, made from the recording, and kept if the run is long.

    Raises:
        NotFoundError: nothing was recorded of that rank.
        NotARunError: what is there is no event stream.
    """
    mark = _mark(run, rank, stage)
    info = run.info
    found = digest(run.trace(rank), info.trainer, stage, info.callbacks)
    if mark is not None and found.gap is None:
        with suppress(OSError):
            _store(run.path / digest_file(rank, stage), mark, found)
    return found


def digest_file(rank: int, stage: str | None) -> str:
    """Name of the digest of a rank."""
    return f"digest-{rank}-{stage}.npz" if stage else f"digest-{rank}.npz"


def _made_at(path: Path, rank: int, stage: str | None) -> Digest:
    return made(open_run(path), rank, stage)


def _rank(run: Run, rank: int | None) -> int:
    return min(run.ranks, default=0) if rank is None else rank


def _subject(run: Run, found: Digest) -> Subject:
    if not found.spans:
        raise NotFoundError(f"{run.without_spans} (there is nothing to compare)")
    if found.stage is not None and found.stage not in found.stages:
        there = ", ".join(found.stages) or "none"
        raise NotFoundError(f"{run.name} has nothing of the stage {found.stage} (there is: {there})")
    return Subject(run.name, run.info, found, run.metrics(), run.ranks)


def _mark(run: Run, rank: int, stage: str | None) -> str | None:
    """What tells what a digest is made from; None if it is not worth keeping, or the run goes on."""
    if run.state == "running" or rank not in run.ranks:
        return None
    stream = stamp(run.path, rank)
    if stream is None:
        return None
    try:
        actions = read_regular(run.path / actions_file(rank), _MOST_BYTES)
    except OSError:
        actions = b""
    info = run.info
    said = [info.trainer, [asdict(callback) for callback in info.callbacks]]
    about = zlib.crc32(json.dumps(said, sort_keys=True).encode(), zlib.crc32(actions))
    return json.dumps({"format": _FORMAT, "stream": stream, "about": about, "stage": stage, "dropped": info.dropped})


def _store(path: Path, mark: str, found: Digest) -> None:
    plain = asdict(replace(found, times=()))
    units = [asdict(times) for times in found.times]
    drawn = {f"drawn-{unit['kind']}": unit.pop("drawn") for unit in units}
    said = json.dumps({"digest": plain, "units": units})
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_MARK: np.array(mark), _PLAIN: np.array(said)} | drawn)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _unpacked(said: Any, arrays: "np.lib.npyio.NpzFile") -> Digest:
    """The digest of its parts.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    found = built(Digest, said["digest"])
    times = [_unit(built(UnitFigures, unit), arrays) for unit in said["units"]]
    if not all(0 <= hook.action < len(found.actions) for one in times for hook in one.hooks):
        raise ValueError("no actions of these hooks")
    return replace(found, times=tuple(times))


def _unit(figures: UnitFigures, arrays: "np.lib.npyio.NpzFile") -> UnitTimes:
    drawn = np.asarray(arrays[f"drawn-{figures.kind}"])
    if drawn.shape != (DRAWS, 1 + len(figures.hooks)) or drawn.dtype != np.float32:
        raise ValueError("no draws of these hooks")
    return UnitTimes(**vars(figures), drawn=drawn)
