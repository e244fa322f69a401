"""The keys of a replay as operations on its clock: plain Python, one method a kind of step.

Stepping pauses, since whoever steps wants to look; seeking by seconds does not. An operation that cannot be done says
why in a sentence, which the screen shows.
"""

from collections.abc import Callable
from typing import Final

from tui.feed import ReplayFeed
from tui.seek import parse_target

_SECOND_NS: Final = 1_000_000_000


class Player:
    """Moves the clock of a replay."""

    def __init__(self, feed: ReplayFeed) -> None:
        self._feed = feed
        self._clock = feed.clock
        places = feed.places
        self._operations: dict[str, Callable[[int], str | None]] = {
            "play_pause": lambda _: self._toggle(),
            "slower": lambda _: self._clock.slower(),
            "faster": lambda _: self._clock.faster(),
            "back": lambda _: self._shift(-_SECOND_NS),
            "forward": lambda _: self._shift(_SECOND_NS),
            "back_far": lambda _: self._shift(-10 * _SECOND_NS),
            "forward_far": lambda _: self._shift(10 * _SECOND_NS),
            "batch_before": lambda _: self._step(places.batch_before, "this is the first batch"),
            "batch_after": lambda _: self._step(places.batch_after, "this is the last batch"),
            "epoch_before": lambda _: self._step(places.epoch_before, "this is the first epoch"),
            "epoch_after": lambda _: self._step(places.epoch_after, "this is the last epoch"),
            "hook_before": lambda action: self._step_hook(places.hook_before, action, "was not called before"),
            "hook_after": lambda action: self._step_hook(places.hook_after, action, "is not called again"),
            "first": lambda _: self._clock.seek(0),
            "last": lambda _: self._clock.seek(self._clock.end_ns),
        }

    def do(self, operation: str, action: int) -> str | None:
        """Does what a key asks for.

        Args:
            operation: id of an action of `tui.actions` that belongs to a replay.
            action: number of the hook that the user points at, -1 for none.

        Returns:
            None, or why nothing happened.
        """
        return self._operations[operation](action)

    def go_to(self, text: str) -> None:
        """Goes to the place that `text` names and pauses there.

        Raises:
            HooktraceError: `text` names no place, or none of this run.
        """
        time_ns = self._feed.places.find(parse_target(text), self._clock.now_ns())
        self._clock.pause()
        self._clock.seek(time_ns)

    def _toggle(self) -> None:
        if self._clock.playing:
            self._clock.pause()
        else:
            self._clock.play()

    def _shift(self, by_ns: int) -> None:
        self._clock.seek(self._clock.now_ns() + by_ns)

    def _step(self, find: Callable[[int], int | None], otherwise: str) -> str | None:
        time_ns = find(self._clock.now_ns())
        if time_ns is None:
            return otherwise
        self._clock.pause()
        self._clock.seek(time_ns)
        return None

    def _step_hook(self, find: Callable[[int, int], int | None], action: int, otherwise: str) -> str | None:
        if action < 0:
            return "select a hook first: the row is a loop"
        label = self._feed.whole.actions[action].label
        return self._step(lambda now_ns: find(action, now_ns), f"{label} {otherwise}")
