"""One run directory out of those that the hosts of a training have written, each on a disk of its own.

Every rank's files have its number in their names, so that joining is copying. What must not happen is that recordings
of different trainings are taken for one: each directory says in its claim where the ranks met.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tracer.errors import ExistsError, HooktraceError, NotARunError, NotFoundError
from tracer.run.fields import as_mapping, as_text
from tracer.run.info import read_info
from tracer.run.layout import CLAIM_FILE, OUTPUT_FILE, RUN_FILE, actions_file, rank_file, write_json
from tracer.run.reader import recorded_ranks

_LONGEST_CLAIM = 10_000


def join(parts: Sequence[Path], target: Path) -> tuple[int, ...]:
    """Copies the recordings of all ranks into a new run directory, which is there when it is complete.

    Args:
        parts: What the hosts have written; one of them holds run.json, rank 0's.
        target: The new directory.

    Returns:
        The ranks that are in there.

    Raises:
        ExistsError: `target` is there already.
        NotFoundError: one of the parts is not.
        NotARunError: one of them is no recording, none is rank 0's, or they are not of one training.
        HooktraceError: the disk does not allow it.
    """
    if target.exists():
        raise ExistsError(f"{target} exists: -o writes to another directory")
    owners = _owners(parts)
    _check_one_training(parts)
    first = next((part for part in parts if (part / RUN_FILE).exists()), None)
    if first is None:
        raise NotARunError(f"none of these directories has {RUN_FILE}: the one that rank 0 has written is missing")
    read_info(first)
    temporary = target.with_name(f".{target.name[:100]}.{os.getpid()}")
    try:
        temporary.mkdir()
        for rank, part in owners.items():
            _copy_rank(part, rank, temporary)
        _copy_run(first, temporary, target)
        temporary.rename(target)
    except OSError as error:
        raise HooktraceError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return tuple(sorted(owners))


def _owners(parts: Sequence[Path]) -> dict[int, Path]:
    """By rank, the part that it is in."""
    owners: dict[int, Path] = {}
    for part in parts:
        if not part.is_dir():
            raise NotFoundError(f"no such directory: {part}")
        ranks = recorded_ranks(part)
        if not ranks:
            raise NotARunError(f"nothing was recorded in {part} (give the directories that hold events-*.000)")
        for rank in ranks:
            if rank in owners:
                raise NotARunError(f"rank {rank} is in {owners[rank]} and in {part}: they are not parts of one run")
            owners[rank] = part
    return owners


def _check_one_training(parts: Sequence[Path]) -> None:
    claims = {}
    for part in parts:
        try:
            claims[(part / CLAIM_FILE).read_bytes()[:_LONGEST_CLAIM]] = part
        except OSError:
            continue  # written by hand or by another version: nothing is known
    if len(claims) > 1:
        one, other, *_ = claims.values()
        raise NotARunError(f"{one} and {other} are of different trainings: their ranks met in different places")


def _copy_rank(part: Path, rank: int, target: Path) -> None:
    names = [path.name for path in part.glob(f"events-{rank}.*")] + [actions_file(rank), rank_file(rank)]
    for name in names:
        if (part / name).exists():
            shutil.copyfile(part / name, target / name)


def _copy_run(part: Path, temporary: Path, target: Path) -> None:
    """Rank 0's files; the place of metrics.csv is told from the new directory."""
    content = as_mapping(json.loads((part / RUN_FILE).read_bytes()))
    metrics = as_text(content.get("metrics"))
    if metrics is not None:
        content["metrics"] = os.path.relpath((part / metrics).absolute(), target.absolute())
    write_json(temporary / RUN_FILE, content)
    for name in (CLAIM_FILE, OUTPUT_FILE):
        if (part / name).exists():
            shutil.copyfile(part / name, temporary / name)
