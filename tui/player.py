"""The keys of the transport as operations on a timeline: plain Python, one method a kind of step.

Stepping pauses, since whoever steps wants to look; moving by seconds does not. A live run has no clock until it is
rewound, which any operation that goes backwards does. One that cannot be done says why in a sentence, which the screen
shows.
"""

from collections.abc import Callable
from typing import Final

from tracer.errors import HooktraceError
from tui.clock import Clock
from tui.feed import Timeline
from tui.seek import Places, parse_target, selected_action

_SECOND_NS: Final = 1_000_000_000
BACKWARD: Final = frozenset(
    {"back", "back_far", "event_before", "batch_before", "epoch_before", "hook_before", "first"}
)
"""Operations that rewind a live run."""

_Find = Callable[[Places, int], int | None]


class Player:
    """Moves the moment that a timeline shows."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._operations: dict[str, Callable[[Clock, int], str | None]] = {
            "play_pause": lambda clock, _: _toggle(clock),
            "slower": lambda clock, _: clock.slower(),
            "faster": lambda clock, _: clock.faster(),
            "back": lambda clock, _: _shift(clock, -_SECOND_NS),
            "forward": lambda clock, _: _shift(clock, _SECOND_NS),
            "back_far": lambda clock, _: _shift(clock, -10 * _SECOND_NS),
            "forward_far": lambda clock, _: _shift(clock, 10 * _SECOND_NS),
            "event_before": lambda clock, _: self._step(clock, Places.event_before, "this is the first call"),
            "event_after": lambda clock, _: self._step(clock, Places.event_after, "this is the last call"),
            "batch_before": lambda clock, _: self._step(clock, Places.batch_before, "this is the first batch"),
            "batch_after": lambda clock, _: self._step(clock, Places.batch_after, "this is the last batch"),
            "epoch_before": lambda clock, _: self._step(clock, Places.epoch_before, "this is the first epoch"),
            "epoch_after": lambda clock, _: self._step(clock, Places.epoch_after, "this is the last epoch"),
            "hook_before": self._hook_before,
            "hook_after": self._hook_after,
            "first": lambda clock, _: clock.seek(0),
            "last": lambda *_: self._timeline.to_end(),
        }

    def can(self, operation: str) -> bool:
        """Whether an operation means anything now: at the latest of a live run only going back does."""
        return self._timeline.clock is not None or operation in BACKWARD

    def do(self, operation: str, action: int) -> str | None:
        """Does what a key asks for.

        Args:
            operation: id of an action of `tui.actions` that belongs to the transport.
            action: number of the hook that the user points at, -1 for none.

        Returns:
            None, or why nothing happened.
        """
        clock = self._timeline.rewind() if operation in BACKWARD else self._timeline.clock
        if clock is None:
            return "nothing was recorded yet" if operation in BACKWARD else "this is the latest"
        return self._operations[operation](clock, action)

    def go_to(self, text: str) -> None:
        """Goes to the place that `text` names and pauses there; a live run is rewound.

        Raises:
            HooktraceError: `text` names no place, or none of this run.
        """
        target = parse_target(text)
        clock = self._timeline.clock
        whole = self._timeline.whole
        now_ns = clock.now_ns() if clock else whole.now_ns if whole else 0
        try:
            time_ns = self._timeline.places.find(target, now_ns)
        except HooktraceError as error:
            raise HooktraceError(f"{error}{self._unread()}") from None
        self.seek(time_ns)
        self._pause()

    def seek(self, time_ns: int) -> str | None:
        """Goes to a moment; a live run is rewound, or live again if that is its latest.

        Returns:
            None, or why nothing happened.
        """
        if self._timeline.clock is None and self._timeline.whole is not None and time_ns >= self._timeline.whole.now_ns:
            return None
        clock = self._timeline.rewind()
        if clock is None:
            return "nothing was recorded yet"
        clock.seek(time_ns)
        return None

    def _pause(self) -> None:
        if (clock := self._timeline.clock) is not None:
            clock.pause()

    def _unread(self) -> str:
        reading = self._timeline.reading
        return "" if reading is None else f" (still reading: {reading:.0%})"

    def _step(self, clock: Clock, find: _Find, otherwise: str) -> str | None:
        time_ns = find(self._timeline.places, clock.now_ns())
        if time_ns is None:
            return f"{otherwise}{self._unread()}"
        clock.pause()
        clock.seek(time_ns)
        return None

    def _hook_before(self, clock: Clock, action: int) -> str | None:
        return self._step_hook(clock, lambda places, now_ns: places.hook_before(action, now_ns), action, "before")

    def _hook_after(self, clock: Clock, action: int) -> str | None:
        return self._step_hook(clock, lambda places, now_ns: places.hook_after(action, now_ns), action, "again")

    def _step_hook(self, clock: Clock, find: _Find, action: int, when: str) -> str | None:
        whole = self._timeline.whole
        selected = selected_action(whole.actions, action) if whole else None
        if selected is None:
            return "select a hook first: the row is a loop"
        verb = "was not called" if when == "before" else "is not called"
        return self._step(clock, find, f"{selected.label} {verb} {when}")


def _toggle(clock: Clock) -> None:
    if clock.playing:
        clock.pause()
    else:
        clock.play()


def _shift(clock: Clock, by_ns: int) -> None:
    clock.seek(clock.now_ns() + by_ns)
