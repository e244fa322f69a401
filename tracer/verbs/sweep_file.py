"""sweep.json: what a sweep is to train and what it has trained, so that it can be stopped and go on.

It is replaced atomically after every training. A training that was under way when everything stopped counts as not
begun, and gets a directory of its own when its turn comes again.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tracer.errors import HooktraceError, NotARunError, SchemaError, UsageError
from tracer.run.layout import write_json
from tracer.verbs.sweep_plan import Plan, Variant, plan_from_json

SWEEP_FILE = "sweep.json"
_LOCK_FILE = ".lock"
_SCHEMA = 1

PLANNED, RUNNING, DONE, FAILED, INTERRUPTED = STATES = ("planned", "running", "done", "failed", "interrupted")


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        variant: Number of the variant.
        turn: 0 for the first training under it.
        state: One of `STATES`.
        directory: Where it records, below that of the sweep; empty before it begins.
        run: The run to look at, below the sweep's directory or absolute; empty if there is none.
        reason: Why it failed; empty if it did not.
        seconds: How long it took.
        config_mark: What its configuration held, see `sweep_plan.config_mark`.
    """

    variant: int
    turn: int
    state: str = PLANNED
    directory: str = ""
    run: str = ""
    reason: str = ""
    seconds: float | None = None
    config_mark: str | None = None


class Sweep:
    """A sweep's directory: its plan, and the state of each training."""

    def __init__(self, path: Path, plan: Plan, jobs: tuple[Job, ...]) -> None:
        self.path = path
        self.plan = plan
        self.jobs = jobs

    def variant(self, job: Job) -> Variant:
        """What a job trains under."""
        return self.plan.variants[job.variant]

    def label(self, job: Job) -> str:
        """What a job is called."""
        return self.variant(job).label + (f" #{job.turn + 1}" if self.plan.repeat > 1 else "")

    def run_path(self, job: Job) -> Path:
        """Where the run of a job lies that is done."""
        return self.path / job.run

    def count(self, state: str) -> int:
        """How many jobs are in a state."""
        return sum(job.state == state for job in self.jobs)

    def new_directory(self, index: int) -> Path:
        """Makes a directory for a job: none that an earlier attempt has used.

        Raises:
            HooktraceError: it cannot be made.
        """
        number = str(index + 1).zfill(len(str(len(self.jobs))))
        slug = self.variant(self.jobs[index]).slug
        attempt = 1
        while (path := self.path / f"{number}{f'.{attempt}' if attempt > 1 else ''}-{slug}").exists():
            attempt += 1
        try:
            path.mkdir()
        except OSError as error:
            raise HooktraceError(f"cannot make {path}: {error.strerror}") from error
        return path

    def update(self, index: int, **changes: Any) -> None:
        """Notes down what became of a job.

        Raises:
            HooktraceError: it cannot be written.
        """
        jobs = list(self.jobs)
        jobs[index] = replace(jobs[index], **changes)
        self.jobs = tuple(jobs)
        self.save()

    def save(self) -> None:
        """Writes sweep.json.

        Raises:
            HooktraceError: it cannot be written.
        """
        value = {"schema": _SCHEMA, "plan": self.plan.as_json(), "jobs": [asdict(job) for job in self.jobs]}
        try:
            write_json(self.path / SWEEP_FILE, value)
        except OSError as error:
            raise HooktraceError(f"cannot write {self.path / SWEEP_FILE}: {error.strerror}") from error


@contextmanager
def opened_sweep(path: Path, plan: Plan) -> Iterator[Sweep]:
    """The sweep in a directory, which is this process's alone meanwhile; a new one if nothing is there.

    Raises:
        UsageError: another plan is carried out there.
        HooktraceError: the directory cannot be used.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / _LOCK_FILE).open("w")
    except OSError as error:
        raise HooktraceError(f"cannot make {path}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HooktraceError(f"another process is at work on the sweep in {path}") from None
        yield _load(path, plan) if (path / SWEEP_FILE).exists() else _begin(path, plan)


def _begin(path: Path, plan: Plan) -> Sweep:
    if any(entry.name != _LOCK_FILE for entry in path.iterdir()):
        raise UsageError(f"{path} holds something else than a sweep: choose another --name")
    sweep = Sweep(path, plan, tuple(Job(variant, turn) for variant, turn in plan.turns()))
    sweep.save()
    return sweep


def _load(path: Path, plan: Plan) -> Sweep:
    file = path / SWEEP_FILE
    try:
        content = json.loads(file.read_bytes())
        schema = content["schema"]
        there = plan_from_json(content["plan"]) if schema == _SCHEMA else plan
        jobs = tuple(Job(**entry) for entry in content["jobs"]) if schema == _SCHEMA else ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotARunError(f"{file} is damaged or something else: remove {path}, or choose another --name") from None
    if schema != _SCHEMA:
        raise SchemaError(f"{file} has schema {schema}, this hooktrace reads schema {_SCHEMA}")
    if there != plan:
        raise UsageError(f"{path} holds another sweep ({_difference(there, plan)}): choose another --name")
    if [(job.variant, job.turn) for job in jobs] != plan.turns():
        raise NotARunError(f"{file} is damaged: remove {path}, or choose another --name")
    return Sweep(path, plan, jobs)


def _difference(there: Plan, asked: Plan) -> str:
    """Where the plans differ first, in words."""
    pairs = (
        ("program", " ".join(there.start), " ".join(asked.start)),
        ("arguments", " ".join(there.shared), " ".join(asked.shared)),
        ("configurations", ", ".join(_labels(there)), ", ".join(_labels(asked))),
        ("--repeat", str(there.repeat), str(asked.repeat)),
    )
    name, old, new = next((pair for pair in pairs if pair[1] != pair[2]), ("options", "others", "these"))
    return f"{name}: {old or 'none'} there, {new or 'none'} here"


def _labels(plan: Plan) -> list[str]:
    return [variant.config or variant.label for variant in plan.variants]
