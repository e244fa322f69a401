"""`hooktrace run`: a program of the user's, recorded, and not told from one that runs without us."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.commands import AS_IN_A_TERMINAL, ENVIRONMENT, hooktrace
from tests.cli.terminal import Terminal
from tracer.run import open_run
from tracer.verbs.run import _name_of, _split

NOTHING = "hooktrace: no Trainer was run: nothing to record\n"

TRAINING_FOUR_TIMES = """
import os, signal, sys
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.demos.boring_classes import BoringModel

class Ending(BoringModel):
    action = int

    def on_train_batch_end(self, outputs, batch, batch_idx):
        if batch_idx == 1:
            self.action()

def fail():
    raise ArithmeticError("on purpose")

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

print(sys.argv, sys.path[0] == os.getcwd(), input())
for number, action in enumerate([int, int, fail, interrupt]):
    seed_everything(number)
    model = Ending()
    model.action = action
    trainer = Trainer(max_epochs=1, limit_train_batches=3, limit_val_batches=1, log_every_n_steps=1, accelerator="cpu",
        enable_progress_bar=False)
    try:
        trainer.fit(model)
    except ArithmeticError as error:
        print("failed:", error, file=sys.stderr)
    print(trainer.state.status, [parameter.sum().item() for parameter in model.parameters()])
"""


def start_training(arguments: list[str], cwd: Path) -> "subprocess.Popen[str]":
    cwd.mkdir()
    (cwd / "train.py").write_text(TRAINING_FOUR_TIMES, encoding="utf-8")
    pipe = subprocess.PIPE
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT)


def test_a_program_that_trains_twice_fails_and_is_interrupted_leaves_four_runs(tmp_path: Path) -> None:
    program = ["train.py", "--name", "theirs", "-m"]
    both = [start_training(["-m", "tracer", "run", *program], tmp_path / "a"), start_training(program, tmp_path / "b")]
    (out, err), (plain_out, plain_err) = (process.communicate("typed\n", timeout=120) for process in both)

    traced, plain = both
    last = err.splitlines()[-1]
    assert err.replace(str(tmp_path / "a"), "") == plain_err.replace(str(tmp_path / "b"), "") + last + "\n"
    assert traced.returncode == plain.returncode == 1
    assert out.replace(str(tmp_path / "a"), "") == plain_out.replace(str(tmp_path / "b"), "")
    assert "typed" in out

    runs = sorted((tmp_path / "a" / "runs").iterdir())
    assert [re.sub(r"^\d{8}-\d{6}-", "", path.name) for path in runs] == ["train", "train-2", "train-3", "train-4"]
    assert [open_run(path).state for path in runs] == ["finished", "finished", "failed", "interrupted"]
    assert open_run(runs[2]).info.exception == "ArithmeticError: on purpose"
    for path in runs:
        trace = open_run(path).trace()
        assert len(trace) > 50
        assert trace.open_rows == ()
    assert last == (
        f"hooktrace: recorded 4 runs (2 finished, 1 failed, 1 interrupted): runs/{runs[0].name} to {runs[3].name}"
    )


def test_the_screen_shows_a_program(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import tests.record.models as m\nprint('said')\nm.trainer('.', max_epochs=10**6).fit(m.Plain())",
        encoding="utf-8",
    )
    terminal = Terminal("run", "--tui", "--name", "shown", "mine.py")
    terminal.wait_for("run_training_epoch")
    terminal.press("q")
    terminal.wait_for("stop gracefully")
    terminal.press("s")
    assert terminal.wait_for_end() == 0

    (path,) = Path("runs").iterdir()
    assert open_run(path).state == "stopped"
    assert "said" in (path / "output.log").read_text(encoding="utf-8")
    assert f"hooktrace replay {path.name}" in terminal.output


def test_the_screen_goes_on_with_the_next_trainer(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import tests.record.models as m\nfor epochs in (1, 10**6): m.trainer('.', max_epochs=epochs).fit(m.Plain())",
        encoding="utf-8",
    )
    terminal = Terminal("run", "--tui", "--name", "both", "mine.py")
    terminal.wait_for("the program has begun another run")
    terminal.wait_for("run_training_epoch")
    terminal.press("q")
    terminal.wait_for("stop gracefully")
    terminal.press("s")
    assert terminal.wait_for_end() == 0

    first, second = sorted(Path("runs").iterdir())
    assert (open_run(first).state, open_run(second).state) == ("finished", "stopped")
    assert f"before {first}" in terminal.output
    assert f"hooktrace replay {second.name}" in terminal.output


def test_a_program_without_a_trainer(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys; print(sys.argv); sys.exit(7)", encoding="utf-8")

    ended = hooktrace("run", "--runs-dir", "there", "mine.py", "-q", "--tui")
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "['mine.py', '-q', '--tui']\n", NOTHING)
    assert list(Path("there").iterdir()) == []

    ended = hooktrace("run", "-q", "-m", "mine", "--", "x")
    assert (ended.returncode, ended.stderr) == (7, "")
    assert ended.stdout.endswith("mine.py', '--', 'x']\n")


def test_a_program_that_records_elsewhere_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import os, tests.record.models as m\nfrom tracer import HookTracer\n"
        "os.mkdir('there'); os.chdir('there')\n"
        "for callbacks in ([HookTracer('own')], []): m.trainer('.', callbacks, max_epochs=1).fit(m.Plain())\n"
        "os.kill(os.getpid(), 15)",
        encoding="utf-8",
    )

    ended = hooktrace("run", "--name", "mine", "mine.py")

    (run,) = Path("runs").iterdir()
    assert ended.returncode == -signal.SIGTERM
    assert ended.stderr.splitlines()[-1] == (
        f"hooktrace: the program was killed by SIGTERM; recorded 2 runs (2 finished): there/own, {run}"
    )
    assert open_run("there/own").state == open_run(run).state == "finished"


def test_what_the_shell_has_opened_for_a_program_is_open(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys; print(open(sys.argv[1]).read())", encoding="utf-8")
    reading, writing = os.pipe()
    os.write(writing, b"said")
    os.close(writing)
    command = [sys.executable, "-m", "tracer", "run", "-q", "mine.py", f"/dev/fd/{reading}"]

    out = subprocess.check_output(command, pass_fds=[reading], text=True, env=ENVIRONMENT)

    os.close(reading)
    assert out == "said\n"


def test_switched_off_the_program_runs_unrecorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("import os; print(os.environ.get('HOOKTRACE_DIR'))", encoding="utf-8")
    monkeypatch.setitem(ENVIRONMENT, "HOOKTRACE_DISABLED", "1")

    ended = hooktrace("run", "mine.py")

    assert (ended.returncode, ended.stdout) == (0, "None\n")
    assert ended.stderr == "hooktrace: HOOKTRACE_DISABLED is set: nothing was recorded\n"
    assert not Path("runs").exists()
    assert hooktrace("run", "--tui", "mine.py").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "error: which program?"),
        (["-m"], 2, "error: which module?"),
        (["--lr", "mine.py"], 2, "error: unrecognized arguments: --lr"),
        (["--name", "a/b", "wrong.py"], 2, "error: 'a/b' is no name for a run"),
        (["none.py"], 2, "error: no such script: none.py"),
        (["folder"], 1, "error: folder is a directory without a __main__.py"),
        (["wrong.py"], 1, f"SyntaxError: invalid syntax\n{NOTHING}"),
        (["-m", "no_such_module"], 1, f"No module named no_such_module\n{NOTHING}"),
        (["killed.py"], -9, f"hooktrace: the program was killed by SIGKILL; {NOTHING[11:]}"),
    ],
)
def test_bad_input(arguments: list[str], code: int, words: str) -> None:
    Path("folder").mkdir()
    Path("wrong.py").write_text("def f(:", encoding="utf-8")
    Path("killed.py").write_text("import os; os.kill(os.getpid(), 9)", encoding="utf-8")

    ended = hooktrace("run", *arguments)

    assert ended.returncode == code
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("hooktrace: ") == 1
    assert not list(Path().glob("runs/*"))


# Tells of every signal; ends half a second after the first one, so that a second one would be seen.
COUNTING = """
import os, select, signal, sys
reading, writing = os.pipe()
os.set_blocking(writing, False)
signal.set_wakeup_fd(writing)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda number, frame: print(signal.Signals(number).name, flush=True))
print("ready", flush=True)
select.select([reading], [], [])
select.select([], [], [], 0.5)
sys.exit(9)
"""


@contextmanager
def counting() -> Iterator["subprocess.Popen[str]"]:
    """The program above under `hooktrace run`, ready, without a terminal."""
    Path("counting.py").write_text(COUNTING, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", AS_IN_A_TERMINAL, "run", "counting.py"],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def test_signals_to_all_reach_the_program_once() -> None:
    """As `kill -- -GROUP` and `timeout` send them, and as a batch system does: to one process after another."""
    with counting() as process:
        os.killpg(process.pid, signal.SIGUSR1)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (9, "SIGUSR1\n")

    with counting() as process:
        for member in members(process.pid):
            os.kill(member, signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (9, "SIGTERM\n")


def test_without_its_witness_it_still_passes_signals_on() -> None:
    with counting() as process:
        words = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in members(process.pid) if pid != process.pid}
        (witness,) = [pid for pid in words if words[pid] == Path(f"/proc/{process.pid}/cmdline").read_bytes()]
        os.kill(witness, signal.SIGKILL)
        process.send_signal(signal.SIGUSR1)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (9, "SIGUSR1\n")


def members(group: int) -> list[int]:
    """The processes of a group."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if _group_of(pid) == group]


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    with counting() as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)

    assert (process.returncode, out) == (9, f"{number.name}\n")


