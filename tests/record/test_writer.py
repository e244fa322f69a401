"""The stream on disk: across segments, and behind a torn end."""

import os
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import pytest

from tests.builders import enter, leave, mark
from tracer.record import writer as writer_module
from tracer.record.writer import EventWriter
from tracer.run.events import EventTail
from tracer.run.layout import Mark, events_file


def _fail(error: Exception) -> None:
    raise AssertionError(error)


def test_segments_join_to_one_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "SEGMENT_BYTES", 160)
    buffer: list[int] = []
    writer = EventWriter(buffer, perf_counter_ns(), _fail)
    tail = EventTail(tmp_path)
    writer.start(tmp_path, 0)
    buffer.append(mark(Mark.CALL, 0))
    expected, read = list(buffer), []
    for portion in range(10):
        events = [record for index in range(7) for record in (enter(index, portion), leave(index, portion + 1))]
        expected += events
        buffer.extend(events)
        writer.flush()
        read += tail.read().tolist()
    writer.close()
    assert read == expected
    assert EventTail(tmp_path).read().tolist() == expected
    assert (tmp_path / events_file(0, 6)).exists()


def test_a_process_that_forks_off_writes_nothing(tmp_path: Path) -> None:
    buffer: list[int] = []
    writer = EventWriter(buffer, perf_counter_ns(), _fail)
    writer.start(tmp_path, 0)
    buffer += [mark(Mark.CALL, 0), enter(1, 5)]
    child = os.fork()
    if not child:
        buffer.append(leave(1, 6))
        writer.flush()
        os._exit(0)
    os.waitpid(child, 0)
    writer.close()

    assert EventTail(tmp_path).read().tolist() == [mark(Mark.CALL, 0), enter(1, 5)]


def test_goes_on_behind_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / events_file(0, 0)
    before = [mark(Mark.CALL, 0), enter(1, 2)]
    path.write_bytes(np.array(before, "<i8").tobytes() + b"torn")
    buffer = [leave(1, 3)]
    writer = EventWriter(buffer, perf_counter_ns(), _fail)
    writer.start(tmp_path, 0)
    writer.close()
    assert EventTail(tmp_path).read().tolist() == [*before, leave(1, 3)]


def test_piled_up_events_are_written_by_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_INTERVAL_S", 3600.0)  # the thread never gets its turn
    buffer = [mark(Mark.CALL, 0), *range(49_999)]
    writer = EventWriter(buffer, perf_counter_ns(), _fail)
    writer.start(tmp_path, 0)
    writer.flush_if_piled_up()
    assert len(EventTail(tmp_path).read()) == 0
    buffer.append(50_000)
    writer.flush_if_piled_up()
    assert len(EventTail(tmp_path).read()) == 50_001
    writer.close()


def test_time_that_does_not_fit_ends_the_recording(tmp_path: Path) -> None:
    errors: list[Exception] = []
    long_ago_ns = perf_counter_ns() - (1 << 52)
    writer = EventWriter([1, 2, 3], long_ago_ns, errors.append)
    writer.start(tmp_path, 0)
    writer.close()
    assert len(EventTail(tmp_path).read()) == 0
    assert [type(error) for error in errors] == [OverflowError]
