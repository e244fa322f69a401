"""Spans with a gate on either side, for the time in which somebody wants to hold training up.

They stand in for the plain ones only while something is armed, so that nobody pays for them at other times.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any, Protocol

Profiled = AbstractContextManager[Any]


class Boundaries(Protocol):
    """Who wants to know of both sides of every span, and may hold training up there."""

    def before(self, number: int, frame: FrameType | None) -> None:
        """The action of that number is about to be entered, by what runs in that frame."""

    def after(self, number: int, frame: FrameType | None, failed: bool) -> None:
        """It was left, with an exception if it has failed."""


class Gated:
    """A span between two boundaries."""

    __slots__ = ("_gate", "_number", "_span")

    def __init__(self, gate: Boundaries, number: int, span: Profiled) -> None:
        """
        Args:
            gate: is told.
            number: the action's.
            span: what would be entered without the gate.
        """
        self._gate = gate
        self._number = number
        self._span = span

    def __enter__(self) -> Any:
        self._gate.before(self._number, sys._getframe(1))
        return self._span.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        try:
            return self._span.__exit__(kind, error, trace)
        finally:
            self._gate.after(self._number, sys._getframe(1), kind is not None)


def gated_start(
    gate: Boundaries, number_of: Callable[[str], int], start: Callable[[str], None]
) -> Callable[[str], None]:
    """Lightning's bare form of entering an action, behind a boundary."""

    def gated(name: str) -> None:
        gate.before(number_of(name), sys._getframe(1).f_back)
        start(name)

    return gated


def gated_stop(gate: Boundaries, number_of: Callable[[str], int], stop: Callable[[str], None]) -> Callable[[str], None]:
    """Lightning's bare form of leaving an action, before a boundary."""

    def gated(name: str) -> None:
        stop(name)
        gate.after(number_of(name), sys._getframe(1).f_back, failed=False)

    return gated
