"""`hooktrace explain`: the pseudo-code of played runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders import make_run
from tracer import open_run
from tracer.cli import main

Captured = pytest.CaptureFixture[str]


def test_the_loop_is_written_once(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run", epochs=3, batches=40)
    assert main(["explain", "run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 60
    assert all(len(line) <= 100 for line in lines)
    text = "\n".join(lines)
    assert "  for epoch in range(3):  # max_epochs=3" in text
    assert "      for batch in range(40):" in text
    assert "on_train_batch_end: EarlyStopping*, ModelCheckpoint*, TinyModel" in text
    assert "if " not in text


def test_depth_cuts(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")
    assert main(["explain", "run", "--depth", "1"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["calls", "trainer.fit:"]


@pytest.mark.parametrize("until", [0, 1, 30, 77, 140])
def test_a_run_that_died_folds_and_says_where(tmp_path: Path, capsys: Captured, until: int) -> None:
    make_run(tmp_path / "run", state="died", until=until)
    assert main(["explain", "run", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    unfinished = [line for line in lines if line["comment"] == "unfinished: the recording ends in here"]
    assert bool(unfinished) == bool(open_run(tmp_path / "run").trace().open_rows)


@pytest.mark.parametrize("depth", ["0", "-1", "x", "101"])
def test_no_number_of_levels(depth: str, capsys: Captured) -> None:
    assert main(["explain", f"--depth={depth}"]) == 2
    assert "no number of levels" in capsys.readouterr().err


MISSPELT: dict[str, Any] = {
    "owners": [{"kind": "module", "class": "TinyModel", "overrides": {}, "others": {"on_train_epch_end": "net.py:7"}}],
    "hooks": {"module": ["on_train_epoch_end"]},
}


def test_what_deserves_a_look_stands_below_the_loop(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "healthy")
    assert main(["explain", "healthy"]) == 0
    assert "\n! " not in capsys.readouterr().out

    make_run(tmp_path / "misspelt", **MISSPELT)
    assert main(["explain", "misspelt"]) == 0
    loop, _, found = capsys.readouterr().out.partition("\n! ")
    assert "trainer.fit" in loop
    assert "on_train_epch_end" in found and "on_train_epoch_end" in found

    assert main(["explain", "misspelt", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == 1
    assert [finding["id"] for finding in told["findings"]] == ["not-a-hook"]
