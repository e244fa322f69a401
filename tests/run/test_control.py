"""The control page: nothing asked for is lost or done twice, and nothing on it can hurt either side."""

import os
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracer.run.breakpoints import parse_breakpoint
from tracer.run.control import (
    MAX_DELAY_NS,
    REFUSALS,
    RELEASES,
    ControlPage,
    ControlViewer,
    GateStatus,
    Release,
    Reply,
    Request,
)
from tracer.run.layout import CONTROL_FILE, process_start_ticks
from tracer.run.page import MAX_BREAKPOINTS, PAGE_BYTES, open_ranks

_IN_THIS_DIRECTORY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def _taken(page: ControlPage) -> list[tuple[int, int]]:
    found = []
    while (asked := page.take()) is not None:
        found.append((asked.number, asked.code))
    return found


def test_every_request_is_taken_once_in_order(tmp_path: Path) -> None:
    page, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    assert not page.pending()
    for request in (Request.PAUSE, Request.STEP, Request.STEP):
        viewer.request(request)
    assert page.pending()
    assert _taken(page) == [(1, Request.PAUSE), (2, Request.STEP), (3, Request.STEP)]
    assert not page.pending()
    assert viewer.request(Request.STOP) == 4
    assert _taken(page) == [(4, Request.STOP)]


def test_answers_belong_to_their_request(tmp_path: Path) -> None:
    page, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    first, second = viewer.request(Request.PAUSE), viewer.request(Request.STOP)
    one, other = page.take(), page.take()
    assert one is not None
    assert other is not None
    page.answer(other, Reply.ONLY_FIT)
    assert (viewer.reply(first), viewer.reply(second)) == (Reply.NONE, Reply.ONLY_FIT)
    page.answer(one, Reply.DONE)
    assert (viewer.reply(first), viewer.reply(second)) == (Reply.DONE, Reply.ONLY_FIT)


@given(st.lists(st.integers(1, 100), max_size=12))
@_IN_THIS_DIRECTORY
def test_of_more_requests_than_there_is_room_for_the_last_are_taken(tmp_path: Path, bursts: list[int]) -> None:
    page, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    asked = 0
    for burst in bursts:
        for _ in range(burst):
            asked = viewer.request(Request.SET)
        assert [number for number, _ in _taken(page)] == list(range(asked - min(burst, 64) + 1, asked + 1))


@given(st.integers(0, 1 << 30), st.dictionaries(st.integers(1, 31), st.integers(-(1 << 63), (1 << 63) - 1)))
@_IN_THIS_DIRECTORY
def test_garbage_hurts_neither_side(tmp_path: Path, seed: int, words: dict[int, int]) -> None:
    page, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    assert viewer.status().listening
    with (tmp_path / CONTROL_FILE).open("r+b") as file:
        file.seek(8)
        file.write(Random(seed).randbytes(PAGE_BYTES - 8) if seed % 3 else bytes(PAGE_BYTES - 8))
        for index, word in words.items():
            file.seek(8 * index)
            file.write(word.to_bytes(8, "little", signed=True))
    assert len(_taken(page)) <= 64
    assert not page.pending()
    assert 0 <= page.delay_ns() <= MAX_DELAY_NS
    assert len(page.breakpoints()) <= MAX_BREAKPOINTS
    assert 0 <= page.viewer().pid < 1 << 31
    page.say_paused(True)
    page.clear()
    assert (page.breakpoints(), page.delay_ns()) == ((), 0)
    viewer.status()
    viewer.reply(7)
    viewer.beat()
    viewer.request(Request.PAUSE)
    viewer.release()
    page.close()


def test_a_viewer_is_heard_again_after_garbage_below_zero(tmp_path: Path) -> None:
    page, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    with (tmp_path / CONTROL_FILE).open("r+b") as file:
        file.seek(8)
        file.write((-(1 << 60)).to_bytes(8, "little", signed=True))
    assert page.take() is None
    assert viewer.request(Request.PAUSE) == 1
    assert _taken(page) == [(1, Request.PAUSE)]


