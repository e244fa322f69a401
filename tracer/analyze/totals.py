"""Counts and times of the places in the loop, up to one moment of the run."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracer.analyze.places import LoopPlaces, changes
from tracer.analyze.scopes import Int64Array
from tracer.run.trace import Trace


@dataclass(frozen=True)
class _Stays:
    """Stretches of rows that lie directly in one turn of a loop: an entry for each stretch and each loop around it.

    By loop and then by stretch.

    Attributes:
        node: The loop's node.
        key: Of the turn.
        first, last: Index of the stretch's first and last row, among the rows asked for.
        new: Whether this is the loop's first entry.
    """

    node: Int64Array
    key: Int64Array
    first: Int64Array
    last: Int64Array
    new: npt.NDArray[np.bool_]


class LoopTotals:
    """Counts and times by node id. Per loop it remembers the turn it is in, so that turns can span portions.

    Attributes:
        count: How often a span ran (or began to), how many turns a loop took.
        total_ns: Time in closed spans; for a loop, over its turns, from its first span to the end of its last.
        self_ns: Self time of the closed spans; zero for loops.
    """

    def __init__(self) -> None:
        self.count = np.empty(0, np.int64)
        self.total_ns = np.empty(0, np.int64)
        self.self_ns = np.empty(0, np.int64)
        self._started_turn = np.empty(0, np.int64)
        self._closed_turn = np.empty(0, np.int64)
        self._turn_end_ns = np.empty(0, np.int64)

    def copy(self) -> "LoopTotals":
        """The same figures, to be counted on from here."""
        twin = LoopTotals()
        for name, column in vars(self).items():
            setattr(twin, name, column.copy())
        return twin

    def reserve(self, nodes: int) -> None:
        """Makes room for `nodes` nodes."""
        extra = nodes - len(self.count)
        if extra <= 0:
            return
        for name, column in vars(self).items():
            filling = -1 if name.endswith("_turn") else 0
            setattr(self, name, np.concatenate((column, np.full(extra, filling, np.int64))))

    def count_started(self, places: LoopPlaces, trace: Trace, start: int, stop: int) -> None:
        """Counts the spans from row `start` to `stop`, and the turns of loops that began with them."""
        nodes = places.node_of[start:stop]
        self.count += np.bincount(nodes, minlength=len(self.count))
        stays = _stays(places, nodes, places.unwound.contexts(trace, slice(start, stop)))
        before = np.where(stays.new, self._started_turn[stays.node], np.roll(stays.key, 1))
        np.add.at(self.count, stays.node[stays.key != before], 1)
        last = np.roll(stays.new, -1)
        self._started_turn[stays.node[last]] = stays.key[last]

    def count_closed(self, places: LoopPlaces, trace: Trace, rows: Int64Array) -> None:
        """Adds the time of spans that ended, given in order of their end, and extends the turns that they are in."""
        nodes = places.node_of[rows]
        duration_ns = trace.duration_ns[rows]
        # Sums of durations that do not overlap: floats, which have 53 bits, are exact here.
        self.total_ns += np.bincount(nodes, duration_ns, len(self.total_ns)).astype(np.int64)
        self.self_ns += np.bincount(nodes, trace.self_ns[rows], len(self.self_ns)).astype(np.int64)
        stays = _stays(places, nodes, places.unwound.contexts(trace, rows))
        begin = trace.start_ns[rows[stays.first]]
        end = trace.start_ns[rows[stays.last]] + duration_ns[stays.last]
        turn_before = np.where(stays.new, self._closed_turn[stays.node], np.roll(stays.key, 1))
        end_before = np.where(stays.new, self._turn_end_ns[stays.node], np.roll(end, 1))
        np.add.at(self.total_ns, stays.node, end - np.where(stays.key == turn_before, end_before, begin))
        last = np.roll(stays.new, -1)
        self._closed_turn[stays.node[last]] = stays.key[last]
        self._turn_end_ns[stays.node[last]] = end[last]


def _stays(places: LoopPlaces, nodes: npt.NDArray[np.int32], contexts: npt.NDArray[np.int32]) -> _Stays:
    """Which turns of which loops some rows are in, given the node and the context of each."""
    outer = places.outer_of[nodes]
    inside = np.flatnonzero(outer >= 0)
    outer, contexts = outer[inside], contexts[inside]
    first = np.flatnonzero(changes(outer) | changes(contexts))
    last = np.append(first[1:], len(inside))[: len(first)] - 1
    node, index, entry = outer[first], np.arange(len(first)), contexts[first].astype(np.int64) + 1
    level = places.scopes.length[entry] - 1
    found = [(node[:0], index[:0], node[:0])]
    while len(keep := np.flatnonzero((node >= 0) & (level >= 0))):
        node, index, entry, level = node[keep], index[keep], entry[keep], level[keep]
        found.append((node, index, places.scopes.key[entry, level]))
        node, level = places.outer_of[node], level - 1
    nodes_, index, keys = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((index, nodes_))
    node, index = nodes_[order], index[order]
    return _Stays(node, keys[order], inside[first[index]], inside[last[index]], changes(node))
