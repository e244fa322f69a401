"""How long training waits for a viewer: not for one that is gone, nor until other ranks give up on this one.

The sign of life is a number on the page that changes. When it last changed is measured here, by one clock: the two
processes need not agree about time.
"""

import time
from collections.abc import Callable
from typing import Any

from tracer.run.control import ControlPage, Release, Viewer
from tracer.run.layout import is_alive

SILENT_NS = 5_000_000_000
_LOOK_NS = 100_000_000
"""Time between two looks at the viewer's process, which cost system calls."""
_SHARE = 0.5
"""Part of the time that other ranks wait for this one (the process group's timeout) which may be spent."""
_DEFAULT_TIMEOUT_S = 600.0
_ENDLESS_NS = 1 << 62


class Patience:
    """Says when to wait no longer."""

    def __init__(self, trainer: Any, page: ControlPage, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._trainer = trainer
        self._page = page
        self._clock = clock
        self._viewer = Viewer(0, None, 0)
        self._seen_ns = -SILENT_NS
        self._alive = False
        self._looked_ns = 0
        self._step = -1
        self._waited_ns = 0
        self._limit_ns = _limit_ns(trainer)

    def over(self) -> Release:
        """Why to wait no longer; NONE if there is no reason."""
        if getattr(self._trainer, "received_sigterm", False):
            return Release.TERMINATED
        now_ns = self._clock()
        viewer = self._page.viewer()
        if viewer != self._viewer:
            if (viewer.pid, viewer.start) != (self._viewer.pid, self._viewer.start):
                self._alive, self._looked_ns = False, 0
            self._viewer, self._seen_ns = viewer, now_ns
        elif now_ns - self._seen_ns > SILENT_NS:
            return Release.VIEWER_SILENT
        return Release.VIEWER_GONE if self._is_gone(now_ns) else Release.NONE

    def _is_gone(self, now_ns: int) -> bool:
        """Whether the process was there and is not any more; one in another container is never seen."""
        if not self._viewer.pid or now_ns - self._looked_ns < _LOOK_NS:
            return False
        self._looked_ns = now_ns
        was_alive, self._alive = self._alive, is_alive(self._viewer.pid, self._viewer.start)
        return was_alive and not self._alive

    def spend(self, waited_ns: int) -> None:
        """Notes down that training was held up; other ranks may have waited so long since the last global step."""
        step = self._trainer.global_step
        if step != self._step:
            self._step, self._waited_ns = step, 0
        self._waited_ns += waited_ns

    @property
    def left_ns(self) -> int:
        """How much longer the other ranks may be made to wait."""
        if self._trainer.global_step != self._step:
            return self._limit_ns
        return self._limit_ns - self._waited_ns


def _limit_ns(trainer: Any) -> int:
    if trainer.world_size == 1:
        return _ENDLESS_NS
    timeout = getattr(trainer.strategy, "_timeout", None)
    seconds = _DEFAULT_TIMEOUT_S if timeout is None else timeout.total_seconds()
    return int(seconds * _SHARE * 1e9)
