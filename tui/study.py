"""What takes longer than a poll to work out about a run: the loop as it ran, and what deserves a look.

A poll that finds it wanted takes a copy of what changes in the trace, and a thread works on that while polls and the
screen go on. What is worked out again and again, because the run goes on, takes at most a small share of a processor.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Generic

import numpy as np

from tracer.analyze.findings import Finding, findings
from tracer.analyze.fold_lines import DEEPEST, FoldedLine, explain_lines
from tracer.analyze.why import why
from tracer.run.events import Int64Array
from tracer.run.info import RunInfo
from tracer.run.trace import Trace
from tui.behind import Behind, T
from tui.feed import Moment

_LINES_SHARE: Final = 0.1
"""Part of a processor's time that folding a run that goes on may take, while somebody looks at it."""
_LEAST_LINES_S: Final = 1.0
_FINDINGS_SHARE: Final = 0.01
"""The same of looking for findings, which goes on unasked."""
_LEAST_FINDINGS_S: Final = 15.0


@dataclass(frozen=True)
class ExplainWish:
    """What is to be folded.

    Attributes:
        details: every detail, or what `hooktrace explain` shows.
        own: only calls that run a function of the owner's own.
    """

    details: bool = False
    own: bool = False


@dataclass(frozen=True)
class Explained:
    """The loop as it ran up to a moment.

    Attributes:
        lines: the pseudo-code.
        whys: by line, a sentence on why it is where it is; None where there is none.
        rows: by line, row of the latest call of its first owner; -1 for loops, conditions and unknown ones.
        spans: how many calls were folded.
        now_ns: up to when.
        wish: what was wanted.
        error: why there are no lines, in words; None if all is well.
    """

    lines: tuple[FoldedLine, ...] = ()
    whys: tuple[str | None, ...] = ()
    rows: tuple[int, ...] = ()
    spans: int = 0
    now_ns: int = 0
    wish: ExplainWish = field(default_factory=ExplainWish)
    error: str | None = None


@dataclass(frozen=True)
class Studied:
    """What is known of a run by now.

    Attributes:
        explained: the loop; None while nobody has asked, or the first answer is being worked out.
        findings: what deserves a look, of all that was recorded; None until it was looked for.
        error: why no findings could be looked for, in words; None if all is well.
        folding: how many calls are being folded at this moment; 0 if none are.
    """

    explained: Explained | None = None
    findings: tuple[Finding, ...] | None = None
    error: str | None = None
    folding: int = 0


