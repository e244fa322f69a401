"""The shape of the loop tree: which place in the loop every span has, in the order in which places were first reached.

Places are only ever added, and their numbers count up, so the tree of any earlier moment is the first few of them. One
thread may add places while others look at those that they know.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tracer.analyze.scopes import SCOPES, Int64Array, ScopePaths
from tracer.analyze.unwound import Unwound
from tracer.run.events import Action
from tracer.run.trace import Trace

NodeKind = Literal["call", "stage", "loop", "span"]
ROOT = -1


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


class LoopPlaces:
    """The places of one trace.

    Attributes:
        nodes: By id.
        scopes: The loops around every context.
        unwound: The calls that loops no longer are around.
        node_of: By row: the id of its node. Longer than the rows that were placed.
        outer_of: By id: the loop that directly encloses the node; -1 where that is a span or nothing.
    """

    def __init__(self) -> None:
        self.nodes: list[LoopNode] = []
        self.scopes = ScopePaths()
        self.unwound = Unwound()
        self.node_of = np.empty(0, np.int32)
        self.outer_of = np.empty(0, np.int64)
        self._codes: list[int] = []
        self._first_rows: list[int] = []
        self._children: dict[int, list[int]] = {ROOT: []}
        self._loops: dict[tuple[int, int], int] = {}
        self._known = np.empty(0, np.int64)  # packed (parent, code) of every node, sorted
        self._known_ids = np.empty(0, np.int64)

    def reserve(self, rows: int) -> None:
        """Makes room for so many rows; memory is taken only as they are placed."""
        if rows > len(self.node_of):
            extra = max(rows, 2 * len(self.node_of)) - len(self.node_of)
            self.node_of = np.concatenate((self.node_of, np.empty(extra, np.int32)))

    def reached(self, rows: int) -> int:
        """How many places the first `rows` rows have reached: these are the nodes with smaller ids."""
        return bisect_left(self._first_rows, rows)

    def in_order(self, count: int) -> tuple[LoopNode, ...]:
        """The first `count` nodes in pre-order; children in the order in which the loop runs through them."""
        return tuple(node for node in self._walk() if node.id < count)

    def upward(self, node: int) -> Iterator[int]:
        """A node and those around it, outwards."""
        while node != ROOT:
            yield node
            node = self.nodes[node].parent

    def loop_in(self, parent: int, code: int) -> int | None:
        """The loop directly inside `parent` that `SCOPES[code]` names; None if no span has shown it yet."""
        return self._loops.get((parent, code))

    def place(self, trace: Trace, start: int, stop: int) -> None:
        """Finds the node of every row from `start` to `stop`, level by level: a span's parent comes before it."""
        self.scopes.advance(trace.contexts)
        self.unwound.advance(trace, start, stop)
        self.reserve(stop)
        new = _NewPlaces([], [], [])
        depth = trace.depth[start:stop]
        # 8 bits, where they are enough, make it a radix sort.
        order = np.argsort(depth.astype(np.uint8) if depth.max(initial=0) < 256 else depth, kind="stable")
        bounds = np.flatnonzero(np.diff(depth[order])) + 1
        for rows in np.split(order + start, bounds) if stop > start else []:
            self.node_of[rows] = self._place_level(trace, rows, new)
        if new.parents:
            self._settle(trace, new, slice(start, stop))

    def _walk(self) -> Iterator[LoopNode]:
        waiting = list(reversed(self._children[ROOT]))
        while waiting:
            node = waiting.pop()
            yield self.nodes[node]
            waiting.extend(reversed(self._children.get(node, ())))

    def _place_level(self, trace: Trace, rows: Int64Array, new: _NewPlaces) -> Int64Array:
        """The nodes of rows of equal depth. Spans that follow one another in a turn have the same loops around them."""
        first = np.flatnonzero(changes(trace.parent[rows]) | changes(self.unwound.contexts(trace, rows)))
        around = self._enter_loops(trace, rows[first], new)
        node = np.repeat(around, np.diff(first, append=len(rows)))
        return self._child(node, trace.action[rows].astype(np.int64) + len(SCOPES), rows, new)

    def _enter_loops(self, trace: Trace, rows: Int64Array, new: _NewPlaces) -> Int64Array:
        """The nodes around these rows: loops that a span is in and its parent is not come between the two."""
        scopes = self.scopes
        parent = trace.parent[rows]
        node = np.where(parent >= 0, self.node_of[parent], ROOT).astype(np.int64)
        here = self.unwound.contexts(trace, rows).astype(np.int64) + 1
        around = np.where(parent >= 0, self.unwound.contexts(trace, parent).astype(np.int64) + 1, 0)
        moved = np.flatnonzero(here != around)
        here = here[moved]
        shared, length = scopes.shared(around[moved], here), scopes.length[here]
        for level in range(scopes.step.shape[1]):
            inside = np.flatnonzero((shared <= level) & (level < length))
            if len(inside):
                step = scopes.step[here[inside], level].astype(np.int64)
                entering = moved[inside]
                node[entering] = self._child(node[entering], step, rows[entering], new)
        return node

    def _child(self, parents: Int64Array, codes: Int64Array, rows: Int64Array, new: _NewPlaces) -> Int64Array:
        """Ids of the children of `parents` that `codes` name; those that are not there yet are made."""
        keys = _pack(parents, codes)
        ids, hit = self._look_up(keys)
        if not hit.all():
            fresh, first = np.unique(keys[~hit], return_index=True)
            unplaced = np.flatnonzero(~hit)[first]
            identifier = len(self.nodes) + len(new.parents) + np.arange(len(fresh))
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
        first = len(self.nodes)
        depth: list[int] = []
        for parent in new.parents:
            outer = -1 if parent == ROOT else self.nodes[parent].depth if parent < first else depth[parent - first]
            depth.append(outer + 1)
        order = np.lexsort((depth, new.rows))
        final = np.arange(first + len(order))
        final[first + order] = first + np.arange(len(order))
        rows = self.node_of[block]
        self.node_of[block] = final[rows]
        for index in order.tolist():
            parent = new.parents[index]
            parent = parent if parent == ROOT else int(final[parent])
            self._add_node(trace.actions, parent, new.codes[index], depth[index])
        self._index_nodes()
        for index, node in zip(order.tolist(), self.nodes[first:], strict=True):
            self._insert(trace, node, new.rows[index])
            self._first_rows.append(new.rows[index])

    def _index_nodes(self) -> None:
        parents = np.array([node.parent for node in self.nodes], np.int64)
        is_loop = np.array([*(node.kind != "span" for node in self.nodes), False], np.bool_)  # the last: of the root
        self.outer_of = np.where(is_loop[parents], parents, ROOT)
        known = _pack(parents, np.array(self._codes, np.int64))
        self._known_ids = np.argsort(known)
        self._known = known[self._known_ids]

    def _add_node(self, actions: tuple[Action, ...], parent: int, code: int, depth: int) -> None:
        number, identifier = code - len(SCOPES), len(self.nodes)
        if number < 0:
            scope = SCOPES[code]
            node = LoopNode(identifier, parent, depth, scope.kind, scope.label, -1, "")
            self._loops[parent, code] = identifier
        else:
            action = actions[number]
            node = LoopNode(identifier, parent, depth, "span", action.label, number, action.owner_kind)
        self.nodes.append(node)
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
        upward = list(self.upward(int(self.node_of[row - 1])))
        if node.parent != ROOT and node.parent not in upward:
            return None
        passed = upward.index(node.parent) if node.parent != ROOT else len(upward)
        if passed == 0 or self._new_turn(trace, node.parent, row):
            return -1
        sibling = upward[passed - 1]
        return siblings.index(sibling) if sibling in siblings else None

    def _new_turn(self, trace: Trace, parent: int, row: int) -> bool:
        """Whether `row` is in another turn of the loop `parent` than the row before it."""
        if parent == ROOT or self.nodes[parent].kind == "span":
            return False
        entries = self.unwound.contexts(trace, np.array([row - 1, row])).astype(np.int64) + 1
        levels = np.flatnonzero(self.scopes.step[entries[1]] == self._codes[parent])
        return not len(levels) or bool(self.scopes.shared(entries[:1], entries[1:])[0] <= levels[0])


def changes(values: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before it; true for the first."""
    return np.concatenate((np.ones(min(1, len(values)), np.bool_), values[1:] != values[:-1]))


def _pack(parents: Int64Array, codes: Int64Array) -> Int64Array:
    return (parents + 1) << 32 | codes
