"""Progress of a run as plain lines, for where there is no screen: a log file, a pipe, a terminal that cannot draw."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tracer.errors import HooktraceError
from tracer.run.metrics import Metrics
from tracer.run.text import plain_text
from tracer.verbs.text import clock
from tui.child import Child, next_run
from tui.feed import STARTING, Moment
from tui.live import LiveFeed
from tui.progress import Bar, Progress

_POLL_S = 0.25
_LINE_S = 5.0
_METRICS = 6


class Reporter:
    """Decides when there is something to say, and says it in a line.

    There is a line for every stage and epoch, once its first batch runs, and one every few seconds in between. A line
    ends with the metrics that were logged since the last one.
    """

    def __init__(self, line_s: float = _LINE_S) -> None:
        """
        Args:
            line_s: Seconds between lines while nothing else happens.
        """
        self._line_s = line_s
        self._due_s = 0.0
        self._place: tuple[object, ...] | None = None
        self._rows = 0

    def lines(self, moment: Moment, now_s: float) -> Iterator[str]:
        """What there is to say at this moment.

        Args:
            moment: The run as it is.
            now_s: Seconds on a steady scale.
        """
        if moment.state == STARTING:
            if self._place is None:
                yield "starting: the program loads torch and lightning"
                self._place = (STARTING,)
            return
        place, where = _place(moment)
        arrived = place != self._place
        if not where or not (arrived or (moment.state == "running" and now_s >= self._due_s)):
            return
        self._place, self._due_s = place, now_s + self._line_s
        yield f"{clock(moment.now_ns / 1e9):>7}  {' · '.join(where + self._new_metrics(moment.metrics))}"

    def _new_metrics(self, metrics: Metrics) -> list[str]:
        """The last value of each metric that was logged since the last call."""
        since, self._rows = self._rows, len(metrics)
        latest = []
        for name in metrics.names:
            series = metrics.series(name)
            if len(series.rows) and series.rows[-1] >= since:
                latest.append(f"{plain_text(name, 40)} {series.values[-1]:.4g}")
        return latest[:_METRICS]


def place_in_words(moment: Moment) -> list[str]:
    """Where a run is, in a few words; none before it began and between two loops."""
    return [] if moment.state == STARTING else _place(moment)[1]


def _place(moment: Moment) -> tuple[tuple[object, ...], list[str]]:
    """Where a run is, to be compared with where it was; and in words, none between two loops."""
    if moment.state != "running":
        return (moment.state,), [_end(moment)]
    progress = Progress() if moment.meter is None else moment.meter.progress(moment.info, moment.now_ns)
    place = (progress.function, progress.stage, progress.epoch)
    if progress.batch is None or not progress.bars:
        return place, []
    words = [progress.function, (progress.stage or "").replace("_", " ")]
    if progress.epoch is not None:
        words.append(f"epoch {_of(progress.epoch, progress.max_epochs)}")
    paused = ["paused"] if progress.paused else []
    return place, [*(word for word in dict.fromkeys(words) if word), *_bar(progress.bars[0]), *paused]


def _end(moment: Moment) -> str:
    """How it ended; for one that could not say so itself, also where it was."""
    if moment.state != "died" or moment.trace is None or not moment.trace.open_rows:
        return moment.state
    inside = moment.trace.actions[moment.trace.action[moment.trace.open_rows[-1]]]
    return f"died in {plain_text(inside.label)}"


def _of(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,}/{total:,}"


def _bar(bar: Bar) -> list[str]:
    parts = [f"batch {_of(bar.done, bar.total)}"]
    if bar.rate_per_s is not None:
        parts.append(f"{bar.rate_per_s:.1f} it/s")
    if bar.left_s is not None:
        parts.append(f"{clock(bar.left_s)} left")
    return parts


def follow(
    run_dir: Path,
    child: Child | None = None,
    pause: Callable[[float], None] = time.sleep,
    now_s: Callable[[], float] = time.monotonic,
) -> None:
    """Prints lines until the run, or the process that makes it, ends. Ctrl-C is passed on to that process.

    If that process has ended one run and begun another, lines go on with that.

    Args:
        run_dir: The run's directory.
        child: The process, if it is ours.
        pause: Waits for so many seconds.
        now_s: Seconds on a steady scale.

    Raises:
        HooktraceError: the run cannot be read (with a process of ours this is said, and the process is waited for).
        KeyboardInterrupt: Ctrl-C, with no process to pass it on to.
    """
    try:
        _print_until_end(run_dir, child, pause, now_s)
    except HooktraceError as error:
        if child is None:
            raise
        print(f"hooktrace: warning: no progress to show: {plain_text(str(error))}", file=sys.stderr)
        while child.poll() is None:
            _patiently(pause, child)


def _print_until_end(
    run_dir: Path, child: Child | None, pause: Callable[[float], None], now_s: Callable[[], float]
) -> None:
    feed, reporter = LiveFeed(run_dir), Reporter()
    while True:
        ended = child is not None and child.poll() is not None  # asked first: what was recorded by then is read now
        moment = feed.poll()
        for line in reporter.lines(moment, now_s()):
            print(line, flush=True)
        if moment.state != "running" and (upcoming := next_run(child, run_dir)) is not None:
            print(f"the next run of the program: {upcoming}", flush=True)
            run_dir, feed, reporter = upcoming, LiveFeed(upcoming), Reporter()
            continue
        if ended or (child is None and moment.state not in (STARTING, "running")):
            return
        _patiently(pause, child)


def _patiently(pause: Callable[[float], None], child: Child | None) -> None:
    try:
        pause(_POLL_S)
    except KeyboardInterrupt:
        if child is None:
            raise
        print("interrupting the training: it ends after what it is doing now", flush=True)
        child.interrupt()
