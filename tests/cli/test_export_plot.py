"""`hooktrace export` and `hooktrace plot`: where files go, what is refused, what is said."""

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.builders import make_run
from tests.cli.commands import AS_IN_A_TERMINAL, ENVIRONMENT, hooktrace
from tracer.cli import main
from tracer.export.selection import Part
from tracer.run import open_run
from tracer.verbs.progress import Progress

Captured = pytest.CaptureFixture[str]


def test_export_lies_in_the_run_and_its_path_is_printed(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "runs" / "one")

    assert main(["export"]) == 0

    table = pd.read_csv(run / "hooks.csv")
    assert len(table) == len(open_run(run).trace())
    assert capsys.readouterr().out.startswith(f"wrote runs/one/hooks.csv ({len(table)} spans, ")


@pytest.mark.parametrize("verb", ["export", "plot"])
def test_nothing_is_overwritten_without_force(verb: str, tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")
    (tmp_path / "out").write_text("mine", encoding="utf-8")

    assert main([verb, "run", "-o", "out"]) == 1
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"
    assert "out exists: --force replaces it" in capsys.readouterr().err

    assert main([verb, "run", "-o", "out", "--force", "-q"]) == 0
    assert (tmp_path / "out").read_text(encoding="utf-8") != "mine"
    assert capsys.readouterr().out == ""


def test_export_to_stdout_is_the_table_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", state="running", until=60)

    ended = hooktrace("export", "run", "-o", "-")

    assert ended.returncode == 0
    assert len(pd.read_csv(io.StringIO(ended.stdout))) == len(open_run(run).trace())
    assert "still being written" in ended.stderr


def test_export_of_a_rank(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "run")
    for name in ("events-{}.000", "actions-{}.jsonl"):
        (run / name.format(1)).write_bytes((run / name.format(0)).read_bytes())

    assert main(["export", "run", "-o", "all.csv"]) == 0
    assert main(["export", "run", "--rank", "1", "-o", "one.csv"]) == 0

    assert pd.read_csv("all.csv")["rank"].unique().tolist() == [0, 1]
    assert pd.read_csv("one.csv")["rank"].unique().tolist() == [1]
    assert capsys.readouterr().err == ""


def test_export_of_a_run_that_recorded_nothing_is_an_error(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "run")
    (run / "events-0.000").unlink()

    assert main(["export", "run"]) == 1
    assert "has no recording of rank 0 (there is: none)" in capsys.readouterr().err
    assert not (run / "hooks.csv").exists()


def test_plot_draws_all_losses(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "runs" / "one", test_batches=2)

    assert main(["plot"]) == 0

    assert capsys.readouterr().out == (
        "wrote runs/one/losses.html (train_loss_step, train_loss_epoch, val_loss, test_loss)\n"
    )
    assert "<title>one</title>" in (run / "losses.html").read_text(encoding="utf-8")


def test_plot_draws_the_metrics_that_are_named(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")

    assert main(["plot", "run", "--metric", "val_acc", "--metric", "val_loss", "-o", "page.html"]) == 0
    assert capsys.readouterr().out == "wrote page.html (val_acc, val_loss)\n"


@pytest.mark.parametrize(
    ("metrics", "arguments", "words"),
    [
        (None, [], "run has no metrics"),
        ("epoch,step\n0,1\n", [], "run has no metrics"),
        ("epoch,step,acc\n0,1,0.5\n", [], "no metric with 'loss' in its name: choose with --metric (there is: acc)"),
        ("epoch,step,acc\n0,1,0.5\n", ["--metric", "nope"], "no metric 'nope' (there is: acc)"),
    ],
)
def test_plot_says_what_there_is_instead(
    metrics: str | None, arguments: list[str], words: str, tmp_path: Path, capsys: Captured
) -> None:
    run = make_run(tmp_path / "run", metrics=metrics is not None)
    if metrics is not None:
        (run / "metrics" / "metrics.csv").write_text(metrics, encoding="utf-8")

    assert main(["plot", "run", *arguments]) == 1

    assert words in capsys.readouterr().err
    assert not (run / "losses.html").exists()


def test_export_takes_what_is_asked_for(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "run")
    trace = open_run(run).to_pandas()

    arguments = ["--stage", "train", "--epoch", "1", "--batch", "1:3", "--min-duration", "2ms"]
    assert main(["export", "run", "-o", "some.csv", *arguments]) == 0

    fits = (trace["stage"] == "train") & (trace["epoch"] == 1) & trace["batch"].isin([1, 2])
    expected = trace[(fits & (trace["duration_ns"] >= 2_000_000)).fillna(False)]
    assert pd.read_csv("some.csv")["seq"].tolist() == expected["seq"].tolist()
    assert capsys.readouterr().out.startswith(f"wrote some.csv ({len(expected)} spans, ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "excel"], "invalid choice: 'excel' (choose from 'csv', "),
        (["--epoch", "2:1"], "'2:1' is an empty range"),
        (["--epoch", "-1"], "'-1' is no range"),
        (["--batch", "x"], "'x' is no range: write 2, 2:5, 2: or :5"),
        (["--min-duration", "3 h"], "'3 h' is no time: write 100us"),
        (["--rank", "first"], "'first' is no rank"),
        (["--stage", "training"], "invalid choice: 'training'"),
        (["--format", "parquet", "-o", "-"], "parquet cannot go to stdout"),
    ],
)
def test_export_names_what_it_does_not_understand(
    arguments: list[str], words: str, tmp_path: Path, capsys: Captured
) -> None:
    make_run(tmp_path / "run")

    assert main(["export", "run", *arguments]) == 2

    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert not captured.out


def test_the_name_says_the_format_and_whether_it_is_compressed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    spans = len(open_run(run).trace())

    for name in ("out.jsonl.gz", "out.csv.gz", "out.parquet"):
        assert main(["export", "run", "-o", name, "-q"]) == 0

    assert len(pd.read_json("out.jsonl.gz", lines=True)) == spans
    assert len(pd.read_csv("out.csv.gz")) == spans
    assert len(pd.read_parquet("out.parquet")) == spans


def test_a_directory_is_replaced_only_if_nothing_else_is_in_it(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")
    command = ["export", "run", "--format", "parquet", "--rank", "all", "-o", "spans"]
    assert main(command) == 0
    capsys.readouterr()

    assert main(command) == 1
    assert "spans exists: --force replaces it" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0
    (tmp_path / "spans" / "thesis.tex").write_text("mine", encoding="utf-8")
    assert main([*command, "--force"]) == 1

    assert "spans holds something else (thesis.tex)" in capsys.readouterr().err
    assert (tmp_path / "spans" / "thesis.tex").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["run", "spans"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_below_stdout_is_a_line(tmp_path: Path) -> None:
    make_run(tmp_path / "run")

    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "tracer", "export", "run", "-o", "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            check=False,
            text=True,
        )

    assert (ended.returncode, ended.stderr) == (
        1,
        "hooktrace: error: cannot write to stdout: No space left on device\n",
    )


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", epochs=60)
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000)); {AS_IN_A_TERMINAL}"

    for form in ("csv", "jsonl", "parquet"):
        command = [sys.executable, "-c", limited, "export", "run", "--format", form, "--rank", "all"]
        ended = subprocess.run(command, capture_output=True, env=ENVIRONMENT, check=False, text=True)
        assert ended.returncode == 1, form
        assert ended.stderr == f"hooktrace: error: cannot write {run.name}/hooks.{form}: File too large\n"
    assert not [entry.name for entry in run.iterdir() if "hooks" in entry.name]


def test_what_cannot_be_replaced_or_written_is_said(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")

    assert main(["export", "run", "-o", "/dev/null", "--force"]) == 1
    assert "/dev/null is no ordinary file" in capsys.readouterr().err
    assert main(["export", "run", "-o", "/proc/hooks.csv"]) == 1
    assert "cannot write /proc/hooks.csv: " in capsys.readouterr().err


def test_a_format_whose_library_is_missing_says_what_to_install(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run")
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as where it is not installed

    assert main(["export", "run", "--format", "tensorboard"]) == 1

    assert "needs tensorboard, which is not installed: pip install 'hooktrace[view]'" in capsys.readouterr().err
    assert not (run / "hooks").exists()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("quiet", "out"), [(True, Terminal()), (False, io.StringIO())])
def test_progress_is_for_who_looks(quiet: bool, out: io.StringIO, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run"))
    ticks = iter(range(1000))

    with Progress(run, quiet, out, lambda: float(next(ticks))) as progress:
        progress.begin(Part(run.trace()))
        progress.advance(40)

    assert out.getvalue() == ""


def test_progress_is_a_line_that_goes_away(tmp_path: Path) -> None:
    run, out, now_s = open_run(make_run(tmp_path / "run")), Terminal(), [0.0]
    spans = len(run.trace())

    with Progress(run, False, out, lambda: now_s[0]) as progress:
        progress.begin(Part(run.trace()))
        progress.advance(1)
        assert out.getvalue() == ""
        now_s[0] = 1.0
        progress.advance(spans - 1)
        assert out.getvalue() == f"\r\x1b[K{spans} of {spans} calls (100%)"

    assert out.getvalue().endswith("\r\x1b[K")


def test_report_is_a_page_in_the_run_that_is_renewed(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "runs" / "one")

    for _ in range(2):
        assert main(["report"]) == 0
        assert capsys.readouterr().out.startswith("wrote runs/one/report.html (")
    assert "<title>one</title>" in (run / "report.html").read_text(encoding="utf-8")
    assert main(["report", "-o", "runs/one/report.html"]) == 1
    assert "exists: --force replaces it" in capsys.readouterr().err
