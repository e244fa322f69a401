"""The same spans in somebody else's timeline: as ranges of `torch.profiler`, or of NVTX for Nsight Systems.

Only who asks for it gets spans of this kind; all others get those of `spans`, which know nothing of it. What goes wrong
here ends the ranges, with a warning, and neither the recording nor the training.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Literal

from tracer.record.environment import warn
from tracer.record.spans import Span

Annotate = Literal["record_function", "nvtx"]

_Range = Callable[[], None]
"""Ends a range that was begun."""


def _record_function(label: str) -> _Range:
    from torch.autograd.profiler import record_function

    entered: Any = record_function(label)
    entered.__enter__()
    return lambda: entered.__exit__(None, None, None)


def _nvtx(label: str) -> _Range:
    from torch.cuda import nvtx

    ranges: Any = nvtx  # which has no types
    ranges.range_push(label)
    end: _Range = ranges.range_pop
    return end


_KINDS: Final[dict[Annotate, Callable[[str], _Range]]] = {"record_function": _record_function, "nvtx": _nvtx}


class Annotations:
    """Gives spans a range each."""

    def __init__(self, kind: Annotate) -> None:
        """Makes one for ranges of a kind.

        Raises:
            ValueError: there is no such kind.
        """
        if kind not in _KINDS:
            raise ValueError(f"annotate={kind!r}: there is {', '.join(map(repr, _KINDS))}, or None")
        self._begin = _KINDS[kind]
        self._kind = kind
        self._works = True

    def around(self, span: Span, label: str) -> Span:
        """A span that is also a range of this name."""
        return _Annotated(self, span, label)

    def begin(self, label: str) -> _Range | None:
        """Begins a range; returns what ends it, None if there is none."""
        if self._works:
            try:
                return self._begin(label)
            except Exception as error:
                self._fail(error)
        return None

    def end(self, begun: _Range | None) -> None:
        """Ends a range."""
        if begun is not None:
            try:
                begun()
            except Exception as error:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._works:
            self._works = False
            warn(f"hooktrace: no ranges of {self._kind} ({type(error).__name__}: {error}); the recording goes on.")


class _Annotated:
    """A span with a range inside it, so that the recorded times hold the range's cost and the range only the hook's."""

    __slots__ = ("_annotations", "_begun", "_label", "_span", "number")

    def __init__(self, annotations: Annotations, span: Span, label: str) -> None:
        self._annotations = annotations
        self._span = span
        self._label = label
        self._begun: list[_Range | None] = []  # an action may be entered again inside itself
        self.number = span.number

    def __enter__(self) -> None:
        self._span.__enter__()
        self._begun.append(self._annotations.begin(self._label))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Lightning's bare `stop` may leave what was never entered.
        self._annotations.end(self._begun.pop() if self._begun else None)
        self._span.__exit__(kind, error, trace)
