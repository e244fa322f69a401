"""What run.json says, as values whose types can be relied on.

The file may come from anyone: a field of the wrong type reads as absent. Only the schema version is insisted on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracer.errors import NotARunError, NotFoundError, SchemaError
from tracer.run.fields import as_count, as_list, as_mapping, as_names, as_number, as_text, as_time
from tracer.run.files import read_regular
from tracer.run.layout import RUN_FILE, SCHEMA, STATES

_MAX_BYTES = 16 << 20
"""The largest run.json that is read; one of a large model with many callbacks has some 100 KiB."""
ORIGINS = ("trainer", "default", "model", "entry point", "tracer")


@dataclass(frozen=True)
class CallbackInfo:
    """A callback of the run, in the order in which Lightning calls them."""

    name: str
    state_key: str
    origin: str | None
    """Where it came from: "trainer" (given by the user), "default", "model" (`configure_callbacks`), "entry point" or
    "tracer"; None if that is not known."""
    instance: int = 0
    """0, 1, ... among the callbacks of its class."""
    given: int | None = None
    """Its index in the list that the user gave; None if it was not in there, or that is not known."""
    reason: str | None = None
    """Why it stands where it stands, in words."""


@dataclass(frozen=True)
class Override:
    """A hook that an owner brings itself."""

    defined_at: str | None
    """`file:line`."""
    library: bool = False
    """Whether it comes from Lightning or torch rather than from the program."""
    removed: tuple[str, ...] = ()
    """Arguments that it takes and that Lightning no longer passes."""


@dataclass(frozen=True)
class OwnerInfo:
    """What the module, the datamodule or a callback of the run brings."""

    kind: str
    name: str
    instance: int
    overrides: Mapping[str, Override]
    """By hook."""
    others: Mapping[str, str | None]
    """Public methods that Lightning does not know and the program nowhere mentions, with their `file:line`."""


@dataclass(frozen=True)
class CallInfo:
    """One call of a trainer function."""

    function: str
    started_ns: int
    ended_ns: int | None
    state: str


@dataclass(frozen=True)
class RunInfo:
    """run.json. Times in ns count from the run's start; None means "not known" or "not yet"."""

    versions: Mapping[str, str]
    host: str
    pid: int
    process_start: int | None
    argv: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    world_size: int
    trainer: Mapping[str, Any]
    model: str
    hparams: Mapping[str, Any]
    parameters: int | None
    callbacks: tuple[CallbackInfo, ...]
    callbacks_given: tuple[str, ...] | None
    """Classes of the callbacks that the user gave to the trainer, in the user's order; None if that is not known."""
    hooks: Mapping[str, tuple[str, ...]]
    """The hooks that this Lightning has, by kind of owner; empty in runs that do not say."""
    owners: tuple[OwnerInfo, ...]
    calls: tuple[CallInfo, ...]
    state: str
    exception: str | None
    metrics: str | None
    dropped: str | None


def read_info(run_dir: Path) -> RunInfo:
    """Reads run.json.

    Raises:
        NotFoundError: there is no such directory.
        NotARunError: there is no run.json, or it is not one.
        SchemaError: it was written by a newer version of the tool.
    """
    path = run_dir / RUN_FILE
    if not run_dir.exists():
        raise NotFoundError(f"no such run: {run_dir} (`hooktrace list` shows those there are)")
    try:
        content = json.loads(read_regular(path, _MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        raise NotARunError(f"not a run: {run_dir} has no {RUN_FILE} (give the directory that holds it)") from None
    except OSError as error:
        raise NotARunError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise NotARunError(f"not a run: {path} is damaged or something else (it is no valid JSON)") from None
    return _parse(content, path)


def _parse(content: object, path: Path) -> RunInfo:
    schema = content.get("schema") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(schema, int):
        raise NotARunError(f"not a run: {path} has no schema version (some other tool wrote it)")
    if schema != SCHEMA:
        raise SchemaError(
            f"{path} has schema {schema}, this hooktrace reads schema {SCHEMA}: "
            f"{'upgrade hooktrace' if schema > SCHEMA else 'record the run again'}"
        )
    model = as_mapping(content.get("model"))
    return RunInfo(
        versions={key: str(value) for key, value in as_mapping(content.get("versions")).items()},
        host=as_text(content.get("host")) or "",
        pid=as_number(content.get("pid")) or 0,
        process_start=as_number(content.get("process_start")),
        argv=tuple(str(part) for part in as_list(content.get("argv"))),
        started_at=as_time(content.get("started_at")) or datetime.fromtimestamp(0, UTC),
        ended_at=as_time(content.get("ended_at")),
        world_size=as_number(content.get("world_size")) or 1,
        trainer=as_mapping(content.get("trainer")),
        model=as_text(model.get("class")) or "",
        hparams=as_mapping(model.get("hparams")),
        parameters=as_number(model.get("parameters")),
        callbacks=tuple(_callback(as_mapping(entry)) for entry in as_list(content.get("callbacks"))),
        callbacks_given=as_names(content.get("callbacks_given")),
        hooks={kind: as_names(names) or () for kind, names in as_mapping(content.get("hooks")).items()},
        owners=tuple(_owner(as_mapping(entry)) for entry in as_list(content.get("owners"))),
        calls=tuple(_call(as_mapping(entry)) for entry in as_list(content.get("calls"))),
        state=state if (state := content.get("state")) in STATES else "running",
        exception=as_text(content.get("exception")),
        metrics=as_text(content.get("metrics")),
        dropped=as_text(content.get("dropped")),
    )


def _callback(entry: Mapping[str, Any]) -> CallbackInfo:
    return CallbackInfo(
        name=as_text(entry.get("class")) or "",
        state_key=as_text(entry.get("state_key")) or "",
        origin=origin if (origin := entry.get("origin")) in ORIGINS else None,
        instance=as_count(entry.get("instance")) or 0,
        given=as_count(entry.get("given")),
        reason=as_text(entry.get("reason")),
    )


def _owner(entry: Mapping[str, Any]) -> OwnerInfo:
    return OwnerInfo(
        kind=as_text(entry.get("kind")) or "",
        name=as_text(entry.get("class")) or "",
        instance=as_count(entry.get("instance")) or 0,
        overrides={hook: _override(as_mapping(found)) for hook, found in as_mapping(entry.get("overrides")).items()},
        others={name: as_text(place) for name, place in as_mapping(entry.get("others")).items()},
    )


def _override(entry: Mapping[str, Any]) -> Override:
    return Override(as_text(entry.get("at")), entry.get("library") is True, as_names(entry.get("removed")) or ())


def _call(entry: Mapping[str, Any]) -> CallInfo:
    return CallInfo(
        function=as_text(entry.get("function")) or "",
        started_ns=as_number(entry.get("started_ns")) or 0,
        ended_ns=as_number(entry.get("ended_ns")),
        state=as_text(entry.get("state")) or "",
    )