def test_ctrl_c_reaches_the_program_once() -> None:
    Path("counting.py").write_text(COUNTING, encoding="utf-8")
    ours, theirs = pty.openpty()
    # A terminal only sends signals to the session that it belongs to.
    belonging = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {AS_IN_A_TERMINAL}"
    with subprocess.Popen(
        [sys.executable, "-c", belonging, "run", "counting.py"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.write(ours, b"\x03")
        out, _ = process.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)

    assert (process.returncode, out) == (9, "SIGINT\n")


@pytest.mark.parametrize(
    ("arguments", "own", "program"),
    [
        (["a.py", "--name", "b"], [], ["a.py", "--name", "b"]),
        (["--name", "b", "-q", "a.py", "-q"], ["--name", "b", "-q"], ["a.py", "-q"]),
        (["--name=b", "-m", "c", "-m", "d"], ["--name=b"], ["-m", "c", "-m", "d"]),
        (["--tui", "--", "a.py", "--", "x"], ["--tui"], ["a.py", "--", "x"]),
        (["--runs-dir"], ["--runs-dir"], []),
        (["-", "x"], [], ["-", "x"]),
    ],
)
def test_own_options_come_before_the_program(arguments: list[str], own: list[str], program: list[str]) -> None:
    assert _split(arguments) == (own, program)


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (["x/train_it.py", "a"], "train_it"),
        (["-m", "package.train"], "package.train"),
        (["-mpackage"], "package"),
        (["täg lich.v2.py"], "t-g-lich.v2"),
        (["-"], "program"),
        (["…"], "program"),
        (["y" * 90], "y" * 64),
    ],
)
def test_a_run_is_named_after_its_program(program: list[str], name: str) -> None:
    assert _name_of(program) == name
