"""Which parts of the folded loop somebody wants to see: of a stage, of some owners, with a function of their own."""

from collections.abc import Collection

import numpy as np

from tracer.analyze.fold import Part
from tracer.analyze.fold_paths import BoolArray
from tracer.analyze.fold_tokens import Tokens
from tracer.analyze.pauses import is_pause
from tracer.run.events import Action
from tracer.run.layout import OWNER_KINDS, STAGES
from tracer.run.trace import Trace

_STEPS = frozenset({"training_step", "validation_step", "test_step", "predict_step"})
"""Hooks of the strategy that run the module's function of that name (strategies/strategy.py `training_step`, ...)."""


def selected(
    whole: Part, structure: Tokens, trace: Trace, stage: str | None, owners: Collection[str], overridden_only: bool
) -> frozenset[Part]:
    """The parts that somebody wants to see, and those around them.

    Args:
        whole: The fold of `structure`.
        structure: The tokens of `trace`.
        trace: The run.
        stage: One of `layout.STAGES`; None is all.
        owners: As `unknown_owners` knows them; empty is all.
        overridden_only: Whether only calls count that run a function of the owner's own.
    """
    wanted = _wanted(trace, owners, overridden_only)
    in_stage = np.append(trace.contexts.stage == STAGES.index(stage), False) if stage else None
    kept: set[Part] = set()
    for part in reversed(list(whole.walk())):  # those below first
        calls = part.code >= 0 and bool(wanted[part.code])
        if calls and in_stage is not None:
            calls = bool(in_stage[trace.context[structure.row[part.starts]]].any())
        if calls or any(inner in kept for inner in part.body):
            kept.add(part)
    return frozenset(kept)


def stages(trace: Trace) -> tuple[str, ...]:
    """The stages that a run has calls in, in the order of `layout.STAGES`."""
    seen = np.unique(trace.contexts.stage[trace.context[trace.context >= 0]])
    return tuple(STAGES[number] for number in seen.tolist() if number >= 0)


def owner_labels(trace: Trace) -> tuple[str, ...]:
    """Who is called in a run, in order of appearance: `EarlyStopping`, `EarlyStopping#1`."""
    return tuple(dict.fromkeys(action.owner_label for action in trace.actions if action.owner and not is_pause(action)))


def unknown_owners(trace: Trace, owners: Collection[str]) -> tuple[str, ...]:
    """Those of `owners` that nobody in the run answers to.

    An owner is named by class (all of that class), by class and number (`EarlyStopping#1`, or `#0` for the first), or
    by kind (`callback`, `module`, ...), in upper or lower case. Kinds are always known.
    """
    known = frozenset(OWNER_KINDS).union(*(_names(action) for action in trace.actions if not is_pause(action)))
    return tuple(owner for owner in owners if owner.lower() not in known)


def runs_module(action: Action) -> bool:
    """Whether a call of the strategy stands for the module's step of that name, which has no call of its own."""
    return action.owner_kind == "strategy" and action.hook in _STEPS


def _wanted(trace: Trace, owners: Collection[str], overridden_only: bool) -> BoolArray:
    """By action, whether it is one of those asked for."""
    asked = frozenset(owner.lower() for owner in owners)
    modules = frozenset().union(*(_names(action) for action in trace.actions if action.owner_kind == "module"))

    def wants(action: Action) -> bool:
        own = runs_module(action) or bool(action.overridden)
        answers = _names(action) | modules if runs_module(action) else _names(action)
        return (not asked or bool(asked & answers)) and (not overridden_only or own)

    return np.array([wants(action) for action in trace.actions], np.bool_)


def _names(action: Action) -> frozenset[str]:
    """All that an action's owner answers to."""
    owner = action.owner.lower()
    return frozenset({action.owner_kind, owner, f"{owner}#{action.instance}"} if owner else {action.owner_kind})
