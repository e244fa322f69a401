"""Both ends of the control page: how a viewer asks a training process for something.

The page is a small file, mapped into memory by both sides, so that looking at it costs the trainer no system call and
no thread (a socket served by a thread waits for the interpreter lock, up to seconds under load). It belongs to the user
who trains, mode 0600, and nothing on it is believed: a number that makes no sense is passed over. `page` says what lies
where.
"""

import os
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final, Self

from tracer.run.breakpoints import Breakpoint
from tracer.run.layout import CONTROL_FILE, STATES, process_start_ticks
from tracer.run.page import (
    ANSWERS,
    MAGIC,
    MAX_NUMBER,
    MAX_RANKS,
    PAGE_BYTES,
    REQUESTS,
    RING,
    Page,
    RankWords,
    Word,
    open_page,
)

_ASKED: Final = int(Word.ASKED)
MAX_DELAY_NS: Final = 10_000_000_000


class Request(IntEnum):
    """What a viewer can ask for."""

    NONE = 0
    STOP = 1
    """End the training gracefully, as `Trainer.should_stop` does."""
    PAUSE = 2
    """Wait at the next boundary of a hook."""
    CONTINUE = 3
    """Wait no longer."""
    STEP = 4
    """Go on to right before the next hook."""
    STEP_BATCH = 5
    """Go on to right before the first hook of the next batch."""
    SET = 6
    """Look at the breakpoints and the delay on the page: they have changed."""


class Reply(IntEnum):
    """What the trainer answers."""

    NONE = 0
    """Nothing yet."""
    STOPPING = 1
    DONE = 2
    """Paused where it was to pause; continued; breakpoints and delay taken over."""
    OVERTAKEN = 3
    """Another request came before this one could be fulfilled."""
    CLOSED = 4
    """Nobody listens any more: the recording is over."""
    UNKNOWN = 5
    """The trainer does not know such a request."""
    ONLY_FIT = 6
    SEVERAL_HOSTS = 7
    STRATEGY = 8
    TOO_MANY_RANKS = 9
    RANK_DEAF = 10


REFUSALS: Final = {
    Reply.UNKNOWN: "the training does not know this request: it runs with another version of hooktrace",
    Reply.ONLY_FIT: "only fit can be stopped gracefully: nothing else looks at should_stop",
    Reply.SEVERAL_HOSTS: "it trains on several hosts, and only the ranks of this one can be asked",
    Reply.STRATEGY: "it is not known whether the other ranks wait with this strategy",
    Reply.TOO_MANY_RANKS: f"it trains with more than {MAX_RANKS} ranks",
    Reply.RANK_DEAF: "not every rank is being recorded, and one that does not stop with the others makes them fail",
}
"""Why a request was refused, in words."""


class Release(IntEnum):
    """Why training went on although no viewer has said so."""

    NONE = 0
    VIEWER_GONE = 1
    VIEWER_SILENT = 2
    RANKS_WAITED = 3
    TERMINATED = 4
    FAULT = 5


RELEASES: Final = {
    Release.VIEWER_GONE: "the viewer that paused it is gone",
    Release.VIEWER_SILENT: "the viewer that paused it gave no sign of life",
    Release.RANKS_WAITED: "the other ranks would soon have given up waiting",
    Release.TERMINATED: "the process was told to terminate",
    Release.FAULT: "the gate failed; its output says how",
}
"""Why training went on by itself, in words."""


@dataclass(frozen=True)
class Asked:
    """A request as the trainer finds it: its number, and a `Request` or, from a hostile or newer viewer, any number."""

    number: int
    code: int


@dataclass(frozen=True)
class Viewer:
    """Who has asked last.

    Attributes:
        pid: of the process; 0 if there is none.
        start: of the process, in clock ticks; None if not known.
        beat: a number that changes while it lives.
    """

    pid: int
    start: int | None
    beat: int


