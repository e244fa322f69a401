"""The bar along the recording: where the clock is, what lies where, and what a click on it means.

Plain functions, so that the widget only paints and a test needs no screen.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len

from tracer.run.events import Int64Array
from tui.feed import Timeline
from tui.frame import Frame
from tui.landmarks import ChapterKind, Landmarks
from tui.text import Cell, Line, clock_text, duration_text

BoolArray = npt.NDArray[np.bool_]

_PLAIN, _SILENT, _PAUSED, _UNREAD = "━╌░·"
_MARKS: Final[dict[ChapterKind, str]] = {"epoch": "┿", "validation": "▽", "checkpoint": "◆", "call": "╋"}
"""By kind of chapter; where several fall into one cell, the later kind is shown."""
_CROWDED: Final = 4
"""With more chapters of a kind than a mark every so many cells, they would hide the bar: none is shown."""


@dataclass(frozen=True)
class Transport:
    """What is shown of a recording.

    Attributes:
        now_ns, end_ns: the moment that is shown, and the end of the recording, in ns since the run's start.
        playing: whether time passes.
        speed: seconds of the run per second.
        live: whether what is shown is the latest of a live run; then there is no clock to play or pause.
        over: whether nothing more will be recorded.
        rewound: whether it is the past of such a run.
        reading: how much of the recording has been read, 0 to 1; None once that is everything.
        read_ns: up to where it has been read.
        landmarks: what lies along it.
    """

    now_ns: int
    end_ns: int
    playing: bool = False
    speed: float = 1.0
    live: bool = False
    over: bool = False
    rewound: bool = False
    reading: float | None = None
    read_ns: int = 0
    landmarks: Landmarks = field(default_factory=Landmarks)

    @property
    def speed_text(self) -> str:
        """As `4x`."""
        return f"{self.speed:g}x"

    @property
    def behind_ns(self) -> int:
        """How far what is shown lies behind the latest."""
        return max(0, self.end_ns - self.now_ns)

    @property
    def reading_text(self) -> str:
        """How far the reading is, in words; empty once it is done."""
        return "" if self.reading is None else f"still reading: {self.reading:.0%}"


def transport_of(timeline: Timeline, frame: Frame, live: bool) -> Transport | None:
    """Which moment is shown; None while nothing was recorded yet.

    Args:
        timeline: what is recorded.
        frame: what is on the screen.
        live: whether the run is followed as it is written.
    """
    clock, whole = timeline.clock, timeline.whole
    if whole is None or not len(whole):
        return None
    shown = Transport(
        now_ns=frame.now_ns,
        end_ns=max(frame.now_ns, whole.now_ns),
        live=True,
        over=frame.over,
        reading=timeline.reading,
        read_ns=whole.now_ns,
        landmarks=frame.landmarks,
    )
    if clock is None:
        return shown
    return replace(
        shown,
        now_ns=clock.now_ns(),
        end_ns=clock.end_ns,
        playing=clock.playing,
        speed=clock.speed,
        live=False,
        rewound=live,
    )


def transport_line(transport: Transport, width: int) -> Line:
    """The whole line: state, speed, time, bar, and on the right the end, how far behind it is, or how far is read."""
    left, right = _ends(transport)
    cells = bar_marks(transport, max(0, width - cell_len(left[0]) - cell_len(right[0])))
    return (left, *cells, right)


def time_at(transport: Transport, width: int, column: int) -> int | None:
    """The moment that a click on a column means, in ns since the run's start; None beside the bar."""
    left, right = _ends(transport)
    first = cell_len(left[0])
    cells = width - first - cell_len(right[0])
    if not first <= column < first + cells:
        return None
    return round(transport.end_ns * (column - first) / max(1, cells - 1))


def _ends(transport: Transport) -> tuple[Cell, Cell]:
    now = clock_text(transport.now_ns, tenths=True)
    if transport.live:
        left = (f" ■   end  {now} ", "head") if transport.over else (f" ●  live  {now} ", "live")
    else:
        state = "▶" if transport.playing else "‖"
        left = f" {state} {transport.speed_text:>5}  {now} ", "live" if transport.playing else "warn"
    if transport.reading is not None:
        return left, (f" {transport.reading_text} ", "warn")
    if transport.rewound:
        return left, (f" -{duration_text(transport.behind_ns)} ", "warn")
    return left, (f" {clock_text(transport.end_ns, tenths=True)} ", "head")


def bar_marks(transport: Transport, width: int) -> tuple[Cell, ...]:
    """The bar in exactly `width` cells, runs of equal looks in one."""
    if width <= 0:
        return ()
    edges_ns = np.linspace(0, max(1, transport.end_ns), width + 1).astype(np.int64)
    text = np.full(width, _PLAIN)
    found = transport.landmarks
    text[_within(edges_ns, found.silent_from, found.silent_to)] = _SILENT
    text[_mostly(edges_ns, found.paused_from, found.paused_to)] = _PAUSED
    if transport.reading is not None:
        text[edges_ns[:-1] >= transport.read_ns] = _UNREAD
    marked = _set_marks(text, transport)
    passed = int(np.searchsorted(edges_ns[:-1], transport.now_ns, side="right"))
    roles = np.where(marked, "head", "bar-rest").astype(object)
    roles[:passed] = np.where(marked[:passed], "bar-mark", "bar")
    return _joined(text.tolist(), roles.tolist())


def _set_marks(text: npt.NDArray[np.str_], transport: Transport) -> BoolArray:
    """Puts the marks of the chapters into the bar; returns where they are."""
    width = len(text)
    read = 1.0 if transport.reading is None else transport.read_ns / max(1, transport.end_ns)
    marked = np.zeros(width, np.bool_)
    found = transport.landmarks.chapter_times_ns
    for kind, mark in _MARKS.items():
        times = found.get(kind, np.empty(0, np.int64))
        cells = np.unique((times * (width / max(1, transport.end_ns))).astype(np.int64))
        cells = cells[(cells > 0) & (cells < width)]  # at the very beginning, nothing has to be found
        if len(cells) * _CROWDED <= width * read:
            text[cells], marked[cells] = mark, True
    return marked


def _within(edges_ns: Int64Array, begin_ns: Int64Array, end_ns: Int64Array) -> BoolArray:
    """Which cells lie wholly in one of some stretches."""
    stretch = np.searchsorted(begin_ns, edges_ns[:-1], side="right") - 1
    if not len(end_ns):
        return np.zeros(len(stretch), np.bool_)
    return np.asarray((stretch >= 0) & (end_ns[stretch] >= edges_ns[1:]))


def _mostly(edges_ns: Int64Array, begin_ns: Int64Array, end_ns: Int64Array) -> BoolArray:
    """Which cells lie at least by half in some stretches, of which no two overlap."""
    if not len(end_ns):
        return np.zeros(len(edges_ns) - 1, np.bool_)
    before = np.concatenate(([0], np.cumsum(end_ns - begin_ns)))
    count = np.searchsorted(begin_ns, edges_ns, side="right")
    last_end = np.concatenate(([0], end_ns))[count]
    covered = before[count] - np.maximum(last_end - edges_ns, 0)
    return np.asarray(2 * np.diff(covered) >= np.diff(edges_ns))


def _joined(text: list[str], roles: list[str]) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for character, role in zip(text, roles, strict=True):
        if cells and cells[-1][1] == role:
            cells[-1] = (cells[-1][0] + character, role)
        else:
            cells.append((character, role))
    return tuple(cells)
