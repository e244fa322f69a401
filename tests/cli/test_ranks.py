"""`hooktrace ranks` on run directories as several processes leave them behind."""

import json
from pathlib import Path

import pytest

from tests.analyze.ranks import trained, write
from tests.builders import DEAD_PID, MS, make_run
from tracer.cli import main
from tracer.run.layout import events_file, rank_file

Captured = pytest.CaptureFixture[str]


def told(capsys: Captured, *arguments: str) -> str:
    """What the verb prints."""
    assert main(["ranks", *arguments]) == 0
    printed = capsys.readouterr()
    assert "error" not in printed.err
    return printed.out


def test_healthy_ranks_are_a_table_and_nothing_else(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path / "run", trained(30, world_size=3))
    lines = told(capsys, str(path)).splitlines()
    assert lines[0].split() == ["rank", "host", "pid", "state", "calls", "clock", "stands", "in", "no", "event", "for"]
    assert [line.split()[3:6] for line in lines[1:]] == [["finished", "120", "same"]] * 3
    assert len(lines) == 4


def test_a_late_rank_is_told_with_its_size_and_as_a_finding(tmp_path: Path, capsys: Captured) -> None:
    ranks = trained(30, cost=lambda rank, hook, batch: MS + 20 * MS * ((rank, hook) == (1, "training_step")))
    out = told(capsys, str(write(tmp_path / "run", ranks)))
    assert "who falls behind, by hook" in out
    assert "1  TinyModel.training_step  train     30  20.0 ms  600 ms" in out
    assert "! rank 1 is late: TinyModel.training_step [likely]" in out


def test_a_rank_that_died_is_told_with_where(tmp_path: Path, capsys: Captured) -> None:
    ranks = trained(3)
    ranks.plays[1].events.pop()
    path = write(tmp_path / "run", ranks, "running", pid=DEAD_PID, process_start=None)
    out = told(capsys, str(path))
    assert "the last call that all ranks have made: DDPStrategy.backward (train, epoch 0, batch 2)" in out
    assert "rank 0 has left it and called nothing since" in out
    assert "rank 1 is still in it" in out
    assert "! rank 1 died in DDPStrategy.backward [certain]" in out


def test_json_has_what_the_tables_are_made_of(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path / "run", trained(30, behind_ns=(0, 5 * MS)), clock="another")
    content = json.loads(told(capsys, str(path), "--json"))
    assert (content["schema"], len(content["ranks"]), content["findings"]) == (1, 2, [])
    offset = content["ranks"][1]["clock_offset"]
    assert (offset["add_ns"], offset["plus_minus_ns"], offset["how"]) == (5 * MS, 0, "calls left together")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"rank": 7}', b"\xff", b'{"rank": 1, "pid": "x", "state": 3}'])
def test_what_a_rank_says_may_be_missing_or_damaged(content: bytes, tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path / "run", trained(3))
    (path / rank_file(1)).write_bytes(content)
    assert told(capsys, str(path))


@pytest.mark.filterwarnings("error")
def test_a_run_of_one_process_is_one_rank(tmp_path: Path, capsys: Captured) -> None:
    out = told(capsys, str(make_run(tmp_path / "run")))
    assert len(out.splitlines()) == 2


def test_a_run_without_streams_is_refused_in_a_line(tmp_path: Path, capsys: Captured) -> None:
    path = make_run(tmp_path / "run")
    (path / events_file(0, 0)).unlink()
    assert main(["ranks", str(path)]) == 1
    assert capsys.readouterr().err == "hooktrace: error: run has no recording of any rank\n"
