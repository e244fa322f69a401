"""`hooktrace export` and `hooktrace plot`: where files go, what is refused, what is said."""

import io
from pathlib import Path

import pandas as pd
import pytest

from tests.builders import make_run
from tests.cli.commands import hooktrace
from tracer.cli import main
from tracer.run import open_run

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
