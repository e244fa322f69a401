"""Events from memory to disk, off the training thread, failing open.

The training thread appends integers to a list. A background thread takes them off ten times a second and writes them in
one piece. The list object never changes, so that the spans' bound `append` stays valid. A training loop that never
lets go of the interpreter lock can starve the thread for most of a second; the training thread therefore writes itself
when much has piled up.

Whatever goes wrong here is reported once through `on_failure` and ends the recording, never the training.
"""

import os
import sys
import threading
from array import array
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

from tracer.run.layout import RECORD_BYTES, SEGMENT_BYTES, TIME_MASK, events_file

_INTERVAL_S = 0.1
_PILED_UP = 50_000


class EventWriter:
    """Writes the records that collect in `buffer` to the segments of one rank's stream."""

    def __init__(self, buffer: list[int], base_ns: int, on_failure: Callable[[Exception], None]) -> None:
        """Prepares the writer of one recording.

        Args:
            buffer: Where the records collect.
            base_ns: The clock at the run's start; the records hold times since then.
            on_failure: Called once, from whichever thread, when the recording has to end.
        """
        self._buffer = buffer
        self._until_ns = base_ns + TIME_MASK
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._file = -1
        self._size = 0
        self._segment = 0
        self._failed = False
        self._pid = os.getpid()

    def start(self, run_dir: Path, rank: int) -> None:
        """Opens the stream, goes on behind what an earlier call of the same recording wrote, and starts the thread.

        Raises:
            OSError: the directory cannot be written to.
        """
        self._run_dir, self._rank = run_dir, rank
        self._open()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="hooktrace-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes what is left and stops. `start` may be called again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def give_up(self) -> None:
        """Writes what has collected so far, if that can be, and nothing more; what still collects is thrown away."""
        if not self._failed:
            self.flush()
        self._failed = True

    def flush(self) -> None:
        """Writes what has collected so far."""
        with self._lock:
            self._drain()

    def flush_if_piled_up(self) -> None:
        """Writes from the calling thread if the background one does not get its turn; called once a batch."""
        if len(self._buffer) > _PILED_UP and self._lock.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._lock.release()

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL_S):
            self.flush()

    def _drain(self) -> None:
        count = len(self._buffer)
        if not count:
            return
        chunk = array("q", self._buffer[:count])
        del self._buffer[:count]
        # A process that forked off the training has its file and a copy of its buffer, but is not what is recorded.
        if self._failed or self._file < 0 or self._pid != os.getpid():
            return
        try:
            if perf_counter_ns() >= self._until_ns:
                raise OverflowError("a run of more than 52 days does not fit the stream's records")
            self._write(chunk)
        except Exception as error:
            self._failed = True
            self._on_failure(error)

    def _write(self, chunk: "array[int]") -> None:
        if sys.byteorder == "big":
            chunk.byteswap()
        data = memoryview(chunk.tobytes())
        while data:
            if self._size >= SEGMENT_BYTES:
                self._next_segment()
            room = SEGMENT_BYTES - self._size
            written = os.write(self._file, data[:room])
            self._size += written
            data = data[written:]

    def _open(self) -> None:
        path = self._run_dir / events_file(self._rank, self._segment)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._file).st_size
        torn = self._size % RECORD_BYTES
        if torn:
            os.ftruncate(self._file, self._size - torn)
            self._size -= torn

    def _next_segment(self) -> None:
        os.close(self._file)
        self._file = -1
        self._segment += 1
        self._open()
