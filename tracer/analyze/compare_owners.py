"""Which hooks of two runs are the same: those of the same owner and name, whatever number each run gave the action."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tracer.analyze.stats import owner_name
from tracer.run.events import Action

_SINGLE_KINDS: Final = ("module", "datamodule", "strategy")


@dataclass(frozen=True)
class HookKey:
    """What is the same hook in both runs. Texts come from the recordings: untrusted.

    Attributes:
        owner_kind: Of its owner.
        owner: Its class, numbered from the second of a class on; the kind, where each run has one owner of that kind
            and their classes differ; empty for Lightning's own calls without an owner.
        hook: Its name.
    """

    owner_kind: str
    owner: str
    hook: str

    @property
    def label(self) -> str:
        """Owner and hook."""
        return f"{self.owner}.{self.hook}" if self.owner else self.hook


class Owners:
    """Finds the keys of the hooks of two runs."""

    def __init__(self, a: Sequence[Action], b: Sequence[Action]) -> None:
        sides = [_owners(a), _owners(b)]
        self._shared = frozenset(
            kind
            for kind in _SINGLE_KINDS
            if all(len(side[kind]) == 1 for side in sides) and sides[0][kind] != sides[1][kind]
        )
        self.replaced = tuple((kind, *(next(iter(side[kind])) for side in sides)) for kind in sorted(self._shared))
        """Owners of different classes that are taken for the same: kind, class in a, class in b."""

    def key(self, action: Action) -> HookKey:
        """The key of an action of one of the runs."""
        if action.owner_kind in self._shared:
            return HookKey(action.owner_kind, action.owner_kind, action.hook)
        return HookKey(action.owner_kind, owner_name(action) if action.owner else "", action.hook)

    def name(self, owner: str) -> str:
        """An owner of one of the runs, as it is called for both."""
        return next((kind for kind, *classes in self.replaced if owner in classes), owner)


def _owners(actions: Sequence[Action]) -> dict[str, set[str]]:
    owners: dict[str, set[str]] = defaultdict(set)
    for action in actions:
        owners[action.owner_kind].add(owner_name(action))
    return owners
