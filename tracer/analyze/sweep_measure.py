"""What a sweep needs to know of each of its trainings: how often hooks are called, and how long batches take."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tracer.analyze.findings_base import FIT, TRAIN, Material
from tracer.analyze.loops import LoopNode, LoopTree, loop_tree
from tracer.analyze.pauses import is_pause
from tracer.run.events import Action, Int64Array
from tracer.run.info import RunInfo
from tracer.run.metrics import FloatArray, Metrics
from tracer.run.trace import Trace

_SINGLE_KINDS = ("module", "datamodule", "strategy")
"""Kinds of owners of which a training has one: it is the same owner in two trainings, whatever its class."""


@dataclass(frozen=True)
class Hook:
    """What is the same hook in two trainings: its kind of owner, its owner if there can be several, and its name."""

    owner_kind: str
    owner: str
    name: str


@dataclass(frozen=True)
class Measured:
    """One training. Times in ns, pauses left out. Texts come from the recording: untrusted.

    Attributes:
        turns: By path of a loop, such as "fit > epoch > batch", how many turns it took.
        calls: By hook and path of the loop around it (empty outside of all), how often it was called there.
        labels: By hook, its owner and name.
        period_ns: From the start of each training batch to that of the next one in the epoch.
        calls_a_batch: Hook calls in a training batch; None without one.
        metrics: The last value of each that was logged, be it nan.
    """

    turns: Mapping[str, int]
    calls: Mapping[tuple[Hook, str], int]
    labels: Mapping[Hook, str]
    period_ns: Int64Array
    calls_a_batch: float | None
    metrics: Mapping[str, float]

    @cached_property
    def hooks(self) -> frozenset[Hook]:
        """All hooks that were called."""
        return frozenset(hook for hook, _ in self.calls)

    @property
    def batch_ns(self) -> float | None:
        """Median time of a training batch; None where there are too few."""
        return float(np.median(self.period_ns)) if len(self.period_ns) else None

    @property
    def batches_per_s(self) -> float | None:
        """Training batches a second within epochs, validation between them included."""
        total = int(self.period_ns.sum())
        return len(self.period_ns) * 1e9 / total if total else None


def measure(trace: Trace, info: RunInfo, metrics: Metrics) -> Measured:
    """Looks at one rank of a training."""
    tree = loop_tree(trace)
    turns: Counter[str] = Counter()
    calls: Counter[tuple[Hook, str]] = Counter()
    labels: dict[Hook, str] = {}
    for node, path in _paths(tree):
        count = int(tree.count[node.id])
        if node.kind != "span":
            turns[path] += count
        elif not is_pause(action := trace.actions[node.action]):
            hook = _hook(action)
            calls[hook, path] += count
            labels.setdefault(hook, action.label)
    last = {name: _last(metrics.columns[name]) for name in metrics.names}
    return Measured(
        turns=turns,
        calls=calls,
        labels=labels,
        period_ns=Material(trace, info).training.period_ns,
        calls_a_batch=_calls_a_batch(trace, turns),
        metrics={name: value for name, value in last.items() if value is not None},
    )


def _hook(action: Action) -> Hook:
    return Hook(action.owner_kind, "" if action.owner_kind in _SINGLE_KINDS else _owner(action), action.hook)


def _owner(action: Action) -> str:
    return f"{action.owner}#{action.instance}" if action.instance else action.owner


def _paths(tree: LoopTree) -> Iterator[tuple[LoopNode, str]]:
    """Every node with the path of the loops that it is in (itself, for a loop), whatever spans lie between them."""
    paths: dict[int, str] = {-1: ""}
    for node in tree.nodes():
        path = paths[node.parent]
        if node.kind != "span":
            path = f"{path} > {node.label}" if path else node.label
        paths[node.id] = path
        yield node, path


def _calls_a_batch(trace: Trace, turns: Mapping[str, int]) -> float | None:
    batches = sum(
        count for path, count in turns.items() if path.startswith("fit > ") and path.endswith("epoch > batch")
    )
    in_fit = (trace.column("function") == FIT) & (trace.column("stage") == TRAIN)
    return int((in_fit & (trace.column("batch") >= 0)).sum()) / batches if batches else None


def _last(column: FloatArray) -> float | None:
    """The last value that was logged (see `Metrics` for how nan is told from nothing); None if none was."""
    logged = np.flatnonzero(~np.isnan(column) | np.signbit(column))
    return float(column[logged[-1]]) if len(logged) else None