class ControlPage:
    """The trainer's end: it takes requests, answers, says how it stands, and when it stops to listen."""

    def __init__(self, run_dir: Path, ranks: int = 1, previous: "ControlPage | None" = None) -> None:
        """Creates the page, replacing what an earlier process may have left.

        Args:
            run_dir: The run's directory.
            ranks: How many ranks train.
            previous: The page of the trainer function before, whose viewer, breakpoints and delay are taken over.

        Raises:
            OSError, ValueError: the directory cannot be written to, or no file in it mapped.
        """
        path = run_dir / CONTROL_FILE
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, bytes(PAGE_BYTES))  # not a hole: on a full disk, to write to one that is mapped kills
            self._page = Page(handle)
        finally:
            os.close(handle)
        self._words = self._page.words
        self._words[Word.RANKS] = ranks
        if previous is not None:
            self._page.write_breakpoints(previous.breakpoints())
            for word in (Word.VIEWER_PID, Word.VIEWER_START, Word.HEARTBEAT, Word.DELAY):
                self._words[word] = previous._words[word]
        self._words[Word.MAGIC] = MAGIC
        self._taken = 0
        self._releases = 0
        self.stops = 0
        """Number of the last stop, from 1."""

    def pending(self) -> bool:
        """Whether something is asked for. This is all that a batch pays: about 100 ns."""
        return self._words[_ASKED] != self._taken

    def take(self) -> Asked | None:
        """The next request; None if there is none."""
        asked = self._words[Word.ASKED]
        if not self._taken <= asked < MAX_NUMBER:
            self._taken = asked
            return None
        self._taken = max(self._taken, asked - RING, 0)  # garbage before may have been below zero
        if self._taken == asked:
            return None
        self._taken += 1
        code = self._page.slot(REQUESTS, self._taken)
        return Asked(self._taken, Request.NONE if code is None else code)

    def answer(self, request: Asked, reply: Reply) -> None:
        """Answers a request."""
        self._page.put(ANSWERS, request.number, reply)

    def breakpoints(self) -> tuple[Breakpoint, ...]:
        """The breakpoints that are set."""
        return self._page.read_breakpoints()

    def delay_ns(self) -> int:
        """How long to wait at every boundary."""
        return min(max(0, self._words[Word.DELAY]), MAX_DELAY_NS)

    def clear(self) -> None:
        """Removes breakpoints and delay."""
        self._page.write_breakpoints(())
        self._words[Word.DELAY] = 0

    def viewer(self) -> Viewer:
        """Who has asked last."""
        start = self._words[Word.VIEWER_START]
        pid = self._words[Word.VIEWER_PID]
        pid = pid if 0 < pid < 1 << 31 else 0
        return Viewer(pid, start if start > 0 else None, self._words[Word.HEARTBEAT])

    def say_paused(self, paused: bool) -> None:
        """Says whether training waits; each pause is a stop with a number of its own."""
        self.stops += paused
        self._words[Word.STOPS] = self.stops
        self._words[Word.PAUSED] = paused

    def say_shown(self) -> None:
        """Says that what is known of the last stop can be read."""
        self._words[Word.SHOWN] = self.stops

    def say_delay(self, delay_ns: int) -> None:
        """Says how long training waits at every boundary."""
        self._words[Word.DELAY_NOW] = delay_ns

    def say_released(self, reason: Release) -> None:
        """Says that training goes on by itself, and why."""
        self._words[Word.RELEASE] = reason
        self._releases += 1
        self._words[Word.RELEASES] = self._releases

    def say_state(self, state: str, exception: str | None, dropped: str | None) -> None:
        """Says what run.json is told: on a full disk, or without a right to the directory, only the page can be."""
        self._page.write_texts((exception or "", dropped or ""))
        self._words[Word.STATE_AT] = time.time_ns() // 1000
        self._words[Word.STATE] = STATES.index(state) + 1

    def close(self) -> None:
        """Says that nobody listens any more."""
        self._words[Word.PAUSED] = 0
        self._words[Word.CLOSED] = 1

    @property
    def ranks(self) -> "RankWords":
        """The part of the page about which the ranks agree when to stop."""
        return RankWords(self._page)


