"""Where recordings go: none into another's directory, all ranks of one into the same."""

import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.record.directory import claim_directory, recorder_of
from tracer.run.layout import CLAIM_FILE, events_file

RANKS = 3


def record(base: Path, rank: int, recorder: str) -> str:
    """Claims a directory and begins to write, as a session does; returns the directory's name."""
    path = claim_directory(base, rank, recorder)
    (path / events_file(rank, 0)).touch()
    return path.name


@given(st.permutations([(program, rank) for program in "abc" for rank in range(RANKS)] * 2))
def test_ranks_agree_and_programs_do_not_mix_in_whatever_order_they_come(turns: list[tuple[str, int]]) -> None:
    chosen: dict[tuple[str, int], list[str]] = {}
    with TemporaryDirectory() as parent:
        for program, rank in turns:  # each has two trainers, one after the other
            chosen.setdefault((program, rank), []).append(record(Path(parent) / "run", rank, program))

    of_program = [{tuple(chosen[program, rank]) for rank in range(RANKS)} for program in "abc"]
    assert [len(ways) for ways in of_program] == [1, 1, 1]
    assert len({name for ways in of_program for names in ways for name in names}) == 6


def test_programs_that_start_at_once_get_directories_of_their_own(tmp_path: Path) -> None:
    start, names = threading.Barrier(8), []

    def claim(number: int) -> None:
        start.wait()
        names.append(claim_directory(tmp_path / "run", 0, str(number)).name)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(names) == ["run", *(f"run-{number}" for number in range(2, 9))]


@pytest.mark.parametrize(("writes", "name"), [("mine\n", "run"), ("other\n", "run-2"), ("", "run-2")])
def test_a_claim_that_is_being_made_is_waited_for(
    writes: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = tmp_path / "run" / CLAIM_FILE
    claim.parent.mkdir()
    claim.touch()
    monkeypatch.setattr(time, "sleep", lambda seconds: claim.write_text(writes, encoding="utf-8"))

    assert claim_directory(tmp_path / "run", 1, "mine").name == name


def test_ranks_are_told_by_where_they_meet_and_single_processes_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", "1234")
    alone, together = SimpleNamespace(world_size=1), SimpleNamespace(world_size=2)

    assert recorder_of(together, 1) == recorder_of(together, 2)
    assert recorder_of(alone, 1) != recorder_of(alone, 2)
    before = recorder_of(together, 1)
    monkeypatch.setenv("MASTER_PORT", "4321")
    assert recorder_of(together, 1) != before
