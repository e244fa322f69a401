"""A recording as a plain list of calls, read with the standard library alone.

A test suite has Lightning, but not necessarily numpy or pyarrow: this is the small counterpart of `tracer.Trace`. It
reads the same event stream, which `tracer.run.layout` describes.
"""

import json
import sys
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tracer.errors import NotARunError
from tracer.run.info import read_info
from tracer.run.layout import FUNCTIONS, MAX_ACTIONS, STAGES, TIME_BITS, TIME_MASK, Mark, actions_file, events_file

_TRACER = ("callback", "HookTracer")
"""Kind and class of the recorder itself: no part of what is tested."""


@dataclass(frozen=True)
class Call:
    """One hook call. None stands for "none" or "not known".

    Attributes:
        index: Its number, from 0 in order of the start.
        kind: callback, module, datamodule, strategy or loop.
        owner: Class of the owner; empty for calls of the trainer's own, such as `run_training_batch`.
        instance: 0, 1, ... among owners of that class.
        hook: The hook's name.
        depth: 0 at the top.
        parent: Number of the call that encloses it.
        function: fit, validate, test or predict.
        stage: sanity_check, train, validate, test or predict.
        epoch, batch, global_step, dataloader: As Lightning counts them.
        duration_ns: None if it never came back.
        failed: Whether it ended with an exception.
    """

    index: int
    kind: str
    owner: str
    instance: int
    hook: str
    depth: int
    parent: int | None
    function: str | None = None
    stage: str | None = None
    epoch: int | None = None
    batch: int | None = None
    global_step: int | None = None
    dataloader: int | None = None
    duration_ns: int | None = None
    failed: bool = False

    @property
    def owner_label(self) -> str:
        """The owner as people tell it apart: `EarlyStopping`, `EarlyStopping#1`; empty for the trainer's own."""
        return f"{self.owner}#{self.instance}" if self.instance else self.owner

    @property
    def label(self) -> str:
        """`Owner.hook`."""
        return f"{self.owner_label}.{self.hook}" if self.owner else self.hook


@dataclass(frozen=True)
class Stream:
    """What the calls were read from.

    Attributes:
        records: Of the event stream, as `tracer.run.layout` describes them.
        actions: By number, the entry of the list of actions.
        trainer: The trainer's arguments with their values.
    """

    records: "array[int]"
    actions: Mapping[int, Mapping[str, Any]]
    trainer: Mapping[str, Any]

    def is_recorders(self, action: int) -> bool:
        """Whether it is an action of the recorder itself."""
        entry = self.actions[action]
        return (entry["owner_kind"], entry["owner"]) == _TRACER


@dataclass(frozen=True)
class CallTrace:
    """Calls in order of their start; all of a recording, or some of them.

    Attributes:
        calls: The calls.
        recorded: All calls of the recording, by their number.
        stream: What they were read from.
    """

    calls: tuple[Call, ...]
    recorded: tuple[Call, ...] = field(repr=False)
    stream: Stream = field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def where(
        self,
        *,
        function: str | None = None,
        stage: str | None = None,
        epoch: int | None = None,
        batch: int | None = None,
    ) -> "CallTrace":
        """The calls at that place of the loop; what is None is not asked for."""
        wanted = {"function": function, "stage": stage, "epoch": epoch, "batch": batch}
        asked = {name: value for name, value in wanted.items() if value is not None}
        kept = (call for call in self.calls if all(getattr(call, name) == value for name, value in asked.items()))
        return replace(self, calls=tuple(kept))

    def without(self, *owners: str) -> "CallTrace":
        """The calls without those of these classes: a progress bar, say, which depends on what is installed."""
        return replace(self, calls=tuple(call for call in self.calls if call.owner not in owners))

    def enclosing(self, call: Call) -> Iterator[Call]:
        """The calls around one, the innermost first."""
        while call.parent is not None:
            call = self.recorded[call.parent]
            yield call


def read_calls(run_dir: Path, rank: int = 0) -> CallTrace:
    """Reads the calls of a recording that has ended.

    Raises:
        NotARunError: nothing was recorded there.
    """
    segments: list[bytes] = []
    while (path := run_dir / events_file(rank, len(segments))).exists():
        segments.append(path.read_bytes())
    if not segments:
        raise NotARunError(f"nothing was recorded in {run_dir}")
    data = b"".join(segment[: len(segment) // 8 * 8] for segment in segments)
    records = array("q", data)
    if sys.byteorder == "big":
        records.byteswap()
    lines = (run_dir / actions_file(rank)).read_text(encoding="utf-8").splitlines()
    actions = {entry["id"]: entry for entry in map(json.loads, lines)}
    stream = Stream(records, actions, read_info(run_dir).trainer)
    calls = tuple(Call(**values) for values in _Decoder(stream).decode())
    return CallTrace(calls, calls, stream)


class _Decoder:
    """Walks through the records of a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._place: dict[str, Any] = {}
        self._calls: list[dict[str, Any]] = []
        self._open: list[tuple[int, int | None, int]] = []  # action, call (None for the recorder's own), start
        self._left: int | None = None

    def decode(self) -> list[dict[str, Any]]:
        for record in self._stream.records:
            code, value = record >> TIME_BITS, record & TIME_MASK
            if code < 0:
                self._leave(~code, value)
            elif code < MAX_ACTIONS:
                self._enter(code, value)
            else:
                self._mark(Mark(code), value - 1 if value else None)
        return self._calls

    def _enter(self, action: int, time_ns: int) -> None:
        entry = self._stream.actions[action]
        if self._stream.is_recorders(action):
            self._open.append((action, None, time_ns))
            return
        around = [call for _, call, _ in self._open if call is not None]
        self._open.append((action, len(self._calls), time_ns))
        self._calls.append(
            {
                "index": len(self._calls),
                "kind": entry["owner_kind"],
                "owner": entry["owner"],
                "instance": entry["instance"],
                "hook": entry["hook"],
                "depth": len(around),
                "parent": around[-1] if around else None,
                **self._place,
            }
        )

    def _leave(self, action: int, time_ns: int) -> None:
        """Ends the innermost call of that action, and with it those inside that were never left."""
        if all(entered != action for entered, _, _ in self._open):
            return
        while True:
            entered, call, start_ns = self._open.pop()
            self._left = call
            if call is not None:
                self._calls[call]["duration_ns"] = time_ns - start_ns
                self._calls[call]["failed"] = entered != action
            if entered == action:
                return

    def _mark(self, mark: Mark, value: int | None) -> None:
        if mark is Mark.ERROR:
            if self._left is not None:
                self._calls[self._left]["failed"] = True
        elif mark is Mark.CALL:
            self._place = {"function": None if value is None else FUNCTIONS[value]}
        elif mark is Mark.STAGE:
            self._place["stage"] = None if value is None else STAGES[value]
        elif mark in _FIELDS:
            self._place[_FIELDS[mark]] = value


_FIELDS = {Mark.EPOCH: "epoch", Mark.BATCH: "batch", Mark.STEP: "global_step", Mark.LOADER: "dataloader"}
