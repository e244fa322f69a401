"""Where the training process does what a viewer asked for.

The trainer looks at the control page when it enters a batch, and only there: the page is memory, so a look costs about
100 ns, and a batch is where Lightning can be asked to end.
"""

from typing import Any

from tracer.run.control import ControlPage, Reply, Request


class Gate:
    """Obeys the control page of one run."""

    def __init__(self, trainer: Any, page: ControlPage) -> None:
        self._trainer = trainer
        self._page = page
        self.stopped = False
        """Whether the run ends early because someone asked for it."""

    def at_batch(self) -> None:
        """Called when a batch is entered."""
        if self._page.pending():
            self._obey()

    def close(self) -> None:
        """Nobody listens from here on."""
        self._page.close()

    def _obey(self) -> None:
        if self._page.request() != Request.STOP or not self._can_stop():
            self._page.answer(Reply.REFUSED)
            return
        # The trainer ends after this batch, its validation included (loops/training_epoch_loop.py:135-144, 540-543).
        self._trainer.should_stop = True
        self.stopped = True
        self._page.answer(Reply.STOPPING)

    def _can_stop(self) -> bool:
        """Only `fit` looks at `should_stop`; and set on one rank alone it makes the others wait for ever."""
        return bool(self._trainer.world_size == 1 and self._trainer.state.fn == "fit")
