"""`hooktrace compare` as CSV, as a page, into files; and its limits with their exit code."""

import csv
import json
import re
from pathlib import Path

import pytest

from tests.builders import MS, make_run
from tracer.cli import main

Captured = pytest.CaptureFixture[str]
HOSTILE = "</script><img src=x onerror=alert(1)>"


def slower(path: Path) -> Path:
    """A run in which everything takes twice as long, with a callback more."""
    return make_run(path, batches=30, hook_ns=2 * MS, callbacks=("EarlyStopping", "ModelCheckpoint", HOSTILE))


def test_csv_has_a_row_for_each_hook_as_the_json_has_it(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a", batches=30)
    slower(tmp_path / "b")
    assert main(["compare", "a", "b", "--csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert main(["compare", "a", "b", "--json"]) == 0
    (content,) = json.loads(capsys.readouterr().out)["comparisons"]

    hooks = [(unit["kind"], hook) for unit in content["units"] for hook in unit["hooks"]]
    assert len(rows) == len(hooks)
    for row, (kind, hook) in zip(rows, hooks, strict=True):
        assert (row["unit"], row["hook"], row["verdict"]) == (kind, hook["hook"], hook["verdict"])
        assert row["b_self_ns"] == str(hook["b"]["self_ns"])
        assert row["ratio"] == ("" if hook["ratio"] is None else str(hook["ratio"]["value"]))


def test_a_page_is_one_offline_file_in_which_nothing_recorded_runs(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a", batches=30)
    slower(tmp_path / "b")

    assert main(["compare", "a", "b", "a", "--html", "-o", "changes.html"]) == 0

    assert capsys.readouterr().out == "wrote changes.html\n"
    page = (tmp_path / "changes.html").read_text(encoding="utf-8")
    assert HOSTILE not in page
    assert "<img src=x" not in page
    assert len(re.findall(r'data-figure="figure-\d-\d"', page)) == 6
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert main(["compare", "a", "b", "--html", "-o", "changes.html"]) == 1
    assert "--force" in capsys.readouterr().err


def test_text_can_go_to_a_file(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a")
    assert main(["compare", "a", "a"]) == 0
    printed = capsys.readouterr().out
    assert main(["compare", "a", "a", "-o", "same.txt", "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "same.txt").read_text(encoding="utf-8") == printed


@pytest.mark.parametrize("options", [["--fail-on-slower", "10%"], ["--fail-on-order"], ["--fail-on-calls"]])
def test_a_broken_limit_is_named_and_makes_the_exit_code_3(
    tmp_path: Path, capsys: Captured, options: list[str]
) -> None:
    make_run(tmp_path / "a", batches=30)
    slower(tmp_path / "b")

    assert main(["compare", "a", "b", *options]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(line.startswith(f"hooktrace: over the limit: b: {options[0][10:]}: ") for line in lines)
    assert main(["compare", "a", "a", *options]) == 0
    assert main(["compare", "b", "a", "--fail-on-slower", "10"]) == 0


def test_a_limit_is_not_broken_by_less(tmp_path: Path) -> None:
    make_run(tmp_path / "a", batches=30)
    make_run(tmp_path / "b", batches=30, hook_ns=2 * MS)
    assert main(["compare", "a", "b", "--fail-on-slower", "120%", "--fail-on-order", "--fail-on-calls"]) == 0


@pytest.mark.parametrize("text", ["x", "-1%", "nan", "inf"])
def test_no_percentage(text: str, capsys: Captured) -> None:
    assert main(["compare", "a", "b", f"--fail-on-slower={text}"]) == 2
    assert "no percentage" in capsys.readouterr().err
