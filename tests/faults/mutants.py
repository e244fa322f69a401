"""Run directories that are wrong: a right one, then a few of the things that crashes, bugs and bad people do to it.

A directory is a mapping from names to contents. Whatever is done to it comes from one `Random`, so a number names a
mutant for ever.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, get_args

import numpy as np

from tests.builders import enter, mark
from tests.faults.hostile import hostile_csv, hostile_json, hostile_value
from tracer.run.layout import (
    CONTROL_FILE,
    INSPECT_FILE,
    MAX_ACTIONS,
    OUTPUT_FILE,
    RECORD_BYTES,
    RUN_FILE,
    TIME_BITS,
    TIME_MASK,
    Mark,
    actions_file,
    events_file,
    rank_file,
)

EVENTS: Final = (events_file(0, 0), events_file(0, 1))
METRICS: Final = "metrics/metrics.csv"
_JSON: Final = (RUN_FILE, INSPECT_FILE)
_DAY_NS: Final = 86_400 * 10**9


Kind = Literal["directory", "pipe", "endless", "dangling", "hole"]


@dataclass(frozen=True)
class Odd:
    """What stands in a file's place and is none, or one as large as `size` that has no content."""

    kind: Kind
    size: int = 0


Files = dict[str, bytes | Odd]


@dataclass(frozen=True)
class Mutant:
    """A directory, and what was done to it, in words."""

    files: Mapping[str, bytes | Odd]
    done: tuple[str, ...]


@contextmanager
def written(mutated: Mutant, path: Path, whole: Files) -> Iterator[None]:
    """Turns a directory with the files of a run into a mutant, and back."""
    names = [name for name in {*mutated.files, *whole} if mutated.files.get(name) is not whole.get(name)]
    try:
        for name in names:
            _replace(path / name, mutated.files.get(name))
        yield
    finally:
        left = [entry.name for entry in path.iterdir() if entry.is_file() and entry.name not in whole]
        for name in {*names, *left}:
            _replace(path / name, whole.get(name))


def _replace(path: Path, content: bytes | Odd | None) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    if isinstance(content, Odd):
        _make_odd(path, content)
    elif content is not None:
        path.write_bytes(content)


def _make_odd(path: Path, odd: Odd) -> None:
    if odd.kind == "directory":
        path.mkdir()
    elif odd.kind == "pipe":
        os.mkfifo(path)
    elif odd.kind == "hole":
        path.touch()
        os.truncate(path, odd.size)
    else:
        path.symlink_to("/dev/zero" if odd.kind == "endless" else "nowhere")


def read_files(path: Path) -> Files:
    """The files of a directory."""
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def mutant(files: Mapping[str, bytes | Odd], name: str, largest: int = 40_000) -> Mutant:
    """A mutant of a directory: always the same one for a name. What is long in it has some `largest` records."""
    random = Random(name)
    changed = dict(files)
    done = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        mutation = random.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))[0]
        file = mutation(random, changed, largest)
        done.append(f"{mutation.__name__.strip('_')} {file}")
    return Mutant(changed, tuple(done))


# -- any file


def _bytes_of(random: Random, files: Files) -> tuple[str, bytearray]:
    """A file that has content, mostly of the stream: of the others each is one among many."""
    names = [name for name, content in files.items() if isinstance(content, bytes) and content]
    name = random.choice([*names, *(name for name in names if name in EVENTS)] or [RUN_FILE])
    content = files.get(name, b" ")
    return name, bytearray(content if isinstance(content, bytes) and content else b" ")


def _flip_bits(random: Random, files: Files, largest: int) -> str:
    name, content = _bytes_of(random, files)
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    files[name] = bytes(content)
    return name


def _cut(random: Random, files: Files, largest: int) -> str:
    name, content = _bytes_of(random, files)
    files[name] = bytes(content[: random.randrange(len(content))])
    return name


def _move_part(random: Random, files: Files, largest: int) -> str:
    """A part is overwritten with zeros or noise, taken out, or put in again elsewhere."""
    name, content = _bytes_of(random, files)
    first = random.randrange(len(content))
    part = content[first : first + random.randrange(1, 1 + len(content))]
    way = random.randrange(4)
    if way < 2:
        content[first : first + len(part)] = bytes(len(part)) if way else random.randbytes(len(part))
    elif way == 2:
        del content[first : first + len(part)]
    else:
        place = random.randrange(len(content))
        content[place:place] = part
    files[name] = bytes(content)
    return name


def _exchange(random: Random, files: Files, largest: int) -> str:
    one, other = random.sample(EVENTS if random.random() < 0.7 else sorted(files), 2)
    files[one], files[other] = files.get(other, b""), files.get(one, b"")
    return f"{one} {other}"


def _lose(random: Random, files: Files, largest: int) -> str:
    name = random.choice(sorted(files))
    if random.random() < 0.5:
        files[name] = b""
    else:
        del files[name]
    return name


