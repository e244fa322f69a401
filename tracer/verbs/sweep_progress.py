"""A sweep's progress: a line a training, which on a terminal says how far it is while it trains."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from rich.cells import set_cell_size

from tracer.errors import HooktraceError
from tracer.run.text import plain_text
from tracer.verbs.follow import place_in_words
from tui.live import LiveFeed

_LOOK_S = 1.0
"""Seconds between looks at a training: they are not to cost it the time that is measured."""


class ProgressLine:
    """The line of one training."""

    def __init__(self, out: TextIO, head: str, now_s: Callable[[], float]) -> None:
        """
        Args:
            out: Where to write.
            head: What the line begins with: which training it is.
            now_s: Seconds on a steady scale.
        """
        self._out = out
        self._head = plain_text(head)
        self._live = out.isatty()
        self._now_s = now_s
        self._feed: LiveFeed | None = None
        self._due_s = 0.0
        self._drawn = ""
        self._draw("starting")

    def follow(self, run_dir: Path) -> None:
        """Says how far the training is, if it is time to and anybody looks."""
        if not self._live or self._now_s() < self._due_s:
            return
        self._due_s = self._now_s() + _LOOK_S
        if self._feed is None:
            self._feed = LiveFeed(run_dir)
        with suppress(HooktraceError):  # what cannot be read is reported when the training has ended
            words = place_in_words(self._feed.poll())
            self._draw(" · ".join(words) or "starting")

    def say(self, text: str) -> None:
        """Says something else while the training goes on."""
        self._due_s = float("inf")
        self._draw(text)

    def end(self, text: str) -> None:
        """Says how it ended; this stays."""
        if self._live:
            self._out.write("\r\x1b[K")
        self._out.write(f"{self._head}  {plain_text(text, 400)}\n")
        self._out.flush()

    def _draw(self, text: str) -> None:
        if self._live and text != self._drawn:
            self._drawn = text
            width = shutil.get_terminal_size().columns - 1
            self._out.write(f"\r{set_cell_size(f'{self._head}  {plain_text(text)}', width)}")
            self._out.flush()
