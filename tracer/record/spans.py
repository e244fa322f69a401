"""The seam: what stands in for `trainer.profiler` and turns calls into events.

Lightning wraps everything it dispatches in `with trainer.profiler.profile(name)` and asks for the attribute anew each
time (trainer/call.py). So whoever is found there sees every hook in order, without a change to anybody's objects.

`profile` is the bound `__getitem__` of a dict: Lightning's own name of an action leads straight to an object made once,
whose enter and leave are static closures that append one integer to a list. That costs a third of the do-nothing
profiler's generator. `__missing__` runs once an action and is where everything is found out.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import perf_counter_ns
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from tracer.record.describe import Owner, owner_of
from tracer.record.gated import Boundaries, Gated, Profiled, gated_start, gated_stop
from tracer.run.layout import MAX_ACTIONS, TIME_BITS, Mark

ERROR_RECORD = int(Mark.ERROR) << TIME_BITS
_OVERFLOW = MAX_ACTIONS - 1
_OWN = "[Callback]HookTracer."


class Span(Protocol):
    """What is entered and left."""

    @property
    def number(self) -> int:
        """The action's."""

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class ActionName(NamedTuple):
    """Whose action it is, without the object itself."""

    owner_kind: str
    owner: str
    hook: str


class Listener(Protocol):
    """What the spans of a recording need from it."""

    trainer: Any
    base_ns: int

    def before(self, hook: str) -> Callable[[], None] | None:
        """What has to run right before an action of that hook is entered, if anything."""

    def after(self, hook: str) -> Callable[[], None] | None:
        """What has to run right after an action of that hook was left, if anything."""

    def new_action(self, number: int, owner: Owner, hook: str) -> None:
        """An action was met for the first time."""

    def fault(self, error: Exception) -> None:
        """Something went wrong that must not reach the program."""


class SpanTable(dict[str, Span]):
    """The spans by the names that Lightning gives to actions."""

    def __init__(
        self,
        listener: Listener,
        append: Callable[[int], None],
        around: Callable[[Span, str], Span] | None = None,
    ) -> None:
        """Makes an empty table.

        Args:
            listener: The recording.
            append: Where its records go.
            around: Makes another span of one and its label, once an action; nothing is done to spans without it.
        """
        super().__init__()
        self._around = around
        self._listener = listener
        self._append = append
        self._numbers: dict[tuple[str, str, int, str], int] = {}
        self._spans: dict[int, Span] = {}
        self.names: list[ActionName] = []
        """Whose the actions are, by number."""

    def __missing__(self, name: str) -> Span:
        try:
            owner, hook, ambiguous = owner_of(name, sys._getframe(1), self._listener.trainer)
            span = self.span_of(owner, hook)
        except Exception as error:
            self._listener.fault(error)
            return make_span(lambda record: None, 0, 0, _OVERFLOW)  # of no use, but a span
        if not ambiguous:
            self[name] = span
        return span

    def span_of(self, owner: Owner, hook: str) -> Span:
        """The span of an action, by whose it is; the same every time."""
        key = (owner.kind, owner.name, owner.instance, hook)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._new_number(owner, hook)
        if number not in self._spans:
            self._spans[number] = self._make(number, hook)
        return self._spans[number]

    def _new_number(self, owner: Owner, hook: str) -> int:
        number = len(self._numbers)
        # Names without end are the program's own (`profile(f"step {i}")`): they share the last number.
        if number >= _OVERFLOW:
            owner, hook = Owner("loop", ""), "other actions"
        if number <= _OVERFLOW:
            self.names.append(ActionName(owner.kind, owner.name, hook))
            self._listener.new_action(number, owner, hook)
        return min(number, _OVERFLOW)

    def _make(self, number: int, hook: str) -> Span:
        listener = self._listener
        entering = (number << TIME_BITS) - listener.base_ns
        leaving = (~number << TIME_BITS) - listener.base_ns
        plain = make_span(self._append, entering, leaving, number)
        if self._around is not None:
            owner = self.names[min(number, len(self.names) - 1)].owner
            plain = self._around(plain, f"{owner}.{hook}" if owner else hook)
        before, after = listener.before(hook), listener.after(hook)
        return plain if before is None and after is None else _WithContext(plain, before, after)


def make_span(append: Callable[[int], None], entering: int, leaving: int, number: int) -> Span:
    """A re-entrant context manager that appends one record on entering and one on leaving.

    Args:
        append: Where the records go.
        entering: What to add to the clock to get the record of an enter.
        leaving: The same of a leave.
        number: The action's.
    """

    def enter(clock: Callable[[], int] = perf_counter_ns) -> None:
        append(clock() + entering)

    def leave(
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        clock: Callable[[], int] = perf_counter_ns,
    ) -> None:
        append(clock() + leaving)
        if kind is not None:
            append(ERROR_RECORD)

    # A class of its own for each action: `with` looks both methods up on the type, and static ones need no `self`.
    methods = {"__slots__": (), "__enter__": staticmethod(enter), "__exit__": staticmethod(leave), "number": number}
    span: Span = type("Span", (), methods)()
    return span