@dataclass(frozen=True)
class GateStatus:
    """How the trainer's gate stands.

    Attributes:
        listening: whether a trainer looks at the page; all else is empty if not.
        paused: whether training waits.
        stops: number of the last stop, from 1.
        shown: number of the last stop that inspect.json tells of.
        delay_ns: how long training waits at every boundary.
        breakpoints: where it is to stop.
        releases: how often it went on by itself, and for which `release` the last time.
        ranks: how many ranks train.
    """

    listening: bool = False
    paused: bool = False
    stops: int = 0
    shown: int = 0
    delay_ns: int = 0
    breakpoints: tuple[Breakpoint, ...] = ()
    releases: int = 0
    release: Release = Release.NONE
    ranks: int = 1


class ControlViewer:
    """The viewer's end. Never raises: a run without a page, or one whose trainer is gone, just cannot be asked."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / CONTROL_FILE
        self._page: Page | None = None
        self._holds = False

    def request(self, what: Request) -> int:
        """Asks for something. Returns the number of the request; 0 if nobody listens."""
        page = self._open()
        if page is None:
            return 0
        words = page.words
        words[Word.VIEWER_PID] = os.getpid()
        words[Word.VIEWER_START] = process_start_ticks(os.getpid()) or 0
        words[Word.HEARTBEAT] = time.monotonic_ns()
        number = words[Word.ASKED] + 1
        if not 0 < number < MAX_NUMBER:
            number = 1
        page.put(REQUESTS, number, what)
        self._holds |= what in (Request.PAUSE, Request.STEP, Request.STEP_BATCH, Request.SET)
        words[Word.ASKED] = number
        return number

    def set_delay(self, delay_ns: int) -> int:
        """Asks to wait at every boundary; 0 for not. Returns as `request`."""
        page = self._open()
        if page is None:
            return 0
        page.words[Word.DELAY] = min(max(0, delay_ns), MAX_DELAY_NS)
        return self.request(Request.SET)

    def set_breakpoints(self, breakpoints: tuple[Breakpoint, ...]) -> int:
        """Asks to stop there and nowhere else; the first `MAX_BREAKPOINTS` count. Returns as `request`."""
        page = self._open()
        if page is None:
            return 0
        page.write_breakpoints(breakpoints)
        return self.request(Request.SET)

    def release(self) -> None:
        """Takes back whatever makes training wait, if it was asked from here and by nobody else since."""
        page = self._open()
        if page is None or not self._holds or page.words[Word.VIEWER_PID] != os.getpid():
            return
        page.write_breakpoints(())
        page.words[Word.DELAY] = 0
        self.request(Request.SET)
        self.request(Request.CONTINUE)
        self._holds = False

    def beat(self) -> None:
        """Gives a sign of life, if it was we who asked last; to be called a few times a second."""
        page = self._open()
        if page is not None and page.words[Word.VIEWER_PID] == os.getpid():
            page.words[Word.HEARTBEAT] = time.monotonic_ns()

    def reply(self, number: int) -> Reply:
        """The trainer's answer to a request."""
        page = self._open()
        if page is None:
            return Reply.CLOSED
        code = page.slot(ANSWERS, number)
        try:
            return Reply(code or 0)
        except ValueError:  # a newer trainer's, or garbage
            return Reply.UNKNOWN

    def status(self) -> GateStatus:
        """How the gate stands."""
        page = self._open()
        if page is None:
            return GateStatus()
        words = page.words
        release = words[Word.RELEASE]
        return GateStatus(
            listening=True,
            paused=bool(words[Word.PAUSED]),
            stops=words[Word.STOPS],
            shown=words[Word.SHOWN],
            delay_ns=words[Word.DELAY_NOW],
            breakpoints=page.read_breakpoints(),
            releases=words[Word.RELEASES],
            release=Release(release) if release in RELEASES else Release.NONE,
            ranks=words[Word.RANKS],
        )

    def close(self) -> None:
        """Lets go of the page; the object can still be used and opens it again."""
        if self._page is not None:
            self._page.close()
            self._page = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _open(self) -> Page | None:
        """The page of the trainer that listens now: each function of a trainer makes a new one."""
        if self._page is not None and self._page.words[Word.CLOSED]:
            self.close()
        if self._page is None:
            page = open_page(self._path)
            if page is not None and page.words[Word.CLOSED]:
                page.close()
                return None
            self._page = page
        return self._page
