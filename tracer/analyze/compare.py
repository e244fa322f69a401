"""What changed from one run to another: configuration, the hooks that run, how often, and how long they take.

Runs of different length are compared by rate: calls per turn of the loop that a hook runs in, so that "every fourth
batch instead of every batch" shows and "three epochs instead of two" does not hide it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from tracer.analyze.config import ConfigChange, config_changes
from tracer.analyze.loops import LoopNode, LoopTree, loop_tree
from tracer.analyze.stats import hook_stats
from tracer.run.events import Action
from tracer.run.info import RunInfo
from tracer.run.trace import Trace

_SINGLE_KINDS = ("module", "datamodule", "strategy")


@dataclass(frozen=True)
class LoopLength:
    """How often a loop ran in each of the two runs; None where a run does not have it."""

    path: str
    a: int | None
    b: int | None


@dataclass(frozen=True)
class Place:
    """A loop that a hook runs in.

    Attributes:
        path: Of the loop, such as "fit > epoch > batch"; empty outside of all loops.
        calls: There.
        rate: Calls per turn of the loop.
    """

    path: str
    calls: int
    rate: float


@dataclass(frozen=True)
class HookSide:
    """A hook in one of the two runs. Times in ns; None where no call returned.

    Attributes:
        count: Calls.
        mean_ns: Mean duration of a call.
        self_ns: Sum of the self times.
        places: Where it runs, the place with the most calls first.
    """

    count: int
    mean_ns: float | None
    self_ns: int
    places: tuple[Place, ...]


@dataclass(frozen=True)
class RateChange:
    """How often a hook is called per turn of a loop that both runs have."""

    path: str
    a: float
    b: float


@dataclass(frozen=True)
class HookChange:
    """A hook that at least one of the two runs has; a side is None where that run never called it.

    Attributes:
        label: Owner and hook. Text from the recordings: untrusted.
        owner_kind: Of its owner.
        a, b: The two sides.
        rates: By loop that both runs have, where at least one of the two calls it.
    """

    label: str
    owner_kind: str
    a: HookSide | None
    b: HookSide | None
    rates: tuple[RateChange, ...]

    @property
    def rate_changes(self) -> tuple[RateChange, ...]:
        """The loops in which it is called at another rate; none for a hook that only one run has."""
        if self.a is None or self.b is None:
            return ()
        return tuple(rate for rate in self.rates if rate.a != rate.b)

    @property
    def time_differs(self) -> bool:
        """Whether both runs have it but a call took another time, on average."""
        if self.a is None or self.b is None:
            return False
        return self.a.mean_ns != self.b.mean_ns or self.self_change_ns != 0

    @property
    def mean_ratio(self) -> float | None:
        """Mean duration in b as a multiple of that in a; None where that cannot be said."""
        if self.a is None or self.b is None or not self.a.mean_ns or self.b.mean_ns is None:
            return None
        return self.b.mean_ns / self.a.mean_ns

    @property
    def self_ratio(self) -> float | None:
        """Self time in b as a multiple of that in a; None where that cannot be said."""
        if self.a is None or self.b is None or not self.a.self_ns:
            return None
        return self.b.self_ns / self.a.self_ns

    @property
    def self_change_ns(self) -> float:
        """Self time in b beyond what as many calls took in a; 0 for a hook that only one run has."""
        if self.a is None or self.b is None:
            return 0.0
        return (self.b.self_ns * self.a.count - self.a.self_ns * self.b.count) / self.a.count


@dataclass(frozen=True)
class Comparison:
    """What changed from a to b.

    Attributes:
        config: Changed settings.
        lengths: All loops of the two runs, outermost first.
        hooks: All hooks of the two runs, in the order in which a (then b) first called them.
    """

    config: tuple[ConfigChange, ...]
    lengths: tuple[LoopLength, ...]
    hooks: tuple[HookChange, ...]

    @property
    def only_a(self) -> tuple[HookChange, ...]:
        """Hooks that b never called."""
        return tuple(hook for hook in self.hooks if hook.b is None)

    @property
    def only_b(self) -> tuple[HookChange, ...]:
        """Hooks that a never called."""
        return tuple(hook for hook in self.hooks if hook.a is None)

    @property
    def calls(self) -> tuple[HookChange, ...]:
        """Hooks that the two runs call at another rate."""
        return tuple(hook for hook in self.hooks if hook.rate_changes)

    @property
    def times(self) -> tuple[HookChange, ...]:
        """Hooks that both runs have and that took another time, the largest change first (see `self_change_ns`)."""
        changed = (hook for hook in self.hooks if hook.time_differs)
        return tuple(sorted(changed, key=lambda hook: -abs(hook.self_change_ns)))

    @property
    def same(self) -> bool:
        """Whether nothing differs at all."""
        lengths_differ = any(length.a != length.b for length in self.lengths)
        return not (self.config or lengths_differ or self.only_a or self.only_b or self.calls or self.times)


def compare(a: Trace, b: Trace, a_info: RunInfo, b_info: RunInfo) -> Comparison:
    """Compares two recordings; `a` is the baseline.

    Hooks are matched by owner and name. Where each run has one module (datamodule, strategy), these two are taken for
    the same owner even if their classes differ.
    """
    trees = loop_tree(a), loop_tree(b)
    turns = _turns(trees[0]), _turns(trees[1])
    shared = _shared_owners(a, b)
    sides_a, sides_b = (
        _sides(trace, tree, shared, counts) for trace, tree, counts in zip((a, b), trees, turns, strict=True)
    )
    common = turns[0].keys() & turns[1].keys()
    return Comparison(
        config=config_changes(a_info, b_info),
        lengths=tuple(
            LoopLength(path, turns[0].get(path), turns[1].get(path)) for path in dict.fromkeys((*turns[0], *turns[1]))
        ),
        hooks=tuple(
            _change(key, sides_a.get(key), sides_b.get(key), common) for key in dict.fromkeys((*sides_a, *sides_b))
        ),
    )


@dataclass(frozen=True)
class _Key:
    owner_kind: str
    label: str


def _shared_owners(a: Trace, b: Trace) -> frozenset[str]:
    """The owner kinds of which each run has exactly one owner, and not of the same class."""
    owners = [_owners(a), _owners(b)]
    return frozenset(
        kind
        for kind in _SINGLE_KINDS
        if all(len(side[kind]) == 1 for side in owners) and owners[0][kind] != owners[1][kind]
    )


def _owners(trace: Trace) -> dict[str, set[tuple[str, int]]]:
    owners: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for action in trace.actions:
        owners[action.owner_kind].add((action.owner, action.instance))
    return owners


def _key(action: Action, shared: frozenset[str]) -> _Key:
    if action.owner_kind in shared:
        return _Key(action.owner_kind, f"{action.owner_kind}.{action.hook}")
    return _Key(action.owner_kind, action.label)


def _change(key: _Key, a: HookSide | None, b: HookSide | None, common: Set[str]) -> HookChange:
    rates_a, rates_b = ({place.path: place.rate for place in side.places} if side else {} for side in (a, b))
    paths = (path for path in dict.fromkeys((*rates_a, *rates_b)) if path in common or not path)
    rates = (RateChange(path, rates_a.get(path, 0.0), rates_b.get(path, 0.0)) for path in paths)
    return HookChange(key.label, key.owner_kind, a, b, tuple(rates))


def _sides(trace: Trace, tree: LoopTree, shared: frozenset[str], turns: Mapping[str, int]) -> dict[_Key, HookSide]:
    """Every hook that ran, in the order of the loop."""
    stats = {(stat.owner_kind, stat.label): stat for stat in hook_stats(trace)}
    calls: dict[int, Counter[str]] = defaultdict(Counter)
    for node, path in _paths(tree):
        if node.kind == "span":
            calls[node.action][path] += int(tree.count[node.id])
    sides: dict[_Key, HookSide] = {}
    for number, by_path in calls.items():
        action = trace.actions[number]
        stat = stats[action.owner_kind, action.label]
        places = tuple(Place(path, n, n / turns.get(path, 1)) for path, n in by_path.most_common())
        sides[_key(action, shared)] = HookSide(stat.count, stat.mean_ns, stat.self_ns, places)
    return sides


def _turns(tree: LoopTree) -> dict[str, int]:
    """Turns of every loop by its path, outermost first."""
    turns: dict[str, int] = {}
    for node, path in _paths(tree):
        if node.kind != "span":
            turns[path] = turns.get(path, 0) + int(tree.count[node.id])
    return turns


def _paths(tree: LoopTree) -> Iterator[tuple[LoopNode, str]]:
    """Every node with the path of the loops that it is in (itself, for a loop), whatever spans lie between them."""
    paths: dict[int, str] = {-1: ""}
    for node in tree.nodes():
        path = paths[node.parent]
        if node.kind != "span":
            path = f"{path} > {node.label}" if path else node.label
        paths[node.id] = path
        yield node, path
