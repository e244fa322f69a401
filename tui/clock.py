"""The clock of a replay: plain arithmetic over a time source that is passed in.

Law: between two requests to move it, its time never goes backwards, whatever the source does. The screen's event loop
moves it while a thread reads it, so each move is one step under a lock.
"""

import threading
from collections.abc import Callable
from typing import Final

SPEEDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Clock:
    """Time of a replay in ns since the run's start, between zero and the run's end."""

    def __init__(self, end_ns: int, source: Callable[[], float], speed: float = 1.0, playing: bool = True) -> None:
        """
        Args:
            end_ns: where the run ends; the clock stops there.
            source: seconds on any steady scale, such as `time.monotonic`.
            speed: seconds of the run per second; kept between the least and the greatest of `SPEEDS`.
            playing: whether it runs at once.
        """
        self._source = source
        self._lock = threading.Lock()
        self._end_ns = max(0, end_ns)
        self._speed = _in_range(speed)
        self._playing = playing
        self._base_ns = 0
        self._since_s = source()
        self.seeks = 0
        """How often it was moved: who has seen another number must look anew."""

    @property
    def end_ns(self) -> int:
        """Where the run ends."""
        return self._end_ns

    def end_at(self, end_ns: int) -> None:
        """Moves the run's end: it goes on being recorded, or it is known better. At the end, the clock stays there."""
        with self._lock:
            self._advance()
            self._end_ns = max(0, end_ns)
            self._base_ns = min(self._base_ns, self._end_ns)

    @property
    def speed(self) -> float:
        """Seconds of the run per second."""
        return self._speed

    @property
    def playing(self) -> bool:
        """Whether time passes: asked to, and not at the end."""
        return self._playing and self.now_ns() < self._end_ns

    def now_ns(self) -> int:
        """The clock's time."""
        with self._lock:
            return self._advance()

    def play(self) -> None:
        """Lets time pass; at the end it begins again, as players do."""
        with self._lock:
            if self._advance() >= self._end_ns:
                self._base_ns = 0
            self._playing = True

    def pause(self) -> None:
        """Stops time where it is."""
        with self._lock:
            self._advance()
            self._playing = False

    def set_speed(self, speed: float) -> None:
        """Changes the speed from now on."""
        with self._lock:
            self._advance()
            self._speed = _in_range(speed)

    def faster(self) -> None:
        """The next greater speed of `SPEEDS`."""
        self.set_speed(next((speed for speed in SPEEDS if speed > self._speed * 1.001), SPEEDS[-1]))

    def slower(self) -> None:
        """The next smaller speed of `SPEEDS`."""
        self.set_speed(next((speed for speed in reversed(SPEEDS) if speed < self._speed * 0.999), SPEEDS[0]))

    def seek(self, time_ns: int) -> None:
        """Moves the clock, forwards or backwards, into the run; it plays on or stays paused as before."""
        with self._lock:
            self._since_s = self._source()
            self._base_ns = min(max(0, time_ns), self._end_ns)
            self.seeks += 1

    def move(self, by_ns: int, end_ns: int) -> None:
        """Tells the same moment by another rank's clock, `by_ns` later, whose recording ends at `end_ns`."""
        with self._lock:
            now_ns = self._advance() + by_ns
            self._end_ns = max(0, end_ns)
            self._base_ns = min(max(0, now_ns), self._end_ns)
            self.seeks += 1

    def _advance(self) -> int:
        """Moves the base up to the source's time, so that every change starts from here; returns it."""
        now_s = self._source()
        passed_s = max(0.0, now_s - self._since_s)
        self._since_s = now_s
        if self._playing:
            self._base_ns = min(self._end_ns, self._base_ns + int(passed_s * self._speed * 1e9))
        return self._base_ns


def _in_range(speed: float) -> float:
    if not speed > 0:
        return 1.0
    return min(max(speed, SPEEDS[0]), SPEEDS[-1])
