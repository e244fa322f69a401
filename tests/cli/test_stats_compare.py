"""`hooktrace stats` and `hooktrace compare`: what is printed, and the same as JSON."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.ranks import trained, write
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
    assert capsys.readouterr().out == "run has no spans: nothing was recorded\n"


def test_compare_shows_what_differs_and_nothing_else(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a", callbacks=("EarlyStopping",))
    make_run(tmp_path / "b", callbacks=("EarlyStopping", "Extra"), epochs=3)

    assert main(["compare", "a", "b"]) == 0

    out = capsys.readouterr().out
    headings = [line.split(" (")[0] for line in out.splitlines() if line and line[:2] not in ("  ", "A ", "B ", "~ ")]
    assert headings[0].startswith("2 settings differ; loops of other length; ")
    assert headings[1:5] == ["config", "turns of the loops", "order", "calls"]
    assert ["trainer", "max_epochs", "2", "3"] in [line.split() for line in out.splitlines()]
    assert ["~", "on_train_batch_end:", "+Extra"] in [line.split() for line in out.splitlines()]
    assert "EarlyStopping" not in out


def test_compare_with_all_shows_what_is_the_same_too(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a")

    assert main(["compare", "a", "a", "--all"]) == 0

    out = capsys.readouterr().out
    assert "nothing differs" in out
    assert "for batch in range(4):" in out
    assert out.count("EarlyStopping.on_train_batch_end") == 1
    assert "1.00x" in out


def test_compare_of_a_run_with_itself_says_that_nothing_differs(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "runs" / "a", batches=30)

    assert main(["compare", "a", "a"]) == 0
    assert capsys.readouterr().out.splitlines() == ["A  a", "B  a", "", "nothing differs beyond noise"]


def test_compare_several_with_one_baseline_as_json(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", epochs=3)
    make_run(tmp_path / "c")

    assert main(["compare", "a", "b", "c", "--json"]) == 0

    content = json.loads(capsys.readouterr().out)
    assert content["schema"] == 1
    one, other = content["comparisons"]
    assert (one["a"], one["b"], other["a"], other["b"]) == ("a", "b", "a", "c")
    assert (one["same"], other["same"]) == (False, True)
    assert one["config"] == [{"section": "trainer", "name": "max_epochs", "a": "2", "b": "3"}]
    assert {"path": "fit > epoch", "a": 2, "b": 3} in one["lengths"]
    hooks = [hook for unit in one["units"] for hook in unit["hooks"]]
    assert {hook["ratio"]["value"] for hook in hooks} == {1.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "a/run.json"], "not a run: a/run.json is a file (did you mean a?)"),
        (["a", "empty"], "empty has no spans: nothing was recorded (there is nothing to compare)"),
        (
            ["a", "a", "--stage", "predict"],
            "a has nothing of the stage predict (there is: train, sanity_check, validate)",
        ),
        (["a", "newer"], "has schema 99, this hooktrace reads schema"),
        (["a", "a", "--rank", "3"], "a has no recording of rank 3 (there is: 0)"),
        (["a"], "the following arguments are required: B"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    tmp_path: Path, capsys: Captured, arguments: list[str], message: str
) -> None:
    make_run(tmp_path / "a")
    make_run(tmp_path / "empty", until=0)
    make_run(tmp_path / "newer", schema=99)

    assert main(["compare", *arguments]) in (1, 2)

    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@given(st.lists(st.floats(0, 1e6), min_size=1).filter(lambda weights: sum(weights) > 1e-3))
def test_percentages_add_up_to_100(weights: list[float]) -> None:
    total = sum(weights)

    shown = percentages([weight / total for weight in weights])

    assert sum(round(float(text.removesuffix(" %")) * 10) for text in shown) == 1000
    assert all(
        abs(float(text.removesuffix(" %")) - 100 * weight / total) <= 0.1001
        for text, weight in zip(shown, weights, strict=True)
    )


def test_the_calls_of_all_ranks_can_be_added_up(tmp_path: Path, capsys: Captured) -> None:
    write(tmp_path / "run", trained(5, world_size=3))

    assert main(["stats", "run", "--rank", "all", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["rank"], content["ranks"]) == (0, [0, 1, 2])
    assert {row["label"]: row["count"] for row in content["rows"]}["DDPStrategy.backward"] == 15
    assert main(["stats", "run", "--rank", "many"]) == 2
