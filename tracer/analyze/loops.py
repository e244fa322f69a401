"""The run as a tree of its loops, with live counts: the loop that really ran, each hook once, in its true place.

Spans of the same kind in the same place share a node, however often they ran. Loops that Lightning has no call for
(epoch, validation, batch) get nodes of their own where the context says that they are: between a span and those it
encloses. Everything is taken in as it is recorded, at a cost that depends on what is new alone, so the screen can
follow a training that has been running for a day; and the result does not depend on the portions it was taken in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tracer.analyze.scopes import SCOPES, Int64Array, ScopePaths
from tracer.run.build import Delta
from tracer.run.events import Action
from tracer.run.trace import Trace

NodeKind = Literal["call", "stage", "loop", "span"]
_BLOCK_ROWS = 1 << 16
"""Rows placed at a time: after the first block nearly every place is known, and looking one up is cheap."""
_ROOT = -1


@dataclass(frozen=True)
class LoopNode:
    """One place in the loop.

    Attributes:
        id: Index into the arrays of `LoopTree`; ids count up in the order in which places were first reached.
        parent: Id of the enclosing node, -1 for a root.
        depth: Nodes above it.
        kind: A trainer call, a stage (sanity check, validation), a loop (epoch, batch) or a span.
        label: What to show. Text of a span comes from the recording: it is untrusted.
        action: Number of the action, -1 unless `kind` is "span".
        owner_kind: Of the action; empty unless `kind` is "span".
    """

    id: int
    parent: int
    depth: int
    kind: NodeKind
    label: str
    action: int
    owner_kind: str


@dataclass(frozen=True)
class _NewPlaces:
    """Places first reached in the block at hand, under ids that are provisional until all of them are known."""

    parents: list[int]
    codes: list[int]
    rows: list[int]


class LoopTree:
    """The loops of one trace."""

    def __init__(self) -> None:
        self._scopes = ScopePaths()
        self._nodes: list[LoopNode] = []
        self._codes: list[int] = []
        self._children: dict[int, list[int]] = {_ROOT: []}
        self._known = np.empty(0, np.int64)  # packed (parent, code) of every node, sorted
        self._known_ids = np.empty(0, np.int64)
        self._parent_of = np.empty(0, np.int64)
        self._node_of = np.empty(0, np.int32)
        self._rows = 0
        self._order: tuple[LoopNode, ...] = ()
        self._totals = _Totals()

    def advance(self, trace: Trace, delta: Delta) -> None:
        """Takes in what a portion of the stream added.

        Args:
            trace: The trace after that portion.
            delta: What the portion changed, as `TraceBuilder.feed` returned it.
        """
        self._scopes.advance(trace.contexts)
        self._reserve(delta.rows)
        while self._rows < delta.rows:
            start, stop = self._rows, min(self._rows + _BLOCK_ROWS, delta.rows)
            self._place_block(trace, start, stop)
            self._rows = stop
            self._totals.count_started(self, trace, np.arange(start, stop))
        for first in range(0, len(delta.closed), _BLOCK_ROWS):
            self._totals.count_closed(self, trace, delta.closed[first : first + _BLOCK_ROWS])

    def nodes(self) -> tuple[LoopNode, ...]:
        """All nodes in pre-order; children in the order in which the loop runs through them."""
        if len(self._order) != len(self._nodes):
            self._order = tuple(self._walk())
        return self._order

    @property
    def count(self) -> Int64Array:
        """By node id: how often a span ran (or began to), how many turns a loop took."""
        return self._totals.count[: len(self._nodes)]

    @property
    def total_ns(self) -> Int64Array:
        """By node id: time in closed spans; for a loop, over its turns, from its first span to the end of its last."""
        return self._totals.total_ns[: len(self._nodes)]

    @property
    def self_ns(self) -> Int64Array:
        """By node id: self time of the closed spans; zero for loops, which are no calls."""
        return self._totals.self_ns[: len(self._nodes)]

    def path_of(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """The id of the node that each of these rows belongs to."""
        nodes: npt.NDArray[np.int32] = self._node_of[: self._rows][rows]
        return nodes

    def open_nodes(self, trace: Trace) -> frozenset[int]:
        """Where the training is: the nodes of the open spans and the loops around the latest context."""
        innermost = _ROOT
        found: set[int] = set()
        for row in (row for row in trace.open_rows if row < self._rows):
            innermost = int(self._node_of[row])
            found.update(self._upward(innermost))
        found.update(self._loops_entered(trace, innermost))
        return frozenset(found)

    def _loops_entered(self, trace: Trace, innermost: int) -> list[int]:
        """The loop nodes below the innermost open span that the latest context is in, if a span has shown them."""
        here = len(self._scopes) - 1
        around = 0
        if trace.open_rows and trace.open_rows[-1] < self._rows:
            entry = np.array([trace.context[trace.open_rows[-1]] + 1])
            around = int(self._scopes.shared(entry, np.array([here]))[0])
        node, entered = innermost, []
        for level in range(around, int(self._scopes.length[here])):
            code = int(self._scopes.step[here, level])
            inner = [child for child in self._children.get(node, ()) if self._codes[child] == code]
            if not inner:
                break
            node = inner[0]
            entered.append(node)
        return entered

    def _upward(self, node: int) -> Iterator[int]:
        while node != _ROOT:
            yield node
            node = self._nodes[node].parent

    def _walk(self) -> Iterator[LoopNode]:
        waiting = list(reversed(self._children[_ROOT]))
        while waiting:
            node = waiting.pop()
            yield self._nodes[node]
            waiting.extend(reversed(self._children.get(node, ())))

    def _reserve(self, rows: int) -> None:
        if rows > len(self._node_of):
            extra = max(rows, 2 * len(self._node_of)) - len(self._node_of)
            self._node_of = np.concatenate((self._node_of, np.empty(extra, np.int32)))

    def _place_block(self, trace: Trace, start: int, stop: int) -> None:
        """Finds the node of every row from `start` to `stop`, level by level: a span's parent comes before it."""
        new = _NewPlaces([], [], [])
        depth = trace.depth[start:stop]
        order = np.argsort(depth, kind="stable")
        bounds = np.flatnonzero(np.diff(depth[order])) + 1
        for rows in np.split(order + start, bounds):
            self._node_of[rows] = self._place_level(trace, rows, new)
        if new.parents:
            self._settle(trace, new, slice(start, stop))

    def _place_level(self, trace: Trace, rows: Int64Array, new: _NewPlaces) -> Int64Array:
        """The nodes of rows of equal depth. Loops that a span is in and its parent is not come between the two."""
        scopes = self._scopes
        parent = trace.parent[rows]
        here = trace.context[rows].astype(np.int64) + 1
        around = np.where(parent >= 0, trace.context[parent].astype(np.int64) + 1, 0)
        node = np.where(parent >= 0, self._node_of[parent], _ROOT).astype(np.int64)
        shared = scopes.shared(around, here)
        length = scopes.length[here]
        for level in range(scopes.step.shape[1]):
            inside = np.flatnonzero((shared <= level) & (level < length))
            if len(inside):
                step = scopes.step[here[inside], level].astype(np.int64)
                node[inside] = self._child(node[inside], step, rows[inside], new)
        return self._child(node, trace.action[rows].astype(np.int64) + len(SCOPES), rows, new)

    def _child(self, parents: Int64Array, codes: Int64Array, rows: Int64Array, new: _NewPlaces) -> Int64Array:
        """Ids of the children of `parents` that `codes` name; those that are not there yet are made."""
        keys = _pack(parents, codes)
        ids, hit = self._look_up(keys)
        if not hit.all():
            fresh, first = np.unique(keys[~hit], return_index=True)
            unplaced = np.flatnonzero(~hit)[first]
            identifier = len(self._nodes) + len(new.parents) + np.arange(len(fresh))
            new.parents.extend(parents[unplaced].tolist())
            new.codes.extend(codes[unplaced].tolist())
            new.rows.extend(rows[unplaced].tolist())
            position = np.searchsorted(self._known, fresh)
            self._known = np.insert(self._known, position, fresh)
            self._known_ids = np.insert(self._known_ids, position, identifier)
            ids, _ = self._look_up(keys)
        return ids

    def _look_up(self, keys: Int64Array) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
        if not len(self._known):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
        position = np.minimum(np.searchsorted(self._known, keys), len(self._known) - 1)
        return self._known_ids[position], self._known[position] == keys

    def _settle(self, trace: Trace, new: _NewPlaces, block: slice) -> None:
        """Gives new places their final ids, by first row and from the outside in, and their place among siblings."""
        first = len(self._nodes)
        depth: list[int] = []
        for parent in new.parents:
            outer = -1 if parent == _ROOT else self._nodes[parent].depth if parent < first else depth[parent - first]
            depth.append(outer + 1)
        order = np.lexsort((depth, new.rows))
        final = np.arange(first + len(order))
        final[first + order] = first + np.arange(len(order))
        rows = self._node_of[block]
        self._node_of[block] = final[rows]
        for index in order.tolist():
            parent = new.parents[index]
            parent = parent if parent == _ROOT else int(final[parent])
            self._add_node(trace.actions, parent, new.codes[index], depth[index])
        self._parent_of = np.array([node.parent for node in self._nodes], np.int64)
        known = _pack(self._parent_of, np.array(self._codes, np.int64))
        self._known_ids = np.argsort(known)
        self._known = known[self._known_ids]
        self._totals.reserve(len(self._nodes))
        for index, node in zip(order.tolist(), self._nodes[first:], strict=True):
            self._insert(trace, node, new.rows[index])

    def _add_node(self, actions: tuple[Action, ...], parent: int, code: int, depth: int) -> None:
        number = code - len(SCOPES)
        if number < 0:
            scope = SCOPES[code]
            node = LoopNode(len(self._nodes), parent, depth, scope.kind, scope.label, -1, "")
        else:
            action = actions[number]
            node = LoopNode(len(self._nodes), parent, depth, "span", action.label, number, action.owner_kind)
        self._nodes.append(node)
        self._codes.append(code)

    def _insert(self, trace: Trace, node: LoopNode, row: int) -> None:
        """Puts a new node behind the sibling that ran before it, so that a hook first seen late is still in order."""
        siblings = self._children.setdefault(node.parent, [])
        before = self._sibling_before(trace, node, row)
        siblings.insert(len(siblings) if before is None else before + 1, node.id)

    def _sibling_before(self, trace: Trace, node: LoopNode, row: int) -> int | None:
        """Index of the sibling that was passed last before `row`; -1 if none was in this turn, None if unknown."""
        siblings = self._children[node.parent]
        if row == 0 or not siblings:
            return None
        upward = list(self._upward(int(self._node_of[row - 1])))
        if node.parent != _ROOT and node.parent not in upward:
            return None
        passed = upward.index(node.parent) if node.parent != _ROOT else len(upward)
        if passed == 0 or self._new_turn(trace, node.parent, row):
            return -1
        sibling = upward[passed - 1]
        return siblings.index(sibling) if sibling in siblings else None

    def _new_turn(self, trace: Trace, parent: int, row: int) -> bool:
        """Whether `row` is in another turn of the loop `parent` than the row before it."""
        if parent == _ROOT or self._nodes[parent].kind == "span":
            return False
        entries = trace.context[[row - 1, row]].astype(np.int64) + 1
        levels = np.flatnonzero(self._scopes.step[entries[1]] == self._codes[parent])
        return not len(levels) or bool(self._scopes.shared(entries[:1], entries[1:])[0] <= levels[0])

    def loops_around(self, trace: Trace, rows: Int64Array) -> "_Turns":
        """The loops between each of these rows and its parent span."""
        here = trace.context[rows] + 1
        level = self._scopes.length[here] - 1
        node = self._parent_of[self._node_of[rows]]
        index = np.arange(len(rows))
        is_loop = np.array([code < len(SCOPES) for code in self._codes], np.bool_)
        found = [(node[:0], index[:0], node[:0])]
        while (keep := (node >= 0) & (level >= 0) & is_loop[node]).any():
            index, node, level, here = index[keep], node[keep], level[keep], here[keep]
            found.append((node, index, self._scopes.key[here, level]))
            node, level = self._parent_of[node], level - 1
        nodes, indices, keys = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort((indices, nodes))
        nodes = nodes[order]
        first = np.concatenate((np.ones(min(len(nodes), 1), np.bool_), np.diff(nodes) != 0))
        return _Turns(nodes, indices[order], keys[order], first)


