"""What a finding is, and what the search for findings looks at: one trace with its run.json, sums worked out once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tracer.analyze.pauses import Pauses, is_pause
from tracer.run.events import Action
from tracer.run.info import OwnerInfo, RunInfo
from tracer.run.layout import FUNCTIONS, STAGES
from tracer.run.trace import Trace

if TYPE_CHECKING:
    from tracer.analyze.findings_training import Training

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Sure = Literal["certain", "likely", "possible"]

_STEPS = ("training_step", "validation_step", "test_step", "predict_step")
ENDED_WELL = ("finished", "stopped")


@dataclass(frozen=True)
class Finding:
    """Something about a run that its author probably wants to know. Names in its texts are untrusted.

    Attributes:
        id: Its kind, the same in every run: `never-called`, `loader-wait`, ...
        title: In a line.
        what: What that means.
        evidence: What was seen, with numbers, a line each.
        next_step: What to do about it.
        sure: Whether the evidence proves it ("certain"), or how well it supports it.
        hooks: Labels of the actions concerned, the most important first.
        time_ns: The time in question, pauses not counted; None where it is not about time.
        share: Part of the time that `what` names which `time_ns` is, 0 to 1.
    """

    id: str
    title: str
    what: str
    evidence: tuple[str, ...]
    next_step: str
    sure: Sure
    hooks: tuple[str, ...] = ()
    time_ns: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class Material:
    """A trace and its run.json, with what several searches need of them."""

    trace: Trace
    info: RunInfo

    @cached_property
    def counts(self) -> Int64Array:
        """Calls by action."""
        return np.bincount(self.trace.action, minlength=len(self.trace.actions)).astype(np.int64)

    @cached_property
    def pauses(self) -> Pauses:
        """When somebody held the training."""
        pauses = Pauses()
        pauses.advance(self.trace)
        return pauses

    @property
    def pause_actions(self) -> list[Action]:
        """The actions that stand for a held training."""
        return [action for action in self.trace.actions if is_pause(action)]

    @cached_property
    def training(self) -> "Training":
        """The times of the training."""
        from tracer.analyze.findings_training import Training

        return Training(self)

    def ended_well(self, function: str) -> bool:
        """Whether that trainer function ran to its end."""
        return any(call.function == function and call.state in ENDED_WELL for call in self.info.calls)

    @property
    def trained(self) -> bool:
        """Whether a whole training is in the trace, with a batch at least."""
        return self.ended_well("fit") and self.count("run_training_batch") > 0

    @cached_property
    def _by_hook(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for action in self.trace.actions:
            if not is_pause(action):
                found.setdefault(action.hook, []).append(action.id)
        return found

    def actions(self, *hooks: str, kind: str | None = None) -> list[Action]:
        """The actions of these hooks, of any owner or of one kind, that were called."""
        numbers = [number for hook in hooks for number in self._by_hook.get(hook, ()) if self.counts[number]]
        found = [self.trace.actions[number] for number in numbers]
        return [action for action in found if kind is None or action.owner_kind == kind]

    def count(self, *hooks: str, kind: str | None = None) -> int:
        """Calls of these hooks."""
        return int(sum(self.counts[action.id] for action in self.actions(*hooks, kind=kind)))

    def count_of(self, owner: OwnerInfo, hook: str) -> int:
        """Calls of a hook of one owner. The module's steps are called through the strategy."""
        if hook in _STEPS:
            return self.count(hook, kind="strategy")
        return int(
            sum(self.counts[action.id] for action in self.actions(hook, kind=owner.kind) if _is_of(action, owner))
        )

    def rows(self, *actions: Action) -> Int64Array:
        """The rows of these actions, in order of their start."""
        wanted = np.zeros(max(len(self.trace.actions), 1), np.bool_)
        wanted[[action.id for action in actions]] = True
        return np.flatnonzero(wanted[self.trace.action])

    @property
    def module(self) -> OwnerInfo | None:
        """What the module brings, if the run says."""
        return next((owner for owner in self.info.owners if owner.kind == "module"), None)

    @property
    def manual(self) -> bool:
        """Whether the module steps its optimizers itself: otherwise the last batch at least steps one."""
        return self.trained and self.count("optimizer_step", kind="module") == 0

    @property
    def has_mixin(self) -> bool:
        """Whether the calls within the module were recorded: the mixin sees `zero_grad` in every trainer function."""
        return self.count("zero_grad", kind="module") > 0

    def own_overrides(self) -> Iterator[tuple[OwnerInfo, str]]:
        """The hooks that the program itself overrides, by owner."""
        for owner in self.info.owners:
            for hook, override in owner.overrides.items():
                if not override.library:
                    yield owner, hook


def _is_of(action: Action, owner: OwnerInfo) -> bool:
    return action.owner == owner.name and action.instance == owner.instance


def owner_label(owner: OwnerInfo) -> str:
    """An owner as people tell it apart."""
    return f"{owner.name}#{owner.instance}" if owner.instance else owner.name


FIT = FUNCTIONS.index("fit")
TRAIN, VALIDATE = STAGES.index("train"), STAGES.index("validate")
