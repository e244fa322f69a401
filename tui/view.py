"""The loop view as columns and arithmetic: which rows there are, and the text of one row.

A widget asks for the rows that it shows and no others. All numbers are copied out of the growing tree once a poll, so
that painting never meets arrays that a thread is writing.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np

from tracer.analyze.loops import LoopNode, Loops
from tracer.analyze.pauses import is_pause
from tracer.run.events import Action
from tracer.run.trace import Trace
from tui.groups import group_callbacks, is_group
from tui.palette import owner_look
from tui.text import Line, count_text, duration_text, fit, fit_name, percent_text

_COUNT, _MEAN, _TOTAL, _SHARE = 7, 8, 8, 6
_ROOMY: Final = 76
HERE: Final = "▶"
OVERRIDDEN: Final = "*"
"""Stands behind the name of a hook that is not Lightning's own default."""


@dataclass(frozen=True)
class LoopView:
    """The loop at one moment.

    Attributes:
        nodes: all places, in pre-order, with callbacks that are asked for the same hook in groups.
        actions: of the trace, by number.
        count: by node id: how often it ran.
        total_ns: by node id: time in it so far, that of open spans included.
        members: by id of a group: how many callbacks are in it.
        own: by id of a group: how many of them override the hook.
        open: ids of the nodes that are open: "you are here".
        whole_ns: the time that shares are of.
    """

    nodes: tuple[LoopNode, ...] = ()
    actions: tuple[Action, ...] = ()
    count: Mapping[int, int] = field(default_factory=dict)
    total_ns: Mapping[int, int] = field(default_factory=dict)
    members: Mapping[int, int] = field(default_factory=dict)
    own: Mapping[int, int] = field(default_factory=dict)
    open: frozenset[int] = frozenset()
    whole_ns: int = 0

    def mean_ns(self, node: int) -> float | None:
        """Mean time of one run of a node; None before the first."""
        return self.total_ns[node] / self.count[node] if self.count[node] else None

    def share(self, node: int) -> float:
        """Part of the run's time that was spent in a node, 0 to 1."""
        return min(1.0, self.total_ns[node] / self.whole_ns) if self.whole_ns > 0 else 0.0


def loop_view(tree: Loops, trace: Trace, now_ns: int, ended: bool) -> LoopView:
    """The tree as it is now. Pauses at the gate are no part of it, and their time is none of the loop's.

    Args:
        tree: has taken in `trace`.
        trace: the spans so far.
        now_ns: the moment; open spans count up to it.
        ended: whether nothing more will come. Then only spans that were never left are open.
    """
    nodes = tree.nodes()
    count, total = tree.count.tolist(), tree.total_ns.tolist()
    open_rows = np.asarray(trace.open_rows, np.int64)
    for row, node_id in zip(trace.open_rows, tree.path_of(open_rows).tolist(), strict=True):
        total[node_id] += max(0, now_ns - int(trace.start_ns[row]))
    _cover_parts(nodes, total)
    began_ns = int(trace.contexts.start_ns[0]) if len(trace.contexts) else 0
    nodes, paused_ns = _without_pauses(nodes, trace.actions, total)
    grouped = group_callbacks(nodes, trace.actions)
    open_nodes = frozenset() if ended and not trace.open_rows else tree.open_nodes(trace)
    in_group = [node for node in grouped if is_group(node.parent)]
    return LoopView(
        nodes=grouped,
        actions=trace.actions,
        count=dict(enumerate(count)) | {node.parent: count[-2 - node.parent] for node in in_group},
        total_ns=dict(enumerate(total)) | _sums(in_group, total),
        members=Counter(node.parent for node in in_group),
        own=Counter(node.parent for node in in_group if trace.actions[node.action].overridden),
        open=open_nodes | {node.parent for node in in_group if node.id in open_nodes},
        whole_ns=now_ns - began_ns - paused_ns,
    )


def _without_pauses(
    nodes: tuple[LoopNode, ...], actions: Sequence[Action], total_ns: list[int]
) -> tuple[tuple[LoopNode, ...], int]:
    """The nodes that are no pauses, whose time is taken out of all that is around them; and how long that is in all."""
    waiting = {action.id for action in actions if is_pause(action)}
    pauses = [node for node in nodes if node.action in waiting]
    if not pauses:
        return nodes, 0
    parent_of = {node.id: node.parent for node in nodes}
    for pause in pauses:
        around = pause.parent
        while around >= 0:
            total_ns[around] = max(0, total_ns[around] - total_ns[pause.id])
            around = parent_of[around]
    return tuple(node for node in nodes if node.action not in waiting), sum(total_ns[node.id] for node in pauses)


