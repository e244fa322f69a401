"""The training process beside the viewer: real processes that are started, signalled and waited for."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from tests.builders import make_run
from tracer.errors import UsageError
from tracer.verbs.child import ChildProcess
from tracer.verbs.ending import report_end, report_left
from tracer.verbs.launch import new_run_directory

Captured = pytest.CaptureFixture[str]
NOW = datetime(2026, 1, 2, 3, 4, 5)

# Tells that it is ready by a byte in a pipe, so that no signal can come too early.
READY_THEN_WAIT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with open(sys.argv[1], "w") as ready:
        ready.write("x")
    signal.pause()
except KeyboardInterrupt:
    sys.exit(7)
"""


def waiting_child(run_dir: Path) -> ChildProcess:
    """A process that runs until it gets a signal."""
    pipe = run_dir / "ready"
    os.mkfifo(pipe)
    child = ChildProcess(["-c", READY_THEN_WAIT, str(pipe)], run_dir, os.environ)
    assert pipe.read_text(encoding="utf-8") == "x"
    return child


def test_it_knows_where_to_record_and_its_output_is_kept(tmp_path: Path) -> None:
    program = "import os, sys; print(os.environ['HOOKTRACE_DIR']); print('oh', file=sys.stderr); sys.exit(3)"

    child = ChildProcess(["-c", program], tmp_path, os.environ)

    assert child.wait() == 3
    assert child.poll() == 3
    assert sorted((tmp_path / "output.log").read_text(encoding="utf-8").split()) == sorted([str(tmp_path), "oh"])


def test_interrupt_is_ctrl_c(tmp_path: Path) -> None:
    child = waiting_child(tmp_path)
    assert child.poll() is None

    child.interrupt()

    assert child.wait() == 7
    child.interrupt()  # of one that has ended: nothing


def test_one_that_was_terminated_has_the_code_of_a_shell(tmp_path: Path) -> None:
    child = waiting_child(tmp_path)

    child.terminate()

    assert child.wait() == 128 + 15


def test_it_has_a_session_of_its_own(tmp_path: Path) -> None:
    child = waiting_child(tmp_path)

    assert os.getsid(child.pid) == child.pid != os.getsid(0)

    child.terminate()
    child.wait()


def test_run_directories_are_named_by_time_and_never_shared(tmp_path: Path) -> None:
    names = [new_run_directory(tmp_path / "runs", "my.run", NOW).name for _ in range(3)]

    assert names == ["20260102-030405-my.run", "20260102-030405.2-my.run", "20260102-030405.3-my.run"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "-x", "a\n", "ü", "x" * 65])
def test_names_that_could_mean_something_else_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        new_run_directory(tmp_path / "runs", name, NOW)

    assert not (tmp_path / "runs").exists()


def test_report_of_a_run_says_what_to_do_next(tmp_path: Path, capsys: Captured) -> None:
    report_end(make_run(Path("runs/one"), test_batches=1), [], 0)

    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines()[:2] == [
        "run    runs/one",
        f"state  finished after 0:59, ~{(Path('runs/one') / 'events-0.000').stat().st_size // 16} hook calls recorded",
    ]
    assert "val_loss 0.75" in captured.out
    assert "hooktrace replay one\n" in captured.out


def test_report_of_a_failure_shows_the_last_lines_of_the_output(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "run", state="failed")
    (run / "output.log").write_text("".join(f"line {n}\x1b[31m\n" for n in range(100)), encoding="utf-8")

    report_end(run, [run], 1)

    err = capsys.readouterr().err
    assert "the training ended with exit code 1: RuntimeError: boom" in err
    assert "  | line 99\n" in err
    assert "line 80" not in err
    assert "\x1b" not in err


def test_report_of_a_program_that_was_killed_before_it_trained(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "output.log").write_text("loading\n", encoding="utf-8")

    report_end(tmp_path, [], 128 + 9)

    assert capsys.readouterr().err == (
        "hooktrace: the training did not start (exit code 137): it was killed by SIGKILL\n"
    )


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("loading\nerror: unknown option --x\n", "error: unknown option --x"),
        ("some last words\n\n", "some last words"),
        ("", "it said nothing"),
    ],
)
def test_report_of_a_program_that_never_trained_is_its_error(
    output: str, words: str, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "output.log").write_text(output, encoding="utf-8")

    report_end(tmp_path, [], 2)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"hooktrace: the training did not start (exit code 2): {words}\n"


def test_report_of_a_training_that_was_left_says_how_to_return(capsys: Captured) -> None:
    report_left(Path("elsewhere/one two"), 123)

    assert capsys.readouterr().out == (
        "the training goes on (process 123) in elsewhere/one two\n  hooktrace watch 'elsewhere/one two'\n"
    )