def test_settings_are_carried_whole(tmp_path: Path) -> None:
    page, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    wanted = tuple(parse_breakpoint(f"hook_{number} batch={number}") for number in range(MAX_BREAKPOINTS))
    viewer.set_breakpoints(wanted)
    viewer.set_delay(1 << 60)
    assert page.breakpoints() == wanted == viewer.status().breakpoints
    assert page.delay_ns() == MAX_DELAY_NS
    assert [code for _, code in _taken(page)] == [Request.SET, Request.SET]


def test_a_viewer_that_leaves_takes_everything_back(tmp_path: Path) -> None:
    page, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    viewer.release()
    assert not page.pending()
    viewer.request(Request.PAUSE)
    viewer.set_breakpoints((parse_breakpoint("setup"),))
    viewer.set_delay(5)
    _taken(page)
    viewer.release()
    assert (page.breakpoints(), page.delay_ns()) == ((), 0)
    assert _taken(page)[-1][1] == Request.CONTINUE
    viewer.release()
    assert not page.pending()


def test_who_asks_says_so_and_lives_on(tmp_path: Path) -> None:
    page, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    viewer.beat()
    assert page.viewer().pid == 0
    viewer.request(Request.PAUSE)
    before = page.viewer()
    viewer.beat()
    after = page.viewer()
    assert (after.pid, after.start) == (os.getpid(), process_start_ticks(os.getpid()))
    assert after.beat != before.beat


def test_the_gate_says_how_it_stands(tmp_path: Path) -> None:
    page, viewer = ControlPage(tmp_path, ranks=2), ControlViewer(tmp_path)
    page.say_paused(True)
    page.say_shown()
    page.say_paused(False)
    page.say_paused(True)
    page.say_released(Release.VIEWER_GONE)
    assert viewer.status() == GateStatus(True, True, stops=2, shown=1, releases=1, release=Release.VIEWER_GONE, ranks=2)
    page.close()
    assert viewer.status() == GateStatus()
    assert viewer.reply(1) is Reply.CLOSED
    assert viewer.request(Request.PAUSE) == viewer.set_delay(1) == viewer.set_breakpoints(()) == 0


def test_the_next_page_is_found_after_the_first_was_closed(tmp_path: Path) -> None:
    first, viewer = ControlPage(tmp_path), ControlViewer(tmp_path)
    viewer.request(Request.STOP)
    first.close()
    second = ControlPage(tmp_path)
    assert viewer.request(Request.STOP) == 1
    assert _taken(second) == [(1, Request.STOP)]
    viewer.close()
    assert viewer.request(Request.STOP) == 2


def test_a_file_that_is_no_page_is_nobody(tmp_path: Path) -> None:
    for content in (b"", b"x" * 100, b"hooktrc1".ljust(PAGE_BYTES, b"\0")):
        (tmp_path / CONTROL_FILE).write_bytes(content)
        assert ControlViewer(tmp_path).request(Request.STOP) == 0
        assert open_ranks(tmp_path) is None


def test_ranks_hear_each_other(tmp_path: Path) -> None:
    page = ControlPage(tmp_path, ranks=3)
    other = open_ranks(tmp_path)
    assert other is not None
    other.say_begun(2, 7)
    assert page.ranks.begun() == [0, 0, 7]
    page.ranks.propose(8)
    assert (other.stop_at, other.stop_agreed) == (8, 0)
    page.ranks.agree()
    assert other.stop_agreed == 8


def test_every_refusal_and_release_has_words() -> None:
    said = {Reply.NONE, Reply.STOPPING, Reply.DONE, Reply.OVERTAKEN, Reply.CLOSED}
    assert set(REFUSALS) == set(Reply) - said
    assert set(RELEASES) == set(Release) - {Release.NONE}
