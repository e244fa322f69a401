"""Work that takes longer than a poll may: one job at a time, in a thread that nobody has to wait for when they leave.

The threads of an event loop's pool are waited for when the loop ends; a user who quits must not wait for a fold of ten
million spans.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Behind(Generic[T]):
    """Does one job at a time. Started and asked by one thread at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._found: list[T] = []
        self._raised: list[Exception] = []

    @property
    def busy(self) -> bool:
        """Whether a job is under way, or its result has not been taken."""
        return self._thread is not None

    def start(self, job: Callable[[], T]) -> None:
        """Begins a job; the one before has been taken."""
        self._thread = threading.Thread(target=self._run, args=(job,), name="behind the screen", daemon=True)
        self._thread.start()

    def take(self) -> T | None:
        """The result of the job, once; None while there is none.

        Raises:
            Exception: what the job raised.
        """
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        if self._raised:
            raise self._raised.pop()
        return self._found.pop()

    def join(self) -> None:
        """Waits until the job is done, if there is one."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, job: Callable[[], T]) -> None:
        try:
            self._found.append(job())
        except Exception as error:  # whatever it is belongs to who takes the result
            self._raised.append(error)