def _make_strange(random: Random, files: Files, largest: int) -> str:
    name = random.choice(sorted({*files, *EVENTS, *_JSON, "events-7.000", "events-999999999.999"}))
    kind: Kind = random.choice(get_args(Kind))
    files[name] = Odd(kind, random.choice((1 << 20, 1 << 33, 1 << 42)))
    return f"{name}: {kind}"


# -- the stream


def _hostile_record(random: Random) -> int:
    code = random.choice((0, 1, -1, MAX_ACTIONS - 1, -MAX_ACTIONS, *Mark, random.randrange(-MAX_ACTIONS, MAX_ACTIONS)))
    value = random.choice((0, 1, 2, TIME_MASK, TIME_MASK - 1, 1 << 31, random.randrange(1 << 20), _DAY_NS))
    return int((code << TIME_BITS) + value)


def _hostile_records(random: Random, files: Files, largest: int) -> str:
    name = random.choice(EVENTS)
    content = files.get(name)
    known = content if isinstance(content, bytes) else b""
    records = np.frombuffer(known[: len(known) // RECORD_BYTES * RECORD_BYTES], "<i8").tolist()
    way = random.choice(("some", "some", "shuffled", "deep", "leaves", "calls", "contexts", "behind", "repeated"))
    latest = max((record & TIME_MASK for record in records if 0 <= record >> TIME_BITS < MAX_ACTIONS), default=0)
    many = random.choice((300, 300, largest // 3, largest))
    if way == "some":
        for _ in range(random.randrange(1, 9)):
            records.insert(random.randrange(len(records) + 1), _hostile_record(random))
    elif way == "shuffled":
        first = random.randrange(len(records) + 1)
        part = records[first : first + 50]
        random.shuffle(part)
        records[first : first + 50] = part
    elif way == "deep":
        numbers = random.choice(((0,), (0, 1, 2), range(MAX_ACTIONS)))
        records += [enter(number, latest + index) for index, number in enumerate(random.choices(numbers, k=many))]
    elif way == "leaves":
        records += [(~random.randrange(9) << TIME_BITS) + latest + index for index in range(many)]
    elif way == "calls":
        records += [mark(Mark.CALL, index % 5) if index % 2 else enter(index % 3, latest) for index in range(many)]
    elif way == "contexts":
        kinds, values = random.choices(list(Mark), k=many), random.choices((None, 0, 1 << 30, 7), k=many)
        for kind, value in zip(kinds, values, strict=True):
            records += (mark(kind, value), enter(1, latest), (~1 << TIME_BITS) + latest)
    elif way == "behind":
        records += [_hostile_record(random) for _ in range(many)]
    else:
        records *= random.choice((2, 20))
    files[name] = np.array(records, np.int64).astype("<i8").tobytes()
    return f"{name}: {way}"


# -- texts


def _place_in(random: Random, value: Any) -> tuple[Any, Any]:
    """A container somewhere in a value, and a key of it."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = random.choice(keys)
        inside = value[key]
        if not (isinstance(inside, dict | list) and inside and random.random() < 0.7):
            return value, key
        value = inside


def _hostile_entry(random: Random, text: bytes) -> bytes:
    """A JSON object with something that cannot be meant in it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return hostile_json(random)
    if not isinstance(value, dict) or not value or random.random() < 0.1:
        return hostile_json(random)
    for _ in range(random.choice((1, 1, 2, 5))):
        container, key = _place_in(random, value)
        container[key] = hostile_value(random)
    return json.dumps(value).encode()


def _hostile_json_file(random: Random, files: Files, largest: int) -> str:
    name = random.choice((RUN_FILE, RUN_FILE, INSPECT_FILE, rank_file(0)))
    content = files.get(name)
    files[name] = _hostile_entry(random, content if isinstance(content, bytes) else b"")
    return name


def _hostile_actions(random: Random, files: Files, largest: int) -> str:
    name = actions_file(0)
    content = files.get(name)
    lines = content.splitlines() if isinstance(content, bytes) else []
    for _ in range(random.choice((1, 3, len(lines) + 1))):
        place = random.randrange(len(lines) + 1)
        lines[place : place + random.randrange(2)] = [_hostile_entry(random, lines[place] if lines[place:] else b"")]
    files[name] = b"\n".join(lines) + b"\n"
    return name


def _hostile_metrics(random: Random, files: Files, largest: int) -> str:
    files[METRICS] = hostile_csv(random)
    return METRICS


def _hostile_output(random: Random, files: Files, largest: int) -> str:
    name = random.choice((OUTPUT_FILE, CONTROL_FILE))
    content = files.get(name)
    head = content[:8] if isinstance(content, bytes) else b""
    files[name] = head + random.randbytes(random.choice((0, 100, 8184, 100_000)))
    return name


_WEIGHTS: Final[dict[Callable[[Random, Files, int], str], int]] = {
    _flip_bits: 5,
    _cut: 3,
    _move_part: 4,
    _exchange: 1,
    _lose: 2,
    _make_strange: 2,
    _hostile_records: 5,
    _hostile_json_file: 5,
    _hostile_actions: 3,
    _hostile_metrics: 2,
    _hostile_output: 1,
}
