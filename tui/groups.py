"""Callbacks that are asked one after another for the same hook, as one row.

Lightning calls each hook on every callback in turn. With five callbacks that is five rows of the same name wherever one
would do, and the loop no longer fits on a screen. A group stands for such a run of calls; its members hang below it.
Callbacks that call something themselves stay on their own: what they call is worth seeing.
"""

from collections.abc import Sequence
from dataclasses import replace

from tracer.analyze.loops import LoopNode
from tracer.run.events import Action


def group_callbacks(nodes: Sequence[LoopNode], actions: Sequence[Action]) -> tuple[LoopNode, ...]:
    """The nodes with a group above every run of two or more childless callback calls of one hook.

    A group's id is negative and belongs to its first member, so it stays the same while the tree grows.

    Args:
        nodes: In pre-order.
        actions: By number.

    Returns:
        The nodes in pre-order, groups included, members a level deeper.
    """
    with_children = {node.parent for node in nodes}
    grouped: list[LoopNode] = []
    run: list[LoopNode] = []
    for node in nodes:
        alone = node.owner_kind != "callback" or node.id in with_children
        if run and (alone or not _continues(run[-1], node, actions)):
            grouped += _closed(run, actions)
            run = []
        if alone:
            grouped.append(node)
        else:
            run.append(node)
    return (*grouped, *_closed(run, actions))


def is_group(identifier: int) -> bool:
    """Whether this is the id of a group."""
    return identifier < -1


def _continues(last: LoopNode, node: LoopNode, actions: Sequence[Action]) -> bool:
    return node.parent == last.parent and actions[node.action].hook == actions[last.action].hook


def _closed(run: list[LoopNode], actions: Sequence[Action]) -> list[LoopNode]:
    if len(run) < 2:
        return run
    first = run[0]
    group = replace(first, id=-2 - first.id, label=actions[first.action].hook)
    return [group, *(replace(node, parent=group.id, depth=node.depth + 1) for node in run)]
