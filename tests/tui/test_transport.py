"""The transport bar as text: always exactly as wide as asked for, and a click means what is seen there."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tracer.run.events import Int64Array
from tui.landmarks import Chapter, ChapterKind, Landmarks
from tui.palette import STYLES
from tui.text import Line
from tui.transport import Transport, bar_marks, time_at, transport_line

SECOND = 1_000_000_000
END = 100 * SECOND


def text(line: Line) -> str:
    return "".join(cell for cell, _ in line)


def bar(transport: Transport, width: int = 100) -> str:
    return text(bar_marks(transport, width))


def with_chapters(*chapters: tuple[ChapterKind, int]) -> Transport:
    """A recording of 100 s with chapters at these seconds, shown at its beginning."""
    found = tuple(Chapter(kind, seconds * SECOND, kind) for kind, seconds in chapters)
    return Transport(0, END, landmarks=Landmarks(found))


def stretches(*pairs: tuple[int, int]) -> tuple[Int64Array, Int64Array]:
    """Begins and ends, given in seconds."""
    begin, end = (np.array(column, np.int64) * SECOND for column in zip(*pairs, strict=True))
    return begin, end


TRANSPORTS = st.builds(
    Transport,
    now_ns=st.integers(0, 10**13),
    end_ns=st.integers(0, 10**13),
    playing=st.booleans(),
    speed=st.sampled_from((0.1, 1.0, 1000.0)),
    live=st.booleans(),
    over=st.booleans(),
    rewound=st.booleans(),
    reading=st.one_of(st.none(), st.floats(0, 1)),
    read_ns=st.integers(0, 10**13),
    landmarks=st.lists(st.integers(0, 10**13), max_size=5).map(
        lambda times: Landmarks(tuple(Chapter("epoch", time_ns, "e") for time_ns in sorted(times)))
    ),
)


@given(TRANSPORTS, st.integers(60, 200))
def test_a_line_fills_its_width_in_known_colours(transport: Transport, width: int) -> None:
    line = transport_line(transport, width)
    assert cell_len(text(line)) == width
    assert {role for _, role in line} <= set(STYLES)


@given(st.integers(80, 200), st.integers(10**6, 10**13), st.data())
def test_a_click_means_what_is_seen_there(width: int, end_ns: int, data: st.DataObject) -> None:
    transport = Transport(0, end_ns)
    line = text(transport_line(transport, width))
    first, last = line.index("━"), line.rindex("━")
    assert (time_at(transport, width, first), time_at(transport, width, last)) == (0, end_ns)
    assert time_at(transport, width, first - 1) is time_at(transport, width, last + 1) is None
    column = data.draw(st.integers(first, last))
    there = time_at(transport, width, column)
    assert there is not None
    passed = bar_marks(replace(transport, now_ns=there), last - first + 1)[0]
    assert abs(len(passed[0]) - 1 - (column - first)) <= 1


def test_chapters_stand_where_they_begin() -> None:
    shown = bar(with_chapters(("epoch", 10), ("validation", 20), ("checkpoint", 30), ("call", 40), ("epoch", 50)))
    assert {index: mark for index, mark in enumerate(shown) if mark != "━"} == {
        10: "┿",
        20: "▽",
        30: "◆",
        40: "╋",
        50: "┿",
    }


def test_too_many_chapters_of_a_kind_are_not_marked() -> None:
    many = with_chapters(*(("epoch", second) for second in range(1, 99)), ("checkpoint", 50))
    assert set(bar(many)) == {"━", "◆"}


def test_marks_that_are_going_to_be_too_many_are_not_begun() -> None:
    found = with_chapters(("epoch", 1), ("epoch", 2), ("epoch", 3)).landmarks
    assert "┿" not in bar(Transport(0, END, reading=0.05, read_ns=5 * SECOND, landmarks=found))
    assert "┿" in bar(Transport(0, END, reading=0.5, read_ns=50 * SECOND, landmarks=found))


def test_silences_and_pauses_look_different() -> None:
    silent_from, silent_to = stretches((10, 20), (30, 40))
    paused_from, paused_to = stretches((30, 40), (60, 61))
    found = Landmarks(silent_from=silent_from, silent_to=silent_to, paused_from=paused_from, paused_to=paused_to)
    shown = bar(Transport(0, END, landmarks=found))
    assert shown == "━" * 10 + "╌" * 10 + "━" * 10 + "░" * 10 + "━" * 20 + "░" + "━" * 39


def test_a_silence_within_a_cell_does_not_show() -> None:
    silent_from, silent_to = stretches((10, 19))
    shown = bar(Transport(0, END, landmarks=Landmarks(silent_from=silent_from, silent_to=silent_to)), 5)
    assert shown == "━" * 5


@pytest.mark.parametrize(
    ("transport", "left", "right"),
    [
        (Transport(83 * SECOND, END, True, 2.0), " ▶    2x  00:01:23.0 ", " 00:01:40.0 "),
        (Transport(83 * SECOND, END), " ‖    1x  00:01:23.0 ", " 00:01:40.0 "),
        (Transport(END, END, live=True), " ●  live  00:01:40.0 ", " 00:01:40.0 "),
        (Transport(END, END, live=True, over=True), " ■   end  00:01:40.0 ", " 00:01:40.0 "),
        (Transport(88 * SECOND, END, rewound=True), " ‖    1x  00:01:28.0 ", " -12.0 s "),
        (Transport(0, END, reading=0.4, read_ns=40 * SECOND), " ‖    1x  00:00:00.0 ", " still reading: 40% "),
    ],
)
def test_both_ends_say_how_it_stands(transport: Transport, left: str, right: str) -> None:
    line = text(transport_line(transport, 100))
    assert line.startswith(left) and line.endswith(right)


def test_what_is_not_read_yet_is_no_line() -> None:
    shown = bar(Transport(0, END, reading=0.4, read_ns=40 * SECOND))
    assert shown == "━" * 40 + "·" * 60
