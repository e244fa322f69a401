"""When the session is polled: often enough to be live, seldom enough to leave the processor to the training.

A poll runs in a thread and brings a frame. The next one comes after a while that depends on the frame: sooner in a
storm of events, at once while a recording is being read or something asked for is awaited, early when the user asks.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from tui.frame import Frame

TICK_S: Final = 0.16
_STORM_SHARE: Final = 0.6
"""Part of the usual time between polls when much happens; the session screen then paints its halves in turn."""
_LEAST_REST_S: Final = 0.02
"""What is left for keys and painting when a poll takes longer than it should, or the next cannot wait."""


class Ticker:
    """Polls one session."""

    def __init__(
        self, poll: Callable[[], Frame], advanced: Callable[[Frame], object], failed: Callable[[Exception], object]
    ) -> None:
        """
        Args:
            poll: works a frame out; called in a thread, by one at a time.
            advanced: is told of each frame.
            failed: is told what a poll raised instead.
        """
        self._poll = poll
        self._advanced = advanced
        self._failed = failed
        self._polling = False
        self._early = asyncio.Event()
        self._frame = Frame()

    def hurry(self) -> None:
        """The next poll comes at once."""
        self._early.set()

    async def run(self, tick_s: float) -> None:
        """Polls for ever, usually every `tick_s` seconds."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._pause_s(tick_s)
            self._early.clear()
            await self.tick()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._early.wait(), max(_LEAST_REST_S, due - loop.time()))

    def _pause_s(self, tick_s: float) -> float:
        frame = self._frame
        if frame.reading is not None or frame.gate.asked:
            return 0.0  # each poll reads some more, or may bring what was asked for
        return tick_s * _STORM_SHARE if frame.storm else tick_s

    async def tick(self) -> None:
        """Polls once. Does nothing while a poll is under way."""
        if self._polling:
            return
        self._polling = True
        try:
            self._frame = await asyncio.to_thread(self._poll)
        except Exception as error:  # whatever it is, the screen must say so and go on: it is all that the user sees
            self._failed(error)
        else:
            self._advanced(self._frame)
        finally:
            self._polling = False
