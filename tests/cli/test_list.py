"""`hooktrace list`."""

import json
from pathlib import Path

import pytest

from tests.builders import make_run
from tracer.cli import main

Captured = pytest.CaptureFixture[str]


def test_runs_newest_first_with_what_is_known(tmp_path: Path, capsys: Captured) -> None:
    runs = tmp_path / "runs"
    make_run(runs / "old", started_at="2026-01-01T00:00:00+00:00", ended_at="2026-01-01T01:02:03+00:00")
    make_run(runs / "new", started_at="2026-01-02T00:00:00+00:00", state="died")
    (runs / "no_run").mkdir()

    assert main(["list"]) == 0

    header, new, old = capsys.readouterr().out.splitlines()
    assert header.split() == ["run", "state", "started", "duration", "model", "spans"]
    assert new.split()[:2] == ["new", "died"]
    assert old.split()[:2] == ["old", "finished"]
    assert old.split()[4] == "1:02:03"


def test_json_is_the_same_for_programs(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "elsewhere" / "run", state="failed")

    assert main(["list", "--runs-dir", str(tmp_path / "elsewhere"), "--json"]) == 0

    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["name"], entry["path"], entry["state"]) == ("run", str(run), "failed")
    assert (entry["model"], entry["exception"]) == ("TinyModel", "RuntimeError: boom")
    assert entry["duration_s"] == pytest.approx(59.321, abs=0.001)
    assert entry["spans"] > 300


def test_no_runs_is_no_error(capsys: Captured) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "no runs in runs/ (`hooktrace train` makes one)\n"

    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_names_from_a_recording_cannot_command_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "runs" / "run", model={"class": "[bold]\x1b[31mRed\u202e"})

    assert main(["list"]) == 0

    assert "[bold]·[31mRed·" in capsys.readouterr().out
