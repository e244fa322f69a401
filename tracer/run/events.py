"""Reading the event stream and the list of actions, whole or while they grow.

A tail never fails for what a crash or a running writer can leave behind: a missing file is an empty one, a torn last
record waits for its other half. A stream that is damaged beyond that ends where the damage begins, and says so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tracer.run.files import is_regular, open_regular
from tracer.run.layout import (
    MAX_ACTIONS,
    OWNER_KINDS,
    RECORD_BYTES,
    SEGMENT_BYTES,
    TIME_BITS,
    TIME_MASK,
    Mark,
    actions_file,
    events_file,
)

Int64Array = npt.NDArray[np.int64]

_RECORD = np.dtype("<i8")
_LAST_RECORDS = 8192
"""So many in a row are never all marks."""
_DISORDER_NS = 60 * 10**9
"""Threads that record at once can get into each other's way by less than this; a damaged time hardly does."""
_MAX_LIST_BYTES = 16 << 20
"""So much of a list of actions is read; one of 2,040 actions has less than 1 MiB."""
_MAX_TEXT = 1000


@dataclass(frozen=True)
class Action:
    """What Lightning names when it calls something: owner kind, owner, hook.

    Attributes:
        id: Its number in the event stream.
        owner_kind: One of `layout.OWNER_KINDS`.
        owner: Class name of the callback, module, datamodule, strategy or loop.
        instance: 0, 1, ... among owners of that class.
        hook: The hook's plain name.
        overridden: Whether the owner's class brings its own; None where that was not found out.
        defined_at: `file:line` of the function that runs.
        doc: First line of the hook's docstring.
        defined_by: Name of the class that brings the function that runs; None if no class does, or it is not known.
    """

    id: int
    owner_kind: str
    owner: str
    instance: int
    hook: str
    overridden: bool | None = None
    defined_at: str | None = None
    doc: str | None = None
    defined_by: str | None = None

    @property
    def owner_label(self) -> str:
        """The owner's class, with the instance where it is not the first: `EarlyStopping#1`; may be empty."""
        return f"{self.owner}#{self.instance}" if self.instance else self.owner

    @property
    def label(self) -> str:
        """`Owner.hook`: `EarlyStopping#1.on_train_epoch_end`; the hook alone if it is on nobody."""
        return f"{self.owner_label}.{self.hook}" if self.owner_label else self.hook


def unknown_action(number: int) -> Action:
    """Stands for an action that the stream uses and the list of actions (lost or torn) does not explain."""
    return Action(number, "loop", "", 0, f"action-{number}")


