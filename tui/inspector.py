"""Everything about one hook: what it is for, whose it is, where and why there, who else is, what it takes, its source.

Worked out once a poll for the hook that the user points at; the widget only paints lines.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tracer.analyze.figures import ActionFigures, ActionStats
from tracer.analyze.loops import LoopNode, Loops
from tracer.analyze.pauses import Pauses, is_pause
from tracer.analyze.why import why
from tracer.run.events import Action
from tracer.run.trace import Trace
from tui.source import Source, Sources
from tui.wish import Wish

_KEPT: Final = 32


@dataclass(frozen=True)
class Inspection:
    """What there is to say about a hook.

    Attributes:
        action: the hook.
        following: whether it was chosen because it is open, not by the user.
        path: the places around its place in the loop, outermost first.
        places: at how many places in the loop it is called.
        called: who is called for the same hook at that place, in order, itself among them.
        figures: its statistics.
        share: part of the run's time that it took itself, 0 to 1.
        run_ns: how long the run has been going.
        why: one sentence on why it is called where it is; None if there is nothing to say.
        source: of the function that runs.
    """

    action: Action
    following: bool = False
    path: tuple[LoopNode, ...] = ()
    places: int = 0
    called: tuple[Action, ...] = ()
    figures: ActionFigures = field(default_factory=ActionFigures)
    share: float = 0.0
    run_ns: int = 0
    why: str | None = None
    source: Source = field(default_factory=Source)


class Inspector:
    """Answers from poll to poll."""

    def __init__(self) -> None:
        self._sources = Sources()
        self._stats: OrderedDict[int, ActionStats] = OrderedDict()
        self._generation = 0
        self._asked = (-1, -1)
        self._number = -1

    def is_new(self, wish: Wish) -> bool:
        """Whether another hook was asked for: its answer should not wait."""
        return (wish.action, wish.row) != self._asked

    def inspect(self, trace: Trace, loops: Loops, pauses: Pauses, wish: Wish, generation: int) -> Inspection | None:
        """What there is to say about the hook that the user points at, or that is open; None if there is none.

        Args:
            trace: the spans so far.
            loops: the loops of `trace`.
            pauses: have taken in `trace`.
            wish: what the user points at.
            generation: as in `tui.feed.Moment`: a new one voids what is known of the trace.
        """
        self._asked = (wish.action, wish.row)
        if generation != self._generation:
            self._generation = generation
            self._stats.clear()
        following = not 0 <= wish.action < len(trace.actions)
        self._number = _open_action(trace, self._number) if following else wish.action
        if not 0 <= self._number < len(trace.actions):
            return None
        action = trace.actions[self._number]
        row = wish.row if not following else next(iter(trace.open_rows[::-1]), -1)
        path, called, places = _place(trace, loops, self._number, row)
        figures = self._figures(trace, pauses)
        began_ns = int(trace.contexts.start_ns[0]) if len(trace.contexts) else 0
        run_ns = max(1, trace.now_ns - began_ns - int(pauses.duration_ns.sum()))
        return Inspection(
            action=action,
            following=following,
            path=path,
            places=places,
            called=called,
            figures=figures,
            share=min(1.0, figures.self_ns / run_ns),
            run_ns=trace.now_ns,
            why=why(action.hook, action.owner_kind),
            source=self._sources.of(action.defined_at, trace.started_at.timestamp()),
        )

    def _figures(self, trace: Trace, pauses: Pauses) -> ActionFigures:
        stats = self._stats.setdefault(self._number, ActionStats(self._number))
        self._stats.move_to_end(self._number)
        if len(self._stats) > _KEPT:
            self._stats.popitem(last=False)
        stats.advance(trace, pauses)
        return stats.figures()


def _open_action(trace: Trace, before: int) -> int:
    """The innermost open hook that is no pause; the one before if none is open."""
    numbers = [int(trace.action[row]) for row in trace.open_rows]
    return next((number for number in reversed(numbers) if not is_pause(trace.actions[number])), before)


def _place(trace: Trace, loops: Loops, number: int, row: int) -> tuple[tuple[LoopNode, ...], tuple[Action, ...], int]:
    """The places around that of an action, who is called there for the same hook, and how many such places there are.

    Of several places it is the one of `row`; without a row of the action, the one where it is called most.
    """
    nodes = loops.nodes()
    own = [node for node in nodes if node.action == number]
    if not own:
        return (), (), 0
    chosen = max(own, key=lambda node: int(loops.count[node.id]))
    if 0 <= row < len(trace) and int(trace.action[row]) == number:
        identifier = int(loops.path_of(np.array([row]))[0])
        chosen = next((node for node in own if node.id == identifier), chosen)
    by_id = {node.id: node for node in nodes}
    path = []
    node = by_id.get(chosen.parent)
    while node is not None:
        path.append(node)
        node = by_id.get(node.parent)
    hook = trace.actions[number].hook
    siblings = (trace.actions[node.action] for node in nodes if node.parent == chosen.parent and node.action >= 0)
    called = tuple(dict.fromkeys(action for action in siblings if action.hook == hook))
    return tuple(reversed(path)), called, len(own)
