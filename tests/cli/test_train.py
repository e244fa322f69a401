"""`hooktrace train` from start to end: a real training in a process of its own, with lines and with the screen."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from tests.cli.commands import AS_IN_A_TERMINAL, ENVIRONMENT, hooktrace
from tests.cli.terminal import Terminal
from tracer.run import open_run

TINY = ("--data", "synthetic", "--train_size", "64", "--model.batch_size", "16", "--trainer.log_every_n_steps", "1")
ENDLESS = (*TINY, "--trainer.max_epochs", "100000", "--early_stopping.patience", "100000")
_LIMIT_S = 120


def only_run() -> Path:
    (path,) = Path("runs").iterdir()
    return path


def test_a_training_with_lines_leaves_a_complete_run() -> None:
    ended = hooktrace("train", "--config", "accumulate4", *TINY, "--trainer.max_epochs", "1")

    run = open_run(only_run())
    assert (ended.returncode, ended.stderr) == (0, "")
    assert run.name.endswith("-accumulate4")
    assert run.state == "finished"
    assert run.info.trainer["accumulate_grad_batches"] == 4
    assert {action.hook for action in run.trace().actions} >= {"on_train_batch_start", "validation_step", "test_step"}
    assert set(run.metrics().names) >= {"train_loss_step", "train_loss_epoch", "val_loss", "val_acc", "test_loss"}
    assert f"run    runs/{run.name}\nstate  finished after" in ended.stdout
    assert re.search(r"^ +0:\d\d  finished · .*test_loss", ended.stdout, re.MULTILINE)

    exported = hooktrace("export")
    assert exported.stdout.startswith(f"wrote runs/{run.name}/hooks.csv")
    assert len(pd.read_csv(run.path / "hooks.csv")) == len(run.trace())
    compared = hooktrace("compare", run.name, run.name, "--json")
    assert [found["same"] for found in json.loads(compared.stdout)["comparisons"]] == [True]


def test_a_mistake_in_the_demos_options_is_one_line_and_leaves_nothing() -> None:
    ended = hooktrace("train", "--trainer.max_epochz", "1")

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "the training did not start (exit code 2): error:" in ended.stderr
    assert "--trainer.max_epochz" in ended.stderr
    assert list(Path("runs").iterdir()) == []


@contextmanager
def training_in_lines() -> Iterator[subprocess.Popen[str]]:
    """`hooktrace train` with its output in a pipe, while its training runs."""
    with subprocess.Popen(
        [sys.executable, "-c", AS_IN_A_TERMINAL, "train", "--no-tui", *ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " · epoch " in line:
                break
        yield process


def test_sigterm_ends_the_training_that_was_started() -> None:
    with training_in_lines() as process:
        process.terminate()
        out, _ = process.communicate(timeout=_LIMIT_S)

        assert "SIGTERM is passed on to the training" in out
        assert process.returncode != -signal.SIGTERM  # it waited for the training, and reported on it
        assert f"run    {only_run()}" in out
        assert open_run(only_run()).state not in ("running", "died")


def test_a_hangup_leaves_the_training_running() -> None:
    with training_in_lines() as process:
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=_LIMIT_S)

        assert process.returncode == -signal.SIGHUP
        assert open_run(only_run()).state == "running"


def test_the_screen_from_start_to_quit_and_back() -> None:
    terminal = Terminal("train", "--name", "shown", *ENDLESS)
    terminal.wait_for("run_training_epoch")
    terminal.press("q")
    terminal.wait_for("leave it running")
    terminal.press("l")
    assert terminal.wait_for_end() == 0
    run = open_run(only_run())
    assert f"hooktrace watch {run.name}" in terminal.output
    assert run.state == "running"

    again = Terminal("watch", run.name)
    again.wait_for("run_training_epoch")
    again.press("q")
    again.wait_for("stop gracefully")
    again.press("s")
    assert again.wait_for_end() == 0
    assert run.state in ("finished", "stopped")