class EventTail:
    """Reads the records of one rank's event stream as they arrive, across segments."""

    def __init__(self, run_dir: Path, rank: int = 0) -> None:
        self._run_dir = run_dir
        self._rank = rank
        self._segment = 0
        self._offset = 0
        self._latest_ns = -1
        self.gap: str | None = None
        """What of the stream could not be read, in words."""

    def read(self, most: int | None = None) -> Int64Array:
        """The whole records written since the last call, oldest first; empty if there are none.

        Args:
            most: how many at most; the others are read by later calls.
        """
        return np.empty(0, np.int64) if self.gap else self._sound(self._read_new(most))

    def _sound(self, events: Int64Array) -> Int64Array:
        """The records up to where the stream stops to be one: it begins with a call, and its time goes on."""
        if not len(events):
            return events
        codes = event_codes(events)
        if self._latest_ns < 0 and codes[0] != Mark.CALL:
            self.gap = f"{events_file(self._rank, 0)} is damaged or something else: no event stream begins like that"
            return events[:0]
        timed = codes < MAX_ACTIONS
        times = np.where(timed, event_values(events), 0)
        latest = np.maximum.accumulate(times)
        np.maximum(latest, self._latest_ns, out=latest)
        # A machine that crashed leaves zeros where nothing had got to the disk: each a call at the beginning of time.
        damaged = np.flatnonzero(timed & ((latest - times > _DISORDER_NS) | ((events == 0) & (latest > 0))))
        if len(damaged):
            self.gap = f"{events_file(self._rank, self._segment)} is damaged: what follows there is left out"
            events, latest = events[: damaged[0]], latest[: damaged[0] + 1]
        self._latest_ns = max(0, int(latest[-1]))
        return events

    def _read_new(self, most: int | None) -> Int64Array:
        parts: list[Int64Array] = []
        left = most
        while True:
            # A writer goes on to the next segment only when it is done with this one: what is here then is all.
            done = is_regular(self._run_dir / events_file(self._rank, self._segment + 1))
            parts.append(self._read_segment(left))
            if left is not None:
                left -= len(parts[-1])
            if not done or left == 0:
                return np.concatenate(parts) if len(parts) > 1 else parts[0]
            self._segment += 1
            self._offset = 0

    def _read_segment(self, most: int | None) -> Int64Array:
        try:
            with open_regular(self._run_dir / events_file(self._rank, self._segment)) as file:
                file.seek(self._offset)
                data = file.read(-1 if most is None else most * RECORD_BYTES)
        except OSError:
            return np.empty(0, np.int64)
        whole = len(data) - len(data) % RECORD_BYTES
        self._offset += whole
        return np.frombuffer(data, _RECORD, whole // RECORD_BYTES).astype(np.int64, copy=False)


class ActionTail:
    """Reads the list of actions of one rank as it grows."""

    def __init__(self, run_dir: Path, rank: int = 0) -> None:
        self._path = run_dir / actions_file(rank)
        self._offset = 0
        self._actions: list[Action] = []

    def read(self) -> tuple[Action, ...]:
        """All actions known so far; the action at index i has number i."""
        try:
            with open_regular(self._path) as file:
                file.seek(self._offset)
                data = file.read(max(0, _MAX_LIST_BYTES - self._offset))
        except OSError:
            return tuple(self._actions)
        complete = data[: data.rfind(b"\n") + 1]
        self._offset += len(complete)
        for line in complete.splitlines():
            self._add(line)
        return tuple(self._actions)

    def _add(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            number = entry["id"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if type(number) is not int or not 0 <= number < MAX_ACTIONS:  # true is an int, too
            return
        while len(self._actions) <= number:
            self._actions.append(unknown_action(len(self._actions)))
        self._actions[number] = _action(number, entry)


def _action(number: int, entry: Mapping[str, Any]) -> Action:
    kind = str(entry.get("owner_kind"))
    instance = entry.get("instance")
    overridden = entry.get("overridden")
    return Action(
        id=number,
        owner_kind=kind if kind in OWNER_KINDS else "loop",
        owner=_encodable(str(entry.get("owner") or "")),
        instance=instance if isinstance(instance, int) and 0 <= instance < 1 << 31 else 0,
        hook=_encodable(str(entry.get("hook") or f"action-{number}")),
        overridden=overridden if isinstance(overridden, bool) else None,
        defined_at=_optional_text(entry.get("defined_at")),
        defined_by=_optional_text(entry.get("defined_by")),
        doc=_optional_text(entry.get("doc")),
    )


def _optional_text(value: object) -> str | None:
    return _encodable(value) if isinstance(value, str) and value else None


def _encodable(text: str) -> str:
    """JSON can say halves of surrogate pairs, which no file and no terminal takes, and names without end."""
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode("utf-8")


def stream_records(run_dir: Path, rank: int = 0) -> int:
    """How many records the event stream of a rank has now, from the sizes of its segments.

    No segment counts for more than a writer puts into one: a larger file is damaged or hostile.
    """
    size = segment = 0
    while is_regular(path := run_dir / events_file(rank, segment)):
        size, segment = size + min(path.stat().st_size, SEGMENT_BYTES), segment + 1
    return size // RECORD_BYTES


def stream_end_ns(run_dir: Path, rank: int = 0) -> int:
    """Time of the last event on disk, in ns since the run's start, without reading those before; 0 if there is none.

    What a damaged stream says here may be wrong.
    """
    segment = 0
    while is_regular(run_dir / events_file(rank, segment + 1)):
        segment += 1
    for path in (run_dir / events_file(rank, number) for number in range(segment, -1, -1)):
        records = path.stat().st_size // RECORD_BYTES if is_regular(path) else 0
        if records:
            first = max(0, records - _LAST_RECORDS)
            events = np.fromfile(path, _RECORD, records - first, offset=first * RECORD_BYTES).astype(np.int64)
            return int(event_values(events[event_codes(events) < MAX_ACTIONS]).max(initial=0))
    return 0


def event_codes(events: Int64Array) -> Int64Array:
    """The code of each record: an action number, its complement, or a `layout.Mark`."""
    return events >> TIME_BITS


def event_values(events: Int64Array) -> Int64Array:
    """The value of each record: a time in ns, or what a mark says plus one."""
    return events & TIME_MASK


def event_times(events: Int64Array) -> Int64Array:
    """Time of each record in ns since the run's start.

    Marks have no time of their own: they get that of the next event, since that is when they take effect, and the last
    ones, which nothing follows yet, that of the event before.
    """
    timed = np.flatnonzero(event_codes(events) < MAX_ACTIONS)
    if not len(timed):
        return np.zeros(len(events), np.int64)
    following = np.searchsorted(timed, np.arange(len(events)))
    return event_values(events)[timed[np.minimum(following, len(timed) - 1)]]
