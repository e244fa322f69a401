"""`hooktrace explain --expected`: a minimal model in a process of its own, of which nothing stays."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import AS_IN_A_TERMINAL, ENVIRONMENT, ROOT
from tracer.cli import main
from tracer.verbs import explain_expected

Captured = pytest.CaptureFixture[str]

WAITING_TORCH = """
import os, signal
with open(os.environ["READY"], "w") as ready:
    ready.write(str(os.getpid()))
signal.pause()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process and those that it starts put what is temporary."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(path))
    monkeypatch.setenv("TMPDIR", str(path))
    return path


def test_it_tells_what_the_installed_lightning_runs(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("HOOKTRACE_DISABLED", "1")  # of their own trainings
    (Path.cwd() / "random.py").write_text("raise SystemExit('not this one')")

    assert main(["explain", "--expected", "fit", "--docs", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    hooks = [line["text"] for line in told["lines"] if line["kind"] == "call"]
    order = [
        "setup",
        "configure_optimizers",
        "on_fit_start",
        "on_train_start",
        "on_train_batch_start",
        "optimizer_step",
    ]
    assert sorted(order, key=hooks.index) == order
    assert [line["count"] for line in told["lines"] if line["text"] == "training_step"] == [6]
    assert "Lightning 2." in told["title"]
    assert not any(line["mean_ns"] for line in told["lines"])
    assert "HookTracer" not in json.dumps(told)
    assert "optimizer-step" in [one["id"] for one in told["docs"]]
    assert any(line["why"] for line in told["lines"])
    assert list(temporary.iterdir()) == []
    assert [path.name for path in Path.cwd().iterdir() if path != temporary] == ["random.py"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_ends_it_early_leaves_nothing_behind(temporary: Path, number: signal.Signals, code: int) -> None:
    stand_in, ready = Path.cwd() / "stand-in", Path.cwd() / "ready"
    stand_in.mkdir()
    (stand_in / "torch.py").write_text(WAITING_TORCH)
    os.mkfifo(ready)
    path = os.pathsep.join([str(stand_in), str(ROOT)])
    with subprocess.Popen(
        [sys.executable, "-c", AS_IN_A_TERMINAL, "explain", "--expected", "test"],
        env={**ENVIRONMENT, "PYTHONPATH": path, "READY": str(ready), "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        trains = int(ready.read_text())
        assert len(list(temporary.iterdir())) == 1
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == code
    assert "Traceback" not in errors
    assert list(temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(trains, 0)


def test_without_lightning_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(explain_expected, "find_spec", lambda name: None)

    assert main(["explain", "--expected", "fit"]) == 1
    told = capsys.readouterr().err
    assert told == "hooktrace: error: this needs lightning, which is not installed: pip install 'hooktrace[all]'\n"


def test_a_lightning_that_does_not_run_is_named_in_a_line(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (Path.cwd() / "torch.py").write_text("raise RuntimeError('no such device')")
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))

    assert main(["explain", "--expected", "fit"]) == 1

    told = capsys.readouterr().err
    assert told == "hooktrace: error: the installed Lightning did not run a minimal model: " + (
        "RuntimeError: no such device\n"
    )
    assert list(temporary.iterdir()) == []


def test_without_a_place_for_it_that_is_said(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary / "nowhere"))

    assert main(["explain", "--expected", "fit"]) == 1
    assert capsys.readouterr().err == (
        "hooktrace: error: cannot make a temporary directory: No such file or directory\n"
    )


@pytest.mark.parametrize("option", [["run"], ["--rank", "0"], ["--runs-dir", "."]])
def test_it_takes_no_run(option: list[str], capsys: Captured) -> None:
    assert main(["explain", "--expected", "fit", *option]) == 2
    assert "leave out RUN" in capsys.readouterr().err


@pytest.mark.soak
def test_the_twin_package_does_as_well(tmp_path: Path) -> None:
    without = (
        "import runpy, sys\n"
        "import importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'lightning' else found(name, *more)\n"
        f"sys.argv = ['expected', 'fit', {str(tmp_path)!r}]\n"
        "runpy.run_module('tracer.expected', run_name='__main__')\n"
        "assert 'pytorch_lightning' in sys.modules and 'lightning.pytorch' not in sys.modules\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", without], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert main(["explain", str(tmp_path / "run"), "-o", "-"]) == 0
