"""Opening runs: those that are well, those that are not, and what a user may mean by a name."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.builders import DEAD_PID, LiveRun, make_run, run_json
from tracer import open_run
from tracer.errors import HooktraceError, NotARunError, NotFoundError, SchemaError
from tracer.run import find_run, list_runs
from tracer.run.layout import RUN_FILE, actions_file, events_file, is_alive, process_start_ticks, write_json
from tracer.run.table import COLUMNS


def test_whole_run(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", test_batches=2))
    trace = run.trace()
    assert run.ranks == (0,)
    assert run.state == "finished"
    assert abs(run.span_estimate() - len(trace)) < 0.3 * len(trace)
    table = run.to_pandas()
    assert tuple(table.columns) == COLUMNS
    assert len(table) == len(trace)
    assert table["wall_time"].iloc[0] == pd.Timestamp("2026-01-02T03:04:05.678901", tz="UTC")
    assert table["status"].eq("ok").all()
    assert run.metrics().names == (
        "test_acc",
        "test_loss",
        "train_loss_epoch",
        "train_loss_step",
        "val_acc",
        "val_loss",
    )


def test_opens_while_it_is_written(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    run = open_run(live.path)
    lengths = []
    while live.written < live.total:
        live.advance(37)
        lengths.append(len(run.trace()))
    assert lengths == sorted(lengths)
    assert run.state == "running"
    live.finish()
    assert run.state == "finished"


def test_torn_end(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    whole = open_run(path).trace()
    file = path / events_file(0, 0)
    file.write_bytes(file.read_bytes()[:-3])
    torn = open_run(path).trace()
    assert len(torn) == len(whole)
    assert [torn.actions[torn.action[row]].hook for row in torn.open_rows] == ["teardown"]


def test_foreign_and_damaged_streams(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    file = path / events_file(0, 0)
    whole = file.read_bytes()
    file.write_bytes(whole[:-800] + bytes(range(200)) + whole[-600:])
    trace = open_run(path).trace()
    assert 100 < len(trace) < len(whole) // 16
    assert "damaged" in str(trace.gap)
    file.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(NotARunError, match="damaged or something else"):
        open_run(path).trace()


def test_died(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", state="died", until=200))
    assert run.state == "died"
    assert run.trace().open_rows != ()


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"{", NotARunError, "damaged"),
        (b"[]", NotARunError, "no schema version"),
        (b'{"schema": "1"}', NotARunError, "no schema version"),
        (b'{"schema": 2}', SchemaError, "upgrade hooktrace"),
        (b"\xff\x00", NotARunError, "damaged"),
        (b"[" * 100_000, NotARunError, "damaged"),
    ],
)
def test_damaged_run_json(content: bytes, error: type[HooktraceError], says: str, tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_bytes(content)
    with pytest.raises(error, match=says) as raised:
        open_run(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", [RUN_FILE, actions_file(0), events_file(0, 0), "metrics/metrics.csv"])
@pytest.mark.parametrize("kind", ["pipe", "endless"])
def test_what_is_no_file_is_not_read(kind: str, name: str, tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    (path / name).unlink()
    os.mkfifo(path / name) if kind == "pipe" else (path / name).symlink_to("/dev/zero")
    if name == RUN_FILE:
        with pytest.raises(NotARunError, match="not a regular file"):
            open_run(path)
        return
    run = open_run(path)
    assert len(run.metrics()) == (0 if name.endswith("csv") else 12)
    assert run.ranks == (() if name.startswith("events") else (0,))
    if run.ranks:
        assert (run.trace().actions[0].hook == "action-0") == name.startswith("actions")


def test_fields_of_the_wrong_type_read_as_absent(tmp_path: Path) -> None:
    hostile = {name: {"nested": [1]} for name in run_json()} | {"schema": 1, "callbacks": [1, None], "calls": "x"}
    (tmp_path / RUN_FILE).write_text(json.dumps(hostile))
    info = open_run(tmp_path).info
    assert (info.pid, info.exception, info.calls, info.model) == (0, None, (), "")
    assert [callback.name for callback in info.callbacks] == ["", ""]


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_time_at_the_end_of_the_calendar_is_none(text: str, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", started_at=text))
    assert run.info.started_at == datetime.fromtimestamp(0, UTC)
    assert run.trace().wall_time(10**9).year == 1970


def test_rank_that_was_not_recorded(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run"))
    with pytest.raises(NotFoundError, match=r"no recording of rank 3 \(there is: 0\)"):
        run.trace(3)


def test_finding_runs(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for day, name in enumerate(["older", "newer"], start=1):
        make_run(runs / name, started_at=f"2026-01-0{day}T00:00:00+00:00")
    (runs / "broken").mkdir()
    (runs / "file").write_text("")
    assert [run.name for run in list_runs(runs)] == ["newer", "older"]
    assert find_run(None, runs) == runs / "newer"
    assert find_run("older", runs) == runs / "older"
    assert find_run(str(runs / "older"), Path("elsewhere")) == runs / "older"
    with pytest.raises(NotFoundError, match="no such run: nothing"):
        find_run("nothing", runs)
    with pytest.raises(NotARunError, match=r"has no run\.json"):
        find_run("broken", runs)
    with pytest.raises(NotARunError, match=r"is a file \(did you mean"):
        find_run(str(runs / "older" / RUN_FILE), runs)
    with pytest.raises(NotFoundError, match="hooktrace train"):
        find_run(None, tmp_path / "empty")


def test_processes() -> None:
    start = process_start_ticks(os.getpid())
    assert is_alive(os.getpid(), start)
    assert is_alive(os.getpid(), None)
    assert not is_alive(os.getpid(), (start or 0) + 1)
    assert not is_alive(DEAD_PID, None)
    assert not any(is_alive(number, None) for number in (0, -1, 1 << 31, 1 << 70))


def test_run_json_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / RUN_FILE
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == [RUN_FILE]


def test_metrics_are_read_from_a_metrics_file_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a,b\n1,2\n")
    path = make_run(tmp_path / "run")
    write_json(path / RUN_FILE, run_json(metrics="../secret"))
    run = open_run(path)
    assert run.metrics_path is None
    assert len(run.metrics()) == 0


def test_the_given_name_finds_the_newest_run_of_that_name(tmp_path: Path) -> None:
    for second, name in enumerate(["20260102-030405-base", "20260102-030405.2-base", "20260102-030406-base-2"]):
        make_run(tmp_path / name, started_at=f"2026-01-02T03:04:0{second}+00:00")
    assert find_run("base", tmp_path) == tmp_path / "20260102-030405.2-base"
    assert find_run("base-2", tmp_path) == tmp_path / "20260102-030406-base-2"
    with pytest.raises(NotFoundError, match="no such run: bas "):
        find_run("bas", tmp_path)


def test_a_directory_that_is_no_run_hides_none_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "order").mkdir()
    runs = tmp_path / "runs"
    path = make_run(runs / "20260102-030405-order")
    assert find_run("order", runs) == path
    with pytest.raises(NotARunError, match=r"has no run\.json"):
        find_run("order", tmp_path / "nowhere")
