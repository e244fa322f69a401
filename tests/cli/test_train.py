"""`hooktrace train` from start to end: a real training in a process of its own, with lines and with the screen."""

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.commands import AS_IN_A_TERMINAL, ENVIRONMENT, hooktrace
from tracer.run import open_run

TINY = ("--data", "synthetic", "--train_size", "64", "--model.batch_size", "16", "--trainer.log_every_n_steps", "1")
ENDLESS = (*TINY, "--trainer.max_epochs", "100000", "--early_stopping.patience", "100000")
_LIMIT_S = 120


def only_run() -> Path:
    (path,) = Path("runs").iterdir()
    return path


@pytest.fixture(autouse=True)
def _no_training_left(tmp_path: Path) -> Iterator[None]:
    """Ends what still trains into the directory of the test, however the test went."""
    yield
    mark = f"HOOKTRACE_DIR={tmp_path}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(value.startswith(mark) for value in (process / "environ").read_bytes().split(b"\0")):
                os.kill(int(process.name), signal.SIGKILL)


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
    assert json.loads(compared.stdout)["same"] is True


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


class Terminal:
    """`hooktrace` in a pseudo-terminal of 120x40."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tracer", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={name: value for name, value in ENVIRONMENT.items() if name != "NO_COLOR"} | {"TERM": "xterm-256color"},
        )
        os.close(theirs)
        self.output = ""

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def wait_for(self, words: str) -> None:
        """Reads until `words` were written, wherever on the screen."""
        deadline = time.monotonic() + _LIMIT_S
        seen = len(self.output)
        while words not in plain(self.output[seen:]):
            if not self._read(deadline):
                raise AssertionError(f"{words!r} never came; at the end: {plain(self.output)[-2000:]!r}")

    def wait_for_end(self) -> int:
        deadline = time.monotonic() + _LIMIT_S
        while self._read(deadline):
            pass
        os.close(self._ours)
        return self.process.wait(timeout=_LIMIT_S)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._ours, 65536) if ready else b""
        except OSError:  # the other end is closed
            data = b""
        self.output += data.decode(errors="replace")
        return bool(data)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)


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