def _sums(in_group: list[LoopNode], total_ns: list[int]) -> Counter[int]:
    """Time of each group: that of its members."""
    sums: Counter[int] = Counter()
    for node in in_group:
        sums[node.parent] += total_ns[node.id]
    return sums


def _cover_parts(nodes: tuple[LoopNode, ...], total_ns: list[int]) -> None:
    """Raises the time of loops to that of their parts.

    A loop's own time runs to the end of its last closed span; while a long one is open inside, the parts know more.
    """
    parts = [0] * len(total_ns)
    for node in reversed(nodes):
        if node.kind != "span":
            total_ns[node.id] = max(total_ns[node.id], parts[node.id])
        if node.parent >= 0:
            parts[node.parent] += total_ns[node.id]


def visible_nodes(nodes: tuple[LoopNode, ...], collapsed: Collection[int]) -> tuple[LoopNode, ...]:
    """The nodes that are not below a collapsed one, in order."""
    shown = []
    hidden_below = None
    for node in nodes:
        if hidden_below is not None and node.depth > hidden_below:
            continue
        hidden_below = node.depth if node.id in collapsed else None
        shown.append(node)
    return tuple(shown)


def parents(nodes: tuple[LoopNode, ...]) -> frozenset[int]:
    """Ids of the nodes that have children."""
    return frozenset(node.parent for node in nodes)


def here_index(shown: tuple[LoopNode, ...], open_nodes: Collection[int]) -> int | None:
    """Index of the innermost open node among the shown ones; None if none is open."""
    found = [(node.depth, index) for index, node in enumerate(shown) if node.id in open_nodes]
    return max(found)[1] if found else None


def loop_header(width: int) -> Line:
    """The line above the rows: what the columns are."""
    total = f"{'total':>{_TOTAL}}" if width >= _ROOMY else ""
    right = f"{'calls':>{_COUNT}}{'mean':>{_MEAN}}{total}{'share':>{_SHARE}}"
    return ((fit(f"{OVERRIDDEN} overridden", max(0, width - len(right))), "faint"), (right, "head"))


def loop_line(view: LoopView, node: LoopNode, width: int, folded: bool | None) -> Line:
    """One row: marker, place, name, count, mean time, total where there is room, share of the run's time.

    Args:
        view: what the numbers come from.
        node: the row's node.
        width: cells to fill.
        folded: whether its children are hidden; None if it has none.
    """
    is_open = node.id in view.open
    roomy = width >= _ROOMY
    twisty = " " if folded is None else "▸" if folded else "▾"
    lead = f"{HERE if is_open else ' '}{' ' * ((2 if roomy else 1) * node.depth)}{twisty} "
    mean_ns = view.mean_ns(node.id)
    numbers = (
        f"{count_text(view.count[node.id]):>{_COUNT}}"
        f"{duration_text(mean_ns) if mean_ns is not None else '':>{_MEAN}}"
        f"{f'{duration_text(view.total_ns[node.id]):>{_TOTAL}}' if roomy else ''}"
        f"{percent_text(view.share(node.id)):>{_SHARE}}"
    )
    return (
        (lead, "open" if is_open else "faint"),
        *_name(view, node, max(0, width - len(numbers) - len(lead)), is_open),
        (numbers, "open" if is_open else ""),
    )


def _name(view: LoopView, node: LoopNode, width: int, is_open: bool) -> Line:
    if node.kind != "span":
        return ((fit(node.label, width), "open" if is_open else "loop-node"),)
    action = view.actions[node.action]
    if is_group(node.id):
        own = view.own.get(node.id, 0)
        owner = f"×{view.members[node.id]}" + (f", {own}{OVERRIDDEN}" if own else "")
        action = replace(action, owner=owner, instance=0, overridden=None if own else False)
    return hook_cells(action, width, "open" if is_open else "")


@lru_cache(maxsize=4096)
def hook_cells(action: Action, width: int, role: str = "") -> Line:
    """A hook in exactly `width` cells: the letter of its owner kind, its name, the mark of those that are overridden,
    then the owner as room allows. What is Lightning's own default is quiet, unless a role is given."""
    letter = owner_look(action.owner_kind).letter
    owner = action.owner_label
    mark = OVERRIDDEN if action.overridden and width > 2 else ""
    hook = fit_name(action.hook, min(len(action.hook), width - 2 - len(mark)))
    rest = width - 2 - len(hook) - len(mark)
    tail = fit(f" {owner}", rest) if rest > 4 or len(owner) < rest else " " * max(0, rest)
    quiet = "head" if action.overridden is False and not role else role
    return ((f"{letter} ", action.owner_kind), (hook, quiet), (mark, "own"), (tail, "faint"))