class _Repeated(Generic[T]):
    """A job that is done again when what it is done with has changed, but not all the time."""

    def __init__(self, share: float, least_s: float, clock: Callable[[], float]) -> None:
        """
        Args:
            share: part of a processor's time that it may take while the run goes on.
            least_s: seconds from the end of one to the next, at least.
            clock: seconds on a steady scale.
        """
        self._share, self._least_s, self._clock = share, least_s, clock
        self._behind: Behind[T] = Behind()
        self._topic: object = None
        self._state: object = None
        self._began_s = self._due_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether it is being done, or its result has not been taken."""
        return self._behind.busy

    def join(self) -> None:
        """Waits until it is done."""
        self._behind.join()

    def is_due(self, topic: object, state: object, goes_on: bool) -> bool:
        """Whether to do it: at once for another topic; else when its state has changed, in a while if it goes on."""
        if topic != self._topic:
            return True
        return state != self._state and not (goes_on and self._clock() < self._due_s)

    def start(self, topic: object, state: object, job: Callable[[], T]) -> None:
        """Begins to do it."""
        self._topic, self._state, self._began_s = topic, state, self._clock()
        self._behind.start(job)

    def take(self) -> T | None:
        """The result, once; None while there is none.

        Raises:
            Exception: what the job raised.
        """
        found = self._behind.take()
        if found is not None:
            now_s = self._clock()
            self._due_s = now_s + max(self._least_s, (now_s - self._began_s) / self._share)
        return found


class Study:
    """Works these things out from poll to poll."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.wish: ExplainWish | None = None
        """Set while somebody looks at the explained loop; replaced as a whole, by any thread."""
        self.clock = clock
        """Seconds on a steady scale."""
        self._lines: _Repeated[Explained] = _Repeated(_LINES_SHARE, _LEAST_LINES_S, self._now_s)
        self._findings: _Repeated[tuple[Finding, ...]] = _Repeated(_FINDINGS_SHARE, _LEAST_FINDINGS_S, self._now_s)
        self._wanted = ExplainWish()
        self._studied = Studied()

    def _now_s(self) -> float:
        return self.clock()

    def join(self) -> None:
        """Waits for what is being worked out."""
        self._lines.join()
        self._findings.join()

    def advance(self, moment: Moment) -> Studied:
        """What is known now; begins to work out what is wanted, one thing at a time."""
        self._take()
        if not (self._lines.busy or self._findings.busy):
            self._fold(moment)
        if not (self._lines.busy or self._findings.busy):
            self._search(moment)
        return self._studied

    def _take(self) -> None:
        try:
            explained = self._lines.take()
        except Exception as error:  # a fault of the fold costs its lines, and nothing else
            explained = Explained(wish=self._wanted, error=f"{type(error).__name__}: {error}")
        if explained is not None:
            self._studied = replace(self._studied, explained=explained, folding=0)
        try:
            found = self._findings.take()
        except Exception as error:
            found = ()
            self._studied = replace(self._studied, error=f"{type(error).__name__}: {error}")
        if found is not None:
            self._studied = replace(self._studied, findings=found)

    def _fold(self, moment: Moment) -> None:
        trace, info, wish = moment.trace, moment.info, self.wish
        if trace is None or info is None or wish is None:
            return
        topic, state = (wish, moment.generation, moment.rank), (len(trace), trace.now_ns, moment.state)
        if self._lines.is_due(topic, state, moment.state == "running"):
            kept, now_ns = _kept(trace), moment.now_ns
            self._wanted = wish
            self._studied = replace(self._studied, folding=max(1, len(kept)))
            self._lines.start(topic, state, lambda: _explained(kept, info, now_ns, wish))

    def _search(self, moment: Moment) -> None:
        whole, info = moment.whole, moment.info
        if whole is None or info is None or moment.reading is not None or not len(whole):
            return
        state = (len(whole), whole.now_ns, moment.latest_state)
        if self._findings.is_due(moment.rank, state, moment.latest_state == "running"):
            kept = _kept(whole)
            self._findings.start(moment.rank, state, lambda: findings(kept, info))


def _kept(trace: Trace) -> Trace:
    """The trace with copies of the columns that later polls change: the ends of spans that are open now."""
    return replace(
        trace, duration_ns=trace.duration_ns.copy(), self_ns=trace.self_ns.copy(), status=trace.status.copy()
    )


def _explained(trace: Trace, info: RunInfo, now_ns: int, wish: ExplainWish) -> Explained:
    lines = explain_lines(
        trace, info.trainer, DEEPEST if wish.details else None, callbacks=info.callbacks, overridden_only=wish.own
    )
    latest = _latest_rows(trace)
    numbers = {(action.owner_kind, action.label): action.id for action in trace.actions}
    rows = tuple(_row(line, numbers, latest) for line in lines)
    whys = tuple(why(line.text, line.owner_kind) if line.kind == "call" else None for line in lines)
    return Explained(lines, whys, rows, len(trace), now_ns, wish)


def _latest_rows(trace: Trace) -> Int64Array:
    """By action, the row of its latest call; -1 for one that was not called."""
    latest = np.full(len(trace.actions), -1, np.int64)
    latest[trace.action] = np.arange(len(trace))  # of entries for one action the last one stays
    return latest


def _row(line: FoldedLine, numbers: Mapping[tuple[str, str], int], latest: Int64Array) -> int:
    """Row of the latest call of a line's first owner; -1 if there is none."""
    if line.kind != "call":
        return -1
    owner = line.owners[0].removesuffix("*") if line.owners else ""
    action = numbers.get((line.owner_kind, f"{owner}.{line.text}" if owner else line.text), -1)
    return int(latest[action]) if action >= 0 else -1
