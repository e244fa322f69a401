"""A viewer without a screen: it trains in a thread and asks through the real control page, waiting for what it sees.

Waiting is for a state of the page with a deadline, never for a time.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from tracer.run.control import ControlViewer, GateStatus, Reply, Request
from tracer.run.layout import CONTROL_FILE, INSPECT_FILE
from tracer.run.page import Word, open_page

_DEADLINE_S = 30.0


class Meeting(Callback):
    """Holds training up in its first hook until something was asked for, so that no test depends on who is faster.

    With `every` each function of the trainer waits for a request of its own.
    """

    def __init__(self, run_dir: Path, every: bool = False) -> None:
        self._path = run_dir / CONTROL_FILE
        self._every = every
        self._met = False

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        if self._met and not self._every:
            return
        self._met = True
        page = open_page(self._path)
        assert page is not None and not page.words[Word.CLOSED]
        deadline = time.monotonic() + _DEADLINE_S
        while not page.words[Word.ASKED] and time.monotonic() < deadline:
            time.sleep(0.0005)
        page.close()


class Remote:
    """Asks a training for things and waits for the answers."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.viewer = ControlViewer(run_dir)
        self.going: Callable[[], bool] = lambda: True

    def until(self, reached: Callable[[], Any]) -> None:
        """Waits for a state, and gives signs of life meanwhile."""
        deadline = time.monotonic() + _DEADLINE_S
        while not reached():
            assert self.going(), "the training is over"
            assert time.monotonic() < deadline, f"this never happened; the gate stands at {self.status}"
            self.viewer.beat()
            time.sleep(0.0005)

    @property
    def status(self) -> GateStatus:
        """How the gate stands."""
        return self.viewer.status()

    def ask(self, what: Request) -> Reply:
        """Asks, and waits for the answer."""
        self.until(lambda: self.status.listening)
        return self.answer(self.viewer.request(what))

    def answer(self, number: int) -> Reply:
        """The answer to a request that was made."""
        self.until(lambda: self.viewer.reply(number))
        return self.viewer.reply(number)

    def sight(self) -> dict[str, Any]:
        """What inspect.json says of the last stop."""
        self.until(lambda: self.status.shown == self.status.stops)
        content: dict[str, Any] = json.loads((self.run_dir / INSPECT_FILE).read_text())
        assert content["stop"] == self.status.stops
        return content

    def stop(self, what: Request) -> dict[str, Any]:
        """Asks to pause somewhere; returns what there is to see when training does."""
        assert self.ask(what) is Reply.DONE
        assert self.status.paused
        return self.sight()

    def next_stop(self, then: Request = Request.CONTINUE) -> dict[str, Any]:
        """Lets go, and waits until a breakpoint stops it."""
        stops = self.status.stops
        self.ask(then)
        self.until(lambda: self.status.stops > stops)
        return self.sight()


@contextmanager
def training(fit: Callable[[], Any], run_dir: Path) -> Iterator[Remote]:
    """Trains in a thread while the block drives it; in the end waits for its end, and raises what it has raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            fit()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    remote = Remote(run_dir)
    remote.going = thread.is_alive
    thread.start()
    try:
        yield remote
    finally:
        remote.viewer.release()
        thread.join(_DEADLINE_S)
        assert not thread.is_alive()
    if raised:
        raise raised[0]
