"""Reading streams and lists of actions that are growing, torn or hostile."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import enter, leave, mark, records
from tracer.run.events import ActionTail, EventTail, event_times, stream_records
from tracer.run.layout import RECORD_BYTES, SEGMENT_BYTES, Mark, actions_file, events_file


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_tail_equals_one_read_for_any_pattern_of_writes(sizes: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / events_file(0, 0)
        stream = np.concatenate(([mark(Mark.CALL, 0)], np.arange(sum(sizes)))).astype("<i8")
        data = stream.tobytes()[: sum(sizes)]
        tail = EventTail(Path(directory))
        read = []
        written = 0
        for size in sizes:
            with path.open("ab") as file:
                file.write(data[written : written + size])
            written += size
            read += tail.read().tolist()
        assert read == EventTail(Path(directory)).read().tolist() == stream[: written // 8].tolist()


def test_missing_stream_is_an_empty_one(tmp_path: Path) -> None:
    tail = EventTail(tmp_path / "nowhere")
    assert len(tail.read()) == 0
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere" / events_file(0, 0)).write_bytes(records([mark(Mark.CALL, 0), 2]).tobytes())
    assert tail.read().tolist() == [mark(Mark.CALL, 0), 2]


@pytest.mark.parametrize("content", [b"epoch,step,loss\n" * 9, bytes(range(256)), records([enter(0, 5)]).tobytes()])
def test_foreign_file_is_no_stream(content: bytes, tmp_path: Path) -> None:
    (tmp_path / events_file(0, 0)).write_bytes(content)
    tail = EventTail(tmp_path)
    assert len(tail.read()) == 0
    assert "no event stream begins like that" in str(tail.gap)


def test_damaged_stream_ends_where_the_damage_begins(tmp_path: Path) -> None:
    hour_ns = 3600 * 10**9
    sound = [mark(Mark.CALL, 0), enter(0, hour_ns), leave(0, hour_ns + 9), enter(1, hour_ns + 5)]  # a little disorder
    path = tmp_path / events_file(0, 0)
    path.write_bytes(records(sound).tobytes())
    tail = EventTail(tmp_path)
    assert tail.read().tolist() == sound
    assert tail.gap is None
    with path.open("ab") as file:
        file.write(records([leave(1, hour_ns + 20), enter(2, 17), leave(2, hour_ns + 30)]).tobytes())
    assert tail.read().tolist() == [leave(1, hour_ns + 20)]
    assert "damaged" in str(tail.gap)
    assert len(tail.read()) == 0


def test_zeros_that_a_crashed_machine_left_are_damage(tmp_path: Path) -> None:
    sound = [mark(Mark.CALL, 0), enter(0, 0), leave(0, 9)]
    (tmp_path / events_file(0, 0)).write_bytes(records(sound).tobytes() + bytes(4096))
    tail = EventTail(tmp_path)
    assert tail.read().tolist() == sound
    assert "damaged" in str(tail.gap)


def test_room_is_not_made_for_what_no_writer_writes(tmp_path: Path) -> None:
    path = tmp_path / events_file(0, 0)
    path.touch()
    os.truncate(path, 1 << 42)
    assert stream_records(tmp_path) == SEGMENT_BYTES // RECORD_BYTES


def test_last_action_waits_for_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / actions_file(0)
    line = json.dumps({"id": 0, "owner_kind": "module", "owner": "M", "hook": "setup", "overridden": True})
    path.write_text(line)
    tail = ActionTail(tmp_path)
    assert tail.read() == ()
    path.write_text(line + "\n")
    assert [action.label for action in tail.read()] == ["M.setup"]


def test_hostile_lines_do_no_harm(tmp_path: Path) -> None:
    lines = [
        b"not json",
        b"[1, 2]",
        b'{"id": "x"}',
        b'{"id": 99999999}',
        b'{"id": -3}',
        b'{"id": true}',
        b'{"id": 1e999}',
        b"[" * 5000,
        b'{"id": 2, "owner_kind": "emperor", "owner": 7, "hook": null, "instance": "a", "overridden": "yes"}',
        b'{"id": 0, "owner_kind": "callback", "owner": "A", "instance": 1, "hook": "set\\ud800up", "defined_at": 3}',
        b"\xff\xfe",
    ]
    (tmp_path / actions_file(0)).write_bytes(b"\n".join(lines) + b"\n")
    actions = ActionTail(tmp_path).read()
    assert [action.label for action in actions] == ["A#1.set?up", "action-1", "7.action-2"]
    assert [action.owner_kind for action in actions] == ["callback", "loop", "loop"]
    assert actions[0].defined_at is None
    assert [type(action.id) for action in actions] == [int, int, int]


def test_marks_take_the_time_of_the_next_event() -> None:
    events = records(
        [mark(Mark.CALL, 0), enter(0, 5), mark(Mark.BATCH, 1), mark(Mark.STEP, 1), leave(0, 9), mark(Mark.EPOCH, 2)]
    )
    assert event_times(events).tolist() == [5, 5, 9, 9, 9, 9]
    assert event_times(records([mark(Mark.CALL, 0)])).tolist() == [0]
