"""`hooktrace stats` and `hooktrace compare`: what is printed, and the same as JSON."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import enter, leave, make_run, records
from tracer.cli import main
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER
from tracer.verbs.text import percentages

Captured = pytest.CaptureFixture[str]


def test_stats_of_the_newest_run(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "runs" / "old", started_at="2026-01-01T00:00:00+00:00", callbacks=("Old",))
    make_run(tmp_path / "runs" / "new", started_at="2026-01-02T00:00:00+00:00", callbacks=("New",))

    assert main(["stats", "--top", "0", "--by", "owner"]) == 0

    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["owner", "count", "total", "self", "share", "mean", "p50", "p95", "max"]
    owners = [row.split()[0] for row in rows]
    assert "New" in owners
    assert "Old" not in owners
    assert sum(float(row.split("%")[0].split()[-1]) for row in rows) == pytest.approx(100)


def test_what_is_not_shown_is_summed_up(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")

    assert main(["stats", "run", "--top", "2", "--sort", "name"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("EarlyStopping.on_after_backward ")
    assert lines[3].startswith("(")
    assert sum(float(line.split("%")[0].split()[-1]) for line in lines[1:]) == pytest.approx(100)


@pytest.mark.parametrize(("key", "field"), [("self", "self_ns"), ("count", "count"), ("p95", "p95_ns")])
def test_stats_as_json_sorted(tmp_path: Path, capsys: Captured, key: str, field: str) -> None:
    make_run(tmp_path / "run")

    assert main(["stats", "run", "--json", "--sort", key, "--top", "5"]) == 0

    content = json.loads(capsys.readouterr().out)
    values = [entry[field] for entry in content["rows"]]
    assert (content["schema"], content["run"], content["rank"], content["by"]) == (1, "run", 0, "action")
    assert content["paused_ns"] == 0
    assert len(values) == 5
    assert values == sorted(values, reverse=True)


def test_stats_as_csv_are_the_rows_of_the_json(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")
    assert main(["stats", "run", "--by", "instance", "--csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert main(["stats", "run", "--by", "instance", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)

    assert rows == [{name: str(value) for name, value in row.items()} for row in content["rows"]]
    assert content["rows_left_out"] == 0
    assert sum(row["share"] for row in content["rows"]) == pytest.approx(1)
    assert sum(row["self_ns"] for row in content["rows"]) == content["self_ns"]


def test_json_and_csv_exclude_each_other(tmp_path: Path, capsys: Captured) -> None:
    assert main(["stats", "--json", "--csv"]) == 2
    assert "not allowed with" in capsys.readouterr().err


def test_pauses_are_mentioned(tmp_path: Path, capsys: Captured) -> None:
    path = make_run(tmp_path / "run")
    line = {"id": 999, "owner_kind": "loop", "owner": PAUSE_OWNER, "instance": 0, "hook": PAUSE_HOOK}
    with (path / "actions-0.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    end = (path / "events-0.000").stat().st_size // 8 * 10**6
    with (path / "events-0.000").open("ab") as file:
        file.write(records([enter(999, end), leave(999, end + 2 * 10**9)]).tobytes())

    assert main(["stats", "run"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "not counted: 2.00 s in which the training was held"
    assert PAUSE_HOOK not in out.splitlines()[1]


def test_a_run_that_goes_on_and_one_that_lost_something_are_marked(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run", state="running", until=50, dropped="segments 0 to 3")

    assert main(["stats", "run"]) == 0

    err = capsys.readouterr().err
    assert "run is incomplete: segments 0 to 3" in err
    assert "run is still being written" in err


def test_a_rank_that_was_not_recorded_is_an_error(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")

    assert main(["stats", "run", "--rank", "3"]) == 1
    assert "no recording of rank 3 (there is: 0)" in capsys.readouterr().err


def test_a_run_without_spans_says_so(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run", until=0)

    assert main(["stats", "run"]) == 0
    assert capsys.readouterr().out == "run has no spans yet\n"


def test_compare_shows_what_differs_and_nothing_else(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a", callbacks=("EarlyStopping",))
    make_run(tmp_path / "b", callbacks=("EarlyStopping", "Extra"), epochs=3)

    assert main(["compare", "a", "b"]) == 0

    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line and not line.startswith((" ", "A ", "B "))] == [
        "settings",
        "turns of the loops",
        "only B calls",
        "time, largest change of self time (for as many calls) first",  # of what encloses the extra hooks
    ]
    assert ["trainer", "max_epochs", "2", "3"] in [line.split() for line in out.splitlines()]
    assert "Extra.on_train_batch_end" in out
    assert "EarlyStopping" not in out


def test_compare_with_all_shows_what_is_the_same_too(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a")

    assert main(["compare", "a", "a", "--all"]) == 0

    out = capsys.readouterr().out
    assert "nothing differs" in out
    assert out.count("EarlyStopping.on_train_batch_end") == 2
    assert "1.00x" in out


def test_compare_of_a_run_with_itself_says_that_nothing_differs(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "runs" / "a")

    assert main(["compare", "a", "a"]) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1] == "nothing differs: same settings, same hooks, same calls, same times"
    )


def test_compare_as_json(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", epochs=3, hook_ns=2_000_000)

    assert main(["compare", "a", "b", "--json"]) == 0

    content = json.loads(capsys.readouterr().out)
    assert content["same"] is False
    assert content["config"] == [{"section": "trainer", "name": "max_epochs", "a": "2", "b": "3"}]
    assert {"path": "fit > epoch", "a": 2, "b": 3} in content["lengths"]
    assert {hook["mean_ratio"] for hook in content["hooks"]} == {2.0}


@given(st.lists(st.floats(0, 1e6), min_size=1).filter(lambda weights: sum(weights) > 1e-3))
def test_percentages_add_up_to_100(weights: list[float]) -> None:
    total = sum(weights)

    shown = percentages([weight / total for weight in weights])

    assert sum(round(float(text.removesuffix(" %")) * 10) for text in shown) == 1000
    assert all(
        abs(float(text.removesuffix(" %")) - 100 * weight / total) <= 0.1001
        for text, weight in zip(shown, weights, strict=True)
    )
