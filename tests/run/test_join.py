"""One run out of what several hosts have written."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.analyze.ranks import trained, write
from tracer import open_run
from tracer.cli import main
from tracer.run.layout import CLAIM_FILE, RUN_FILE, actions_file, events_file, rank_file

Captured = pytest.CaptureFixture[str]


def parts(tmp_path: Path, world_size: int = 4) -> tuple[Path, list[Path]]:
    """A run of several ranks, and the same as two hosts would have written it."""
    whole = write(tmp_path / "whole", trained(5, world_size=world_size))
    hosts = [tmp_path / "node0", tmp_path / "node1"]
    for number, host in enumerate(hosts):
        host.mkdir()
        (host / CLAIM_FILE).write_text("4 host 29500 - - -\n", encoding="utf-8")
        for rank in range(number * 2, number * 2 + 2):
            for name in (events_file(rank, 0), actions_file(rank), rank_file(rank)):
                (host / name).write_bytes((whole / name).read_bytes())
    (hosts[0] / RUN_FILE).write_bytes((whole / RUN_FILE).read_bytes())
    return whole, hosts


def refused(capsys: Captured, *arguments: object) -> str:
    """Why a join was refused."""
    assert main(["join", *map(str, arguments)]) == 1
    return capsys.readouterr().err


def test_all_ranks_are_in_the_joined_run_as_they_were(tmp_path: Path, capsys: Captured) -> None:
    whole, hosts = parts(tmp_path)
    target = tmp_path / "elsewhere"
    before = {path: path.read_bytes() for host in hosts for path in host.iterdir()}
    assert main(["join", *map(str, hosts), "-o", str(target)]) == 0
    assert capsys.readouterr().out.startswith(f"wrote {target} (ranks 0, 1, 2, 3)\n")
    one, other = open_run(whole), open_run(target)
    assert other.ranks == (0, 1, 2, 3)
    for rank in other.ranks:
        assert np.array_equal(one.trace(rank).start_ns, other.trace(rank).start_ns)
        assert one.rank_info(rank) == other.rank_info(rank)
    assert {path: path.read_bytes() for host in hosts for path in host.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "node0", "node1", "whole"]


def test_metrics_are_found_from_the_new_place(tmp_path: Path) -> None:
    _, hosts = parts(tmp_path)
    (tmp_path / "deep").mkdir()
    assert main(["join", *map(str, hosts), "-o", str(tmp_path / "deep" / "run"), "-q"]) == 0
    path = open_run(tmp_path / "deep" / "run").metrics_path
    assert path is not None and path.resolve() == (hosts[0] / "metrics" / "metrics.csv").resolve()


def test_a_missing_rank_is_named(tmp_path: Path, capsys: Captured) -> None:
    _, hosts = parts(tmp_path)
    assert main(["join", str(hosts[0]), "-o", str(tmp_path / "run")]) == 0
    assert "(ranks 0, 1; missing: 2, 3)" in capsys.readouterr().out


def test_what_is_no_part_of_one_run_is_refused_in_a_line(tmp_path: Path, capsys: Captured) -> None:
    whole, (first, second) = parts(tmp_path)
    out = tmp_path / "run"
    assert "rank 0 is in" in refused(capsys, whole, first, "-o", out)
    assert "the one that rank 0 has written is missing" in refused(capsys, second, "-o", out)
    assert "no such directory" in refused(capsys, tmp_path / "nowhere", "-o", out)
    (tmp_path / "empty").mkdir()
    assert "nothing was recorded" in refused(capsys, first, tmp_path / "empty", "-o", out)
    assert "exists: -o writes to another" in refused(capsys, first, second, "-o", whole)
    (second / CLAIM_FILE).write_text("4 host 29501 - - -\n", encoding="utf-8")
    assert "are of different trainings" in refused(capsys, first, second, "-o", out)
    (second / CLAIM_FILE).unlink()
    (first / RUN_FILE).write_text(json.dumps([]), encoding="utf-8")
    assert "not a run" in refused(capsys, first, second, "-o", out)
    assert not out.exists() and not list(tmp_path.glob(".run*"))


def test_a_target_that_cannot_be_made_is_a_line(tmp_path: Path, capsys: Captured) -> None:
    _, hosts = parts(tmp_path)
    assert "cannot write" in refused(capsys, *hosts, "-o", tmp_path / "no" / "where")