@dataclass(frozen=True)
class _Turns:
    """Which turn of which loop each of some rows is in: one entry for a row and a loop, by loop and then by row.

    Attributes:
        node: The loop's node.
        index: Of the row, among the rows asked for.
        key: Of the turn.
        first: Whether this is the loop's first entry.
    """

    node: Int64Array
    index: Int64Array
    key: Int64Array
    first: npt.NDArray[np.bool_]


class _Totals:
    """Counts and times by node. Per loop it remembers the turn it is in, so that turns can span portions."""

    def __init__(self) -> None:
        self.count = np.empty(0, np.int64)
        self.total_ns = np.empty(0, np.int64)
        self.self_ns = np.empty(0, np.int64)
        self._started_turn = np.empty(0, np.int64)
        self._closed_turn = np.empty(0, np.int64)
        self._turn_end_ns = np.empty(0, np.int64)

    def reserve(self, nodes: int) -> None:
        """Makes room for `nodes` nodes."""
        extra = nodes - len(self.count)
        zeros, none = np.zeros(extra, np.int64), np.full(extra, -1, np.int64)
        self.count, self.total_ns, self.self_ns, self._turn_end_ns = (
            np.concatenate((column, zeros)) for column in (self.count, self.total_ns, self.self_ns, self._turn_end_ns)
        )
        self._started_turn = np.concatenate((self._started_turn, none))
        self._closed_turn = np.concatenate((self._closed_turn, none))

    def count_started(self, tree: LoopTree, trace: Trace, rows: Int64Array) -> None:
        """Counts spans that began, and the turns of loops that began with them."""
        self.count += np.bincount(tree.path_of(rows), minlength=len(self.count))
        turns = tree.loops_around(trace, rows)
        before = np.where(turns.first, self._started_turn[turns.node], np.roll(turns.key, 1))
        np.add.at(self.count, turns.node[turns.key != before], 1)
        last = np.roll(turns.first, -1)
        self._started_turn[turns.node[last]] = turns.key[last]

    def count_closed(self, tree: LoopTree, trace: Trace, rows: Int64Array) -> None:
        """Adds the time of spans that ended, given in order of their end, and extends the turns that they are in."""
        nodes = tree.path_of(rows)
        np.add.at(self.total_ns, nodes, trace.duration_ns[rows])
        np.add.at(self.self_ns, nodes, trace.self_ns[rows])
        start_ns = trace.start_ns[rows]
        end_ns = start_ns + trace.duration_ns[rows]
        turns = tree.loops_around(trace, rows)
        loop, end = turns.node, end_ns[turns.index]
        turn_before = np.where(turns.first, self._closed_turn[loop], np.roll(turns.key, 1))
        end_before = np.where(turns.first, self._turn_end_ns[loop], np.roll(end, 1))
        since = np.where(turns.key == turn_before, end_before, start_ns[turns.index])
        np.add.at(self.total_ns, loop, end - since)
        last = np.roll(turns.first, -1)
        self._closed_turn[loop[last]] = turns.key[last]
        self._turn_end_ns[loop[last]] = end[last]


def loop_tree(trace: Trace) -> LoopTree:
    """The tree of a whole trace."""
    closed = np.flatnonzero(trace.duration_ns >= 0)
    end_ns = trace.start_ns[closed] + trace.duration_ns[closed]
    tree = LoopTree()
    tree.advance(trace, Delta(0, len(trace), closed[np.lexsort((closed, -trace.depth[closed], end_ns))]))
    return tree


def _pack(parents: Int64Array, codes: Int64Array) -> Int64Array:
    return (parents + 1) << 32 | codes
