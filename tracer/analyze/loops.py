"""The run as a tree of its loops, with live counts: the loop that really ran, each hook once, in its true place.

Spans of the same kind in the same place share a node, however often they ran. Loops that Lightning has no call for
(epoch, validation, batch) get nodes of their own where the context says that they are: between a span and those it
encloses. Everything is taken in as it is recorded, at a cost that depends on what is new alone, so the screen can
follow a training that has been running for a day; and the result does not depend on the portions it was taken in.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from tracer.analyze.places import ROOT, LoopNode, LoopPlaces, NodeKind
from tracer.analyze.scopes import Int64Array
from tracer.analyze.totals import LoopTotals
from tracer.run.build import Delta
from tracer.run.trace import Trace

__all__ = ["LoopNode", "LoopTree", "Loops", "LoopsAt", "NodeKind", "loop_tree"]

_BLOCK_ROWS = 1 << 16
"""Rows placed at a time: after the first block nearly every place is known, and looking one up is cheap."""


class Loops(Protocol):
    """The loops of a trace: all that were taken in, or those up to a moment. By node id, `count` says how often a span
    ran (or began to) and how many turns a loop took; `total_ns` the time in closed spans and, for a loop, over its
    turns, from its first span to the end of its last; `self_ns` the self time of closed spans, zero for loops.
    """

    @property
    def count(self) -> Int64Array: ...

    @property
    def total_ns(self) -> Int64Array: ...

    @property
    def self_ns(self) -> Int64Array: ...

    def nodes(self) -> tuple[LoopNode, ...]:
        """All nodes in pre-order; children in the order in which the loop runs through them."""
        ...

    def path_of(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """The id of the node that each of these rows belongs to."""
        ...

    def open_nodes(self, trace: Trace) -> frozenset[int]:
        """Where the training is: the nodes of the open spans and the loops around the latest context.

        Args:
            trace: The trace at the moment of these loops.
        """
        ...


class LoopsAt:
    """The loops as they were at one moment; see `Loops`. Nothing of it changes when the tree that it is of grows."""

    def __init__(self, places: LoopPlaces, totals: LoopTotals, rows: int) -> None:
        """
        Args:
            places: Of all rows up to the moment, and perhaps of more.
            totals: At the moment.
            rows: How many spans had begun.
        """
        self._places = places
        self._rows = rows
        size = places.reached(rows)
        self.count = totals.count[:size].copy()
        self.total_ns = totals.total_ns[:size].copy()
        self.self_ns = totals.self_ns[:size].copy()
        self._order = places.in_order(size)

    def nodes(self) -> tuple[LoopNode, ...]:
        """As in `Loops`."""
        return self._order

    def path_of(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """As in `Loops`."""
        return _path_of(self._places, self._rows, rows)

    def open_nodes(self, trace: Trace) -> frozenset[int]:
        """As in `Loops`."""
        return _open_nodes(self._places, trace, len(self._order))


class LoopTree:
    """The loops of one trace, while it grows; see `Loops`."""

    def __init__(self) -> None:
        self.places = LoopPlaces()
        self.totals = LoopTotals()
        self._rows = 0
        self._order: tuple[LoopNode, ...] = ()

    def advance(self, trace: Trace, delta: Delta) -> None:
        """Takes in what a portion of the stream added.

        Args:
            trace: The trace after that portion.
            delta: What the portion changed, as `TraceBuilder.feed` returned it.
        """
        self.places.scopes.advance(trace.contexts)
        while self._rows < delta.rows:
            start, stop = self._rows, min(self._rows + _BLOCK_ROWS, delta.rows)
            self.places.place(trace, start, stop)
            self._rows = stop
            self.totals.reserve(len(self.places.nodes))
            self.totals.count_started(self.places, trace, start, stop)
        for first in range(0, len(delta.closed), _BLOCK_ROWS):
            self.totals.count_closed(self.places, trace, delta.closed[first : first + _BLOCK_ROWS])

    @property
    def count(self) -> Int64Array:
        """As in `Loops`."""
        return self.totals.count

    @property
    def total_ns(self) -> Int64Array:
        """As in `Loops`."""
        return self.totals.total_ns

    @property
    def self_ns(self) -> Int64Array:
        """As in `Loops`."""
        return self.totals.self_ns

    def nodes(self) -> tuple[LoopNode, ...]:
        """As in `Loops`."""
        if len(self._order) != len(self.places.nodes):
            self._order = self.places.in_order(len(self.places.nodes))
        return self._order

    def path_of(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """As in `Loops`."""
        return _path_of(self.places, self._rows, rows)

    def open_nodes(self, trace: Trace) -> frozenset[int]:
        """As in `Loops`."""
        return _open_nodes(self.places, trace, len(self.places.nodes))


def loop_tree(trace: Trace) -> LoopTree:
    """The tree of a whole trace."""
    tree = LoopTree()
    tree.advance(trace, Delta(0, len(trace), trace.ended()))
    return tree


def _path_of(places: LoopPlaces, placed: int, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    nodes: npt.NDArray[np.int32] = places.node_of[:placed][rows]
    return nodes


def _open_nodes(places: LoopPlaces, trace: Trace, known: int) -> frozenset[int]:
    """The open nodes among the first `known`."""
    innermost = ROOT
    found: set[int] = set()
    for row in trace.open_rows:
        innermost = int(places.node_of[row])
        found.update(places.upward(innermost))
    found.update(_loops_entered(places, trace, innermost, known))
    return frozenset(found)


def _loops_entered(places: LoopPlaces, trace: Trace, innermost: int, known: int) -> list[int]:
    """The loop nodes below the innermost open span that the latest context is in, if a span has shown them."""
    scopes = places.scopes
    here = len(trace.contexts)
    around = 0
    if trace.open_rows:
        entry = np.array([trace.context[trace.open_rows[-1]] + 1])
        around = int(scopes.shared(entry, np.array([here]))[0])
    node, entered = innermost, []
    for level in range(around, int(scopes.length[here])):
        inner = places.loop_in(node, int(scopes.step[here, level]))
        if inner is None or inner >= known:
            break
        node = inner
        entered.append(node)
    return entered
