"""What there is to see along a whole recording: chapters to go to, pauses, and stretches in which nothing happened.

Found once, as the spans are taken in; the transport bar and the goto dialog show it.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

import numpy as np

from tracer.analyze.moments import SAVING
from tracer.analyze.pauses import Pauses
from tracer.run.events import Int64Array
from tracer.run.layout import FUNCTIONS, STAGES
from tracer.run.trace import Contexts, Trace, function_name
from tui.text import clock_text

ChapterKind = Literal["call", "epoch", "validation", "checkpoint"]

SILENCE_NS: Final = 1_000_000_000
"""No event for longer than this is a silence."""
_FIT: Final = FUNCTIONS.index("fit")
_VALIDATE: Final = STAGES.index("validate")
_NONE: Final = np.empty(0, np.int64)


@dataclass(frozen=True)
class Chapter:
    """A place that people look for: where a call of the trainer, an epoch, a validation begins, or a checkpoint."""

    kind: ChapterKind
    time_ns: int
    label: str


@dataclass(frozen=True)
class Landmarks:
    """What was found so far. Times in ns since the run's start; nothing of it is ever changed.

    Attributes:
        chapters: In order of time.
        silent_from, silent_to: The stretches without an event, in order.
        paused_from, paused_to: The pauses at the gate that are over, in order.
    """

    chapters: tuple[Chapter, ...] = ()
    silent_from: Int64Array = field(default_factory=_NONE.copy)
    silent_to: Int64Array = field(default_factory=_NONE.copy)
    paused_from: Int64Array = field(default_factory=_NONE.copy)
    paused_to: Int64Array = field(default_factory=_NONE.copy)

    @cached_property
    def chapter_times_ns(self) -> Mapping[ChapterKind, Int64Array]:
        """When the chapters of each kind begin."""
        times: dict[ChapterKind, list[int]] = defaultdict(list)
        for chapter in self.chapters:
            times[chapter.kind].append(chapter.time_ns)
        return {kind: np.array(found, np.int64) for kind, found in times.items()}


def chapter_text(chapter: Chapter) -> str:
    """A chapter as a list shows it: when, and what."""
    return f"{clock_text(chapter.time_ns, tenths=True)}  {chapter.label}"


class LandmarkFinder:
    """Follows a trace that grows."""

    def __init__(self) -> None:
        self.found = Landmarks()
        self._pauses = Pauses()
        self._contexts = self._rows = 0
        self._latest_ns = 0
        self._saved_in = -1

    def advance(self, trace: Trace) -> None:
        """Takes in what was added since the last call."""
        if trace.now_ns == self._latest_ns and len(trace) == self._rows:
            return
        self._pauses.advance(trace)
        new = sorted([*self._new_loops(trace.contexts), *self._new_checkpoints(trace)], key=lambda c: c.time_ns)
        begin, end = self._new_silences(trace)
        self._contexts, self._rows, self._latest_ns = len(trace.contexts), len(trace), trace.now_ns
        before = self.found
        if not new and not len(begin) and len(self._pauses) == len(before.paused_from):
            return
        self.found = Landmarks(
            chapters=(*before.chapters, *new),
            silent_from=np.append(before.silent_from, begin),
            silent_to=np.append(before.silent_to, end),
            paused_from=self._pauses.start_ns,
            paused_to=self._pauses.start_ns + self._pauses.duration_ns,
        )

    def _new_loops(self, contexts: Contexts) -> list[Chapter]:
        """Calls, epochs and validations that begin in the new contexts, compared with the last known one."""
        first = max(0, self._contexts - 1)
        call, function, epoch, stage, start_ns = (
            np.concatenate(([-2] if self._contexts == 0 else [], getattr(contexts, name)[first:])).astype(np.int64)
            for name in ("call", "function", "epoch", "stage", "start_ns")
        )
        calls = np.flatnonzero(call[1:] != call[:-1]) + 1
        in_fit = function[1:] == _FIT
        epochs = np.flatnonzero((epoch[1:] != epoch[:-1]) & (epoch[1:] >= 0) & in_fit) + 1
        validations = np.flatnonzero((stage[1:] == _VALIDATE) & (stage[:-1] != _VALIDATE) & in_fit) + 1
        return [
            *(Chapter("call", int(start_ns[i]), function_name(int(function[i])) or "trainer") for i in calls.tolist()),
            *(Chapter("epoch", int(start_ns[i]), f"epoch {epoch[i] + 1}") for i in epochs.tolist()),
            *(Chapter("validation", int(start_ns[i]), f"validation {epoch[i] + 1}") for i in validations.tolist()),
        ]

    def _new_checkpoints(self, trace: Trace) -> list[Chapter]:
        """Where a checkpoint is saved: once for all that are saved at the same place of the loop."""
        actions = [action.id for action in trace.actions if action.hook in SAVING]
        if not actions:
            return []
        rows = self._rows + np.flatnonzero(np.isin(trace.action[self._rows :], actions))
        found = []
        for row in rows.tolist():
            context = int(trace.context[row])
            if context == self._saved_in:
                continue
            self._saved_in = context
            step = int(trace.contexts.global_step[context]) if context >= 0 else -1
            found.append(
                Chapter("checkpoint", int(trace.start_ns[row]), f"checkpoint {step}" if step >= 0 else "checkpoint")
            )
        return found

    def _new_silences(self, trace: Trace) -> tuple[Int64Array, Int64Array]:
        """Stretches without an event from the last known one on: between two starts, unless something ended there."""
        times = np.concatenate(([self._latest_ns], trace.start_ns[self._rows :], [trace.now_ns]))
        long = np.flatnonzero(np.diff(times) > SILENCE_NS)
        begin, end = [_NONE], [_NONE]
        for index in long.tolist():
            ends = self._ends_between(trace, self._rows + index - 1, int(times[index]), int(times[index + 1]))
            points = np.concatenate(([times[index]], ends, [times[index + 1]]))
            quiet = np.flatnonzero(np.diff(points) > SILENCE_NS)
            begin.append(points[quiet])
            end.append(points[quiet + 1])
        return np.concatenate(begin), np.concatenate(end)

    def _ends_between(self, trace: Trace, row: int, after_ns: int, before_ns: int) -> Int64Array:
        """When spans ended between the start of `row` and the next: those around it and itself, if they did."""
        ends = []
        while row >= 0:
            if trace.duration_ns[row] >= 0 and after_ns < trace.end_ns(row) < before_ns:
                ends.append(trace.end_ns(row))
            row = int(trace.parent[row])
        return np.sort(np.array(ends, np.int64))
