"""The clock of a replay: its law, and what its keys do."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.driving import Hands
from tui.clock import SPEEDS, Clock

SECOND = 1_000_000_000

calm = st.one_of(
    st.floats(-10, 10).map(lambda seconds: ("wait", seconds)),
    st.sampled_from([("play", 0.0), ("pause", 0.0), ("faster", 0.0), ("slower", 0.0)]),
    st.floats(0, 2000).map(lambda speed: ("speed", speed)),
)


@given(st.lists(calm, max_size=30))
def test_time_never_goes_backwards_unasked(steps: list[tuple[str, float]]) -> None:
    hands = Hands()
    clock = Clock(3600 * SECOND, hands)
    operations: dict[str, Callable[[], None]] = {"pause": clock.pause, "faster": clock.faster, "slower": clock.slower}
    last = 0
    for name, value in steps:
        if name == "wait":
            hands.seconds += value  # a bad source may go backwards
        elif name == "speed":
            clock.set_speed(value)
        elif name == "play":
            if last < clock.end_ns:  # at the end, playing begins again: that is asked for
                clock.play()
        else:
            operations[name]()
        now = clock.now_ns()
        assert last <= now <= clock.end_ns
        assert SPEEDS[0] <= clock.speed <= SPEEDS[-1]
        last = now


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 5), max_size=20))
def test_time_passes_at_the_speed(speed: float, waits: list[float]) -> None:
    hands = Hands()
    clock = Clock(10**15, hands, speed)
    for wait in waits:
        hands.seconds += wait
        clock.now_ns()
    assert clock.now_ns() == pytest.approx(sum(waits) * speed * 1e9, rel=1e-6, abs=100)


@given(st.integers(-(10**12), 10**13))
def test_seeking_goes_there_within_the_run(time_ns: int) -> None:
    clock = Clock(SECOND, Hands())
    clock.seek(time_ns)
    assert clock.now_ns() == min(max(0, time_ns), SECOND)


def test_pausing_stops_time_and_playing_goes_on() -> None:
    hands = Hands()
    clock = Clock(10 * SECOND, hands)
    hands.seconds = 2
    clock.pause()
    hands.seconds = 5
    assert (clock.now_ns(), clock.playing) == (2 * SECOND, False)
    clock.play()
    hands.seconds = 6
    assert (clock.now_ns(), clock.playing) == (3 * SECOND, True)


def test_at_the_end_it_stops_and_plays_from_the_start() -> None:
    hands = Hands()
    clock = Clock(SECOND, hands)
    hands.seconds = 100
    assert (clock.now_ns(), clock.playing) == (SECOND, False)
    clock.play()
    assert (clock.now_ns(), clock.playing) == (0, True)


def test_speeds_step_through_the_table() -> None:
    clock = Clock(SECOND, Hands(), speed=3.0)
    clock.faster()
    assert clock.speed == 5.0
    clock.slower()
    clock.slower()
    assert clock.speed == 1.0
    for _ in SPEEDS:
        clock.slower()
    assert clock.speed == 0.1
    for _ in SPEEDS:
        clock.faster()
    assert clock.speed == 1000.0


def test_a_speed_that_is_none_is_the_usual_one() -> None:
    assert Clock(SECOND, Hands(), speed=float("nan")).speed == 1.0
    assert Clock(SECOND, Hands(), speed=-4).speed == 1.0