class _WithContext:
    """A span at which the place in the loop may change, or something else is due."""

    __slots__ = ("_after", "_before", "_span", "number")

    def __init__(self, span: Span, before: Callable[[], None] | None, after: Callable[[], None] | None) -> None:
        self._span = span
        self.number = span.number
        self._before = before
        self._after = after

    def __enter__(self) -> None:
        if self._before is not None:
            self._before()
        self._span.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._span.__exit__(kind, error, trace)
        if self._after is not None:
            self._after()


class Seam:
    """Stands in for `trainer.profiler` while a trainer function runs.

    It passes everything on to the profiler that it stands in for, so that its report is what it would have been; when
    that is Lightning's do-nothing profiler there is nothing to pass on and `profile` is the table itself.
    """

    def __init__(
        self,
        original: Any,
        table: SpanTable,
        on_setup: Callable[[str | None], None],
        on_describe: Callable[[], None],
        failing: Callable[[BaseException], AbstractContextManager[None]],
    ) -> None:
        """Makes the stand-in.

        Args:
            original: The profiler that was there.
            table: The spans.
            on_setup: Called with the log directory when Lightning has determined it, on every rank.
            on_describe: Called when a trainer function has ended normally.
            failing: What to do around Lightning's telling that a trainer function ends with an exception.
        """
        self.original = original
        self.table = table
        self.inside: set[tuple[int, str]] = set()
        """Which methods of which modules are being recorded now; see `mixin`."""
        self._on_setup = on_setup
        self._on_describe = on_describe
        self.failing = failing
        self._muted = False
        self._passes_on = type(original).__name__ != "PassThroughProfiler"
        self._plain: Callable[[str], Profiled] = self._profile_both if self._passes_on else table.__getitem__
        self.profile: Callable[[str], Profiled] = self._plain
        self.record: Callable[[str], Profiled] = table.__getitem__
        self.start: Callable[[str], None] = self._start
        """Lightning's bare form of entering an action;"""
        self.stop: Callable[[str], None] = self._stop
        """and of leaving it."""

    @property  # type: ignore[misc]  # so that isinstance(trainer.profiler, ...) answers as without us
    def __class__(self) -> type:
        return type(self.original)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of the trainer, or a pickled one, has the profiler that it would have."""
        return _itself, (self.original,)

    @property
    def _lightning_module(self) -> Any:
        return self.original._lightning_module

    @_lightning_module.setter
    def _lightning_module(self, module: Any) -> None:
        self.original._lightning_module = module

    def _profile_both(self, name: str) -> Profiled:
        if name.startswith(_OWN):
            return self.table[name]  # without us there would be no such line in its report
        return _Both(self.table[name], self.original.profile(name))

    def mute(self) -> None:
        """Records no more; only passes on."""
        self.disarm()
        self._muted = True
        self.profile = self._plain = self.original.profile

    def arm(self, gate: Boundaries) -> None:
        """Lets `gate` know of both sides of every span. What is armed costs; what is not, nothing."""
        table, plain, record = self.table, self._plain, self.table.__getitem__

        def profile(name: str) -> Profiled:
            return plain(name) if name.startswith(_OWN) else Gated(gate, table[name].number, plain(name))

        def record_gated(name: str) -> Profiled:
            return Gated(gate, table[name].number, record(name))

        def number_of(name: str) -> int:
            return table[name].number

        self.profile, self.record = profile, record_gated
        self.start = gated_start(gate, number_of, self._start)
        self.stop = gated_stop(gate, number_of, self._stop)

    def disarm(self) -> None:
        """Undoes `arm`."""
        self.profile, self.record = self._plain, self.table.__getitem__
        self.start, self.stop = self._start, self._stop

    def _start(self, name: str) -> None:
        if not self._muted:
            self.table[name].__enter__()
        if self._passes_on:
            self.original.start(name)

    def _stop(self, name: str) -> None:
        if self._passes_on:
            self.original.stop(name)
        if not self._muted:
            self.table[name].__exit__(None, None, None)

    def setup(self, stage: str, local_rank: int | None = None, log_dir: str | None = None) -> None:
        """Called by Lightning early in every trainer function (trainer.py:1165)."""
        self.original.setup(stage=stage, local_rank=local_rank, log_dir=log_dir)
        self._on_setup(log_dir)

    def describe(self) -> None:
        """Called by Lightning as the last thing of a trainer function that ended normally (call.py:152)."""
        try:
            self.original.describe()
        finally:
            self._on_describe()


def _itself(profiler: Any) -> Any:
    return profiler


class _Both:
    """Our span around the one of the user's own profiler."""

    __slots__ = ("_ours", "_theirs")

    def __init__(self, ours: Span, theirs: AbstractContextManager[Any]) -> None:
        self._ours = ours
        self._theirs = theirs

    def __enter__(self) -> Any:
        self._ours.__enter__()
        try:
            return self._theirs.__enter__()
        except BaseException:
            self._ours.__exit__(*sys.exc_info())
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        try:
            return self._theirs.__exit__(kind, error, trace)
        finally:
            self._ours.__exit__(kind, error, trace)
