"""Findings about the order of calls: unpaired hooks, callbacks in another order than given, defaults left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tracer.analyze.findings_base import Finding, Int64Array, Material, Sure, owner_label
from tracer.run.info import CallbackInfo, OwnerInfo

_ORDERLESS = frozenset(
    {"setup", "teardown", "state_dict", "load_state_dict", "on_save_checkpoint", "on_load_checkpoint"}
)
"""Hooks of which it hardly matters which callback comes first."""


def unpaired(material: Material) -> Iterator[Finding]:
    """`*_start` without its `*_end`, in runs whose calls all came to their end."""
    calls = material.info.calls
    if not calls or not all(material.ended_well(call.function) and call.ended_ns is not None for call in calls):
        return
    missing: dict[str, list[tuple[str, int, int]]] = {}
    for action in material.trace.actions:
        if not action.hook.endswith("_start") or not material.counts[action.id]:
            continue
        start = int(material.counts[action.id])
        end = sum(
            int(material.counts[other.id])
            for other in material.actions(f"{action.hook.removesuffix('_start')}_end", kind=action.owner_kind)
            if (other.owner, other.instance) == (action.owner, action.instance)
        )
        # A strategy has starts that have no end (`on_train_batch_start`): it was never meant to have one.
        if end < start and (action.owner_kind != "strategy" or end):
            missing.setdefault(action.hook, []).append((action.label, start, end))
    for hook, owners in missing.items():
        yield _unpaired(hook, owners)


def _unpaired(hook: str, owners: list[tuple[str, int, int]]) -> Finding:
    end = f"{hook.removesuffix('_start')}_end"
    skipped = hook == "on_train_batch_start"
    return Finding(
        id="unpaired",
        title=f"{hook} without its {end}",
        what=f"{hook} began more often than {end} followed, though the run came to its end.",
        evidence=tuple(f"{label}: {start:,} times, {end} {ended:,} times" for label, start, ended in owners),
        next_step=(
            "look for an on_train_batch_start that returns -1: it skips the rest of the epoch, the batch's end included"
            if skipped
            else f"do not rely on {end} to undo what {hook} does"
        ),
        sure="certain",
        hooks=tuple(label for label, _, _ in owners),
    )


@dataclass(frozen=True)
class _Swap:
    first: CallbackInfo
    """Runs first, though it was given behind the other."""
    second: CallbackInfo
    hooks: tuple[str, ...]


def callback_order(material: Material) -> Iterator[Finding]:
    """Callbacks that run in another order than given, where the order can matter: both do something at one hook.

    Lightning's own callbacks are made for how Lightning sorts them: one of the two at least is the program's.
    """
    swaps = list(_swaps(material))
    if not swaps:
        return
    given = material.info.callbacks_given
    callbacks = material.info.callbacks
    moved = dict.fromkeys(_moved(swap) for swap in swaps)
    order = [
        f"given: {', '.join(given)}" if given else "",
        f"run:   {', '.join(callback.name for callback in callbacks if callback.origin == 'trainer')}",
        *(f"{_name(swap.first)} before {_name(swap.second)} at {', '.join(swap.hooks)}" for swap in swaps),
    ]
    yield Finding(
        id="callback-order",
        title=f"{' and '.join(_name(callback) for callback in moved)} not at the place given among the callbacks",
        what="; ".join(f"{_name(callback)}: {callback.reason}" for callback in moved) + ".",
        evidence=tuple(line for line in order if line),
        next_step="let no callback rely on running after one that saves checkpoints or before one that tunes",
        sure="certain",
        hooks=tuple(dict.fromkeys(f"{_name(swap.first)}.{hook}" for swap in swaps for hook in swap.hooks)),
    )


def _swaps(material: Material) -> Iterator[_Swap]:
    brings = {(owner.name, owner.instance): owner for owner in material.info.owners if owner.kind == "callback"}
    given = [callback for callback in material.info.callbacks if callback.given is not None]
    for first, second in combinations(given, 2):
        owners = [brings.get((callback.name, callback.instance)) for callback in (first, second)]
        if first.given is None or second.given is None or first.given < second.given or None in owners:
            continue
        shared = _shared_hooks(material, [owner for owner in owners if owner is not None])
        if shared:
            yield _Swap(first, second, shared)


def _shared_hooks(material: Material, owners: list[OwnerInfo]) -> tuple[str, ...]:
    a, b = (owner.overrides for owner in owners)
    return tuple(
        hook
        for hook in a
        if hook in b and hook not in _ORDERLESS and not (a[hook].library and b[hook].library) and material.count(hook)
    )


def _moved(swap: _Swap) -> CallbackInfo:
    """Which of the two Lightning moved: the one whose reason says where such callbacks run."""
    return swap.first if ";" in (swap.first.reason or "") else swap.second


def _name(callback: CallbackInfo) -> str:
    return f"{callback.name}#{callback.instance}" if callback.instance else callback.name


@dataclass(frozen=True)
class _Default:
    """What normally happens inside a hook of the module, so that its absence tells of a default left out."""

    hook: str
    inside: str
    inside_kind: str
    consequence: str
    next_step: str
    needs_mixin: bool
    sure: Sure


_DEFAULTS = (
    _Default(
        "optimizer_step",
        "step",
        "loop",
        "no optimizer stepped inside of it, so it updates no weights",
        "call super().optimizer_step(...), or optimizer.step(closure=optimizer_closure)",
        False,
        "likely",
    ),
    _Default(
        "configure_gradient_clipping",
        "clip_gradients",
        "module",
        "it never called clip_gradients, although gradient_clip_val is set",
        "call self.clip_gradients(...), or super().configure_gradient_clipping(...)",
        True,
        "possible",
    ),
    _Default(
        "on_validation_model_eval",
        "eval",
        "module",
        "it never called eval, so layers such as dropout validate in training mode",
        "call super().on_validation_model_eval()",
        True,
        "likely",
    ),
    _Default(
        "on_validation_model_train",
        "train",
        "module",
        "it never called train, so after the first validation the module trains in evaluation mode",
        "call super().on_validation_model_train()",
        True,
        "likely",
    ),
    _Default(
        "on_test_model_eval",
        "eval",
        "module",
        "it never called eval, so layers such as dropout test in training mode",
        "call super().on_test_model_eval()",
        True,
        "likely",
    ),
)


def default_left_out(material: Material) -> Iterator[Finding]:
    """Hooks of the module that hide Lightning's default without doing what it does, as far as the trace shows."""
    module = material.module
    if module is None:
        return
    for default in _DEFAULTS:
        override = module.overrides.get(default.hook)
        if override is None or override.library or (default.needs_mixin and not material.has_mixin):
            continue
        if default.hook == "configure_gradient_clipping" and not material.info.trainer.get("gradient_clip_val"):
            continue
        rows = material.rows(*material.actions(default.hook, kind="module"))
        rows = rows[material.trace.duration_ns[rows] >= 0]
        inside = material.rows(*material.actions(default.inside, kind=default.inside_kind))
        if len(rows) and not _any_inside(material, rows, inside):
            yield _left_out(module, default, override.defined_at, len(rows))


def _any_inside(material: Material, outer: Int64Array, inner: Int64Array) -> bool:
    """Whether any of the spans `inner` lies in one of `outer`; both in order of their start."""
    trace = material.trace
    before = np.searchsorted(outer, inner) - 1
    inner, before = inner[before >= 0], before[before >= 0]
    around = outer[before]
    return bool((trace.start_ns[inner] < trace.start_ns[around] + trace.duration_ns[around]).any())


def _left_out(module: OwnerInfo, default: _Default, place: str | None, calls: int) -> Finding:
    label = f"{owner_label(module)}.{default.hook}"
    return Finding(
        id="default-left-out",
        title=f"{label} leaves out what Lightning does there",
        what=f"{label} replaces Lightning's own, and {default.consequence}.",
        evidence=(f"{default.hook}: {calls:,} calls, {default.inside} inside: 0; defined at {place or '?'}",),
        next_step=default.next_step,
        sure=default.sure,
        hooks=(label,),
    )
