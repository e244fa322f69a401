"""The whole of it in a real terminal: train, pause, step, stop at a breakpoint, leave, come back, end it."""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import ENVIRONMENT
from tests.cli.tmux import Tmux
from tracer.run import Run, open_run
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER

pytestmark = pytest.mark.tmux

COMMAND = f"{sys.executable} -m tracer"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    here = {name: str(tmp_path / ".xdg") for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    window = Tmux(tmp_path, {"PYTHONPATH": ENVIRONMENT["PYTHONPATH"], "OMP_NUM_THREADS": "1", **here})
    yield window
    window.close()


def batch_of(screen: str) -> int:
    found = re.search(r"batch (\d+)/", screen)
    assert found is not None, screen
    return int(found[1])


def paused_before(screen: str) -> str:
    found = re.search(r"the training is paused before (\S+)", screen)
    assert found is not None, screen
    return found[1]


def close_dialog(terminal: Tmux) -> None:
    """A key that comes before it is closed would be typed into its line."""
    terminal.press("Escape")
    terminal.wait_for(without="stop before a hook")


def end_of(run: Run) -> str:
    """The state of a run when its program is over."""
    deadline = time.monotonic() + 60
    while run.state == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    return run.state


def test_a_session(terminal: Tmux) -> None:
    options = "--data synthetic --train_size 4000 --trainer.limit_val_batches 2 --trainer.max_epochs 500"
    terminal.type(f"{COMMAND} train --name lesson {options}")
    terminal.press("Enter")
    terminal.wait_for("● live", "run_training_batch", "train step")

    terminal.press("Space")
    held = batch_of(terminal.wait_for("‖ paused", "gradient norms", "learning rate"))
    terminal.press("n")
    first = paused_before(terminal.wait_for("stop 2", "paused before"))
    terminal.press("n")
    second = paused_before(terminal.wait_for("stop 3", "paused before"))
    assert first != second
    terminal.press("N")
    assert batch_of(terminal.wait_for("stop 4")) == held + 1

    terminal.press("b")
    terminal.wait_for("stop before a hook")
    terminal.fill("on_validation_start stage=validate")
    terminal.press("Enter")
    terminal.wait_for("on_validation_start stage=validate")
    close_dialog(terminal)
    terminal.press("b")
    terminal.wait_for("stop before a hook", "on_validation_start stage=validate")
    close_dialog(terminal)
    terminal.insist("c", without="‖ paused")
    shown = terminal.wait_for("breakpoint on_validation_start stage=validate", "stop 5")
    assert paused_before(shown) == "EarlyStopping.on_validation_start"
    terminal.press("b")
    terminal.wait_for("stop before a hook")
    terminal.wait_for("on_validation_start stage=validate")
    terminal.press("C-x")
    close_dialog(terminal)
    terminal.insist("c", without="‖ paused")
    terminal.wait_for("● live", "epoch 2/500")

    terminal.press("q")
    terminal.wait_for("leave it running")
    terminal.press("l")
    terminal.wait_for("the training goes on", "hooktrace watch")
    terminal.type(f"{COMMAND} watch")
    terminal.press("Enter")
    terminal.wait_for("● live", "run_training_batch")
    terminal.press("q")
    terminal.wait_for("stop gracefully")
    terminal.press("s")
    terminal.wait_for("stopped")  # the state of the run, or of a training after which its program tests

    (path,) = Path("runs").iterdir()
    run = open_run(path)
    assert end_of(run) == "stopped"
    trace = run.trace()
    assert trace.open_rows == ()
    pauses = [action.id for action in trace.actions if (action.owner, action.hook) == (PAUSE_OWNER, PAUSE_HOOK)]
    assert sum(int(number) in pauses for number in trace.action) == 5
