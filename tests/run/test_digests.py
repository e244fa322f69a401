"""Digests that are kept beside long runs: believed only while they are of that very recording."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import make_run, run_json
from tracer import digests
from tracer.analyze.digest import Digest
from tracer.digests import digest_file, kept, made, subject, subjects
from tracer.run import cache, open_run
from tracer.run.layout import RUN_FILE, events_file


@pytest.fixture(autouse=True)
def _short_runs_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WORTH_RECORDS", 0)


def same(one: Digest | None, other: Digest | None) -> bool:
    if one is None or other is None:
        return one is other
    drawn = zip(one.times, other.times, strict=True)
    plain = [replace(side, times=()) for side in (one, other)]
    return plain[0] == plain[1] and all(
        np.array_equal(left.drawn, right.drawn, equal_nan=True) and left.hooks == right.hooks for left, right in drawn
    )


def test_what_was_made_is_kept_and_comes_back(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", batches=30, test_batches=2))
    assert kept(run, 0) is None

    whole, stage = made(run, 0), made(run, 0, "test")

    assert same(kept(run, 0), whole)
    assert same(kept(run, 0, "test"), stage)
    assert kept(run, 0, "train") is None
    assert not same(whole, stage)


def test_another_recording_or_another_description_is_looked_at_anew(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    made(open_run(path), 0)
    (path / RUN_FILE).write_text(json.dumps(run_json(trainer={"accumulate_grad_batches": 2})))
    assert kept(open_run(path), 0) is None

    made(open_run(path), 0)
    assert kept(open_run(path), 0) is not None
    with (path / events_file(0, 0)).open("ab") as file:
        file.write(b"\0" * 8)
    assert kept(open_run(path), 0) is None


@pytest.mark.parametrize("damage", ["cut", "other", "empty", "plain"])
def test_a_damaged_one_is_made_anew(tmp_path: Path, damage: str) -> None:
    run = open_run(make_run(tmp_path / "run"))
    whole = made(run, 0)
    file = run.path / digest_file(0, None)
    content = file.read_bytes()
    with np.load(file) as arrays:
        parts = dict(arrays)
    if damage == "plain":
        said = json.loads(str(parts["digest"]))
        said["digest"]["spans"] = "many"
        np.savez(file, **parts | {"digest": np.array(json.dumps(said))})
    else:
        file.write_bytes(
            {"cut": content[: len(content) // 2], "other": b"PK\x03\x04" + content[9:], "empty": b""}[damage]
        )

    assert kept(run, 0) is None
    assert same(subject(run).digest, whole)
    assert same(kept(run, 0), whole)


def test_a_run_that_goes_on_is_not_kept(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", state="running", until=60))
    made(run, 0)
    assert not list(run.path.glob("digest*"))


def test_several_long_runs_are_looked_at_in_processes_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [open_run(make_run(tmp_path / name, epochs=epochs)) for name, epochs in (("a", 1), ("b", 2))]
    here: list[int] = []
    monkeypatch.setattr(digests, "made", lambda *_: here.append(1))

    found = subjects([*runs, runs[0]])

    assert [side.digest.turns["fit > epoch"] for side in found] == [1, 2, 1]
    assert [side.name for side in found] == ["a", "b", "a"]
    assert not here
