"""`hooktrace sweep`: what is trained in which order, what is left when it is stopped, and what is said of it.

One test trains for real. In the others the program writes a recording at once, for what is tested is not how it trains.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.builders import make_run
from tests.cli.commands import AS_IN_A_TERMINAL, ENVIRONMENT, ROOT, hooktrace
from tests.cli.terminal import Terminal
from tracer.cli import main
from tracer.run import open_run
from tracer.verbs.sweep_file import opened_sweep
from tracer.verbs.sweep_plan import DEMO, make_plan, plan_from_json

TINY = ("--data", "synthetic", "--train_size", "64", "--model.batch_size", "16", "--trainer.log_every_n_steps", "1")
LIMIT_S = 120

PROGRAM = """
import argparse, os, sys, time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("words", nargs="*")
parser.add_argument("--config")
parser.add_argument("--batches", type=int, default=4)
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--wait-without")
args = parser.parse_args()
with open("order.txt", "a") as file:
    print(*sys.argv[1:], file=file)
if args.exit:
    sys.exit(args.exit)
from tests.builders import make_run
run = Path(os.environ["HOOKTRACE_DIR"])
if args.wait_without and not Path(args.wait_without).exists():
    make_run(run, batches=60, state="running", until=900)
    Path(args.wait_without).touch()
    time.sleep(60)
make_run(run, epochs=1, batches=args.batches, callbacks=("A",))
Path(os.environ["HOOKTRACE_REPORT"]).open("a").write(f"{run}\\n")
"""


@pytest.fixture
def program() -> str:
    Path("train.py").write_text(PROGRAM, encoding="utf-8")
    return "train.py"


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    code: int
    out: str
    err: str


class Sweep:
    """`hooktrace sweep` in this process: starting another costs more than what most of these tests do."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def __call__(self, *arguments: str) -> Ended:
        code = main(["sweep", *arguments])
        return Ended(code, *self._capsys.readouterr())


@pytest.fixture
def sweep(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sweep:
    return Sweep(capsys, monkeypatch)


def trained() -> list[str]:
    """The arguments of each training, in order."""
    return Path("order.txt").read_text(encoding="utf-8").splitlines()


def jobs(name: str = "sweep") -> list[dict[str, Any]]:
    content = json.loads(Path("runs", name, "sweep.json").read_bytes())
    assert isinstance(content["jobs"], list)
    return content["jobs"]


def test_it_trains_in_turns_and_survives_what_fails(program: str, sweep: Sweep) -> None:
    command = ("--script", program, "--with", "", "--with", "--exit 3", "-w", "--batches 6", "--repeat", "2")
    ended = sweep(*command, "--", "data", "--batches", "5")

    assert (ended.code, ended.err) == (1, "")
    assert trained() == 2 * ["data --batches 5", "data --batches 5 --exit 3", "data --batches 5 --batches 6"]
    lines = ended.out.splitlines()
    assert lines[0] == "sweep in runs/sweep: 3 configurations, 2 times each"
    assert [line[:22].rstrip() for line in lines[1:7]] == [
        *("1/6  (no options) #1", "2/6  --exit 3 #1", "3/6  --batches 6 #1"),
        *("4/6  (no options) #2", "5/6  --exit 3 #2", "6/6  --batches 6 #2"),
    ]
    assert "finished in 0:0" in lines[1] and "failed after 0:0" in lines[2]
    assert [job["state"] for job in jobs()] == 2 * ["done", "failed", "done"]
    assert [job["directory"] for job in jobs()][:3] == ["1-no-options", "2-exit-3", "3-batches-6"]

    again = sweep(*command, "--", "data", "--batches", "5")
    assert again.code == 1
    assert trained()[6:] == 2 * ["data --batches 5 --exit 3"], "what failed is tried again, and nothing else"
    assert "4 of 6 are done" in again.out
    assert jobs()[1]["directory"] == "2.2-exit-3"


def test_ctrl_c_ends_the_training_and_the_same_command_goes_on(program: str, sweep: Sweep) -> None:
    options = ["--script", program, "--with", "--batches 4", "--with", "--wait-without stopped", "--repeat", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", AS_IN_A_TERMINAL, "sweep", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    while not Path("stopped").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 128 + signal.SIGINT
    assert [line.split("  ")[0] for line in out.splitlines()[1:]] == ["1/4", "2/4"]
    assert "interrupted after 0:" in out
    assert err.startswith("hooktrace: stopped, 1 of 4 trainings are done; to go on: hooktrace sweep --script train.py")
    assert [job["state"] for job in jobs()] == ["done", "interrupted", "planned", "planned"]

    resumed = sweep(*options)
    assert (resumed.code, resumed.err) == (0, "")
    assert len(trained()) == 5, "the one that was interrupted has begun twice"
    assert [job["state"] for job in jobs()] == 4 * ["done"]
    assert sweep(*options).code == 0
    assert len(trained()) == 5, "nothing is left to train, and nothing is trained"


def test_another_plan_is_refused_in_a_line(program: str, sweep: Sweep) -> None:
    for name in ("a", "b"):
        Path(f"{name}.yaml").write_text(name, encoding="utf-8")
    command = ("--script", program, "a.yaml", "b.yaml")
    assert sweep(*command).code == 0
    assert trained() == ["--config a.yaml", "--config b.yaml"]

    refused = {
        "configurations: a.yaml, b.yaml there, a.yaml, b.yaml, --x here": (*command, "--with", "--x"),
        "--repeat: 1 there, 2 here": (*command, "--repeat", "2"),
        "arguments: none there, --lr 1 here": (*command, "--", "--lr", "1"),
    }
    for words, changed in refused.items():
        ended = sweep(*changed)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == f"hooktrace: error: runs/sweep holds another sweep ({words}): choose another --name\n"
    Path("a.yaml").write_text("another", encoding="utf-8")
    ended = sweep(*command)
    assert ended.code == 1
    assert "a.yaml was changed since 1-a was trained under it: choose another --name" in ended.err
    assert len(trained()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "needs two configurations"),
        (("baseline",), "needs two configurations"),
        (("baseline", "nowhere"), "no configuration 'nowhere'"),
        (("baseline", "baseline"), "given twice"),
        (("--with", "'", "--with", ""), "No closing quotation"),
        (("--script", "none.py", "--with", "", "--with", "a"), "no such script: none.py"),
        (("baseline", "clip", "--repeat", "0"), "no number from 1"),
        (("baseline", "clip", "--name", "../x"), "is no name"),
        (("baseline", "clip", "--", "--trainer.default_root_dir", "x"), "is the run's directory"),
        (("baseline", "clip", "--baseline", "val4"), "--baseline 'val4' is none of baseline, clip"),
        (("baseline", "clip", "--epochs", "3"), "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], words: str, sweep: Sweep, tmp_path: Path) -> None:
    ended = sweep(*arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert words in ended.err
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_and_a_directory_of_something_else_are_refused(program: str, sweep: Sweep) -> None:
    command = ("--script", program, "--with", "", "--with", "x")
    Path("runs/sweep").mkdir(parents=True)
    with opened_sweep(Path("runs/sweep"), make_plan([program], [], [], ["", "x"], 1)):
        refused = sweep(*command)
        assert refused.code == 1 and "another process is at work on the sweep in runs/sweep" in refused.err
    Path("runs/sweep/sweep.json").write_text("[]", encoding="utf-8")
    refused = sweep(*command)
    assert refused.code == 1 and "sweep.json is damaged" in refused.err
    Path("runs/sweep/sweep.json").rename("runs/sweep/other.json")
    refused = sweep(*command)
    assert refused.code == 2 and "holds something else than a sweep" in refused.err
    assert not Path("order.txt").exists()


def test_a_training_that_outlived_its_sweep_is_waited_for(program: str, sweep: Sweep) -> None:
    command = ("--script", program, "--with", "", "--with", "x")
    Path("runs/sweep").mkdir(parents=True)
    with opened_sweep(Path("runs/sweep"), make_plan([program], [], [], ["", "x"], 1)) as begun:
        directory = begun.new_directory(0)
        begun.update(0, state="running", directory=directory.name)
        make_run(directory, state="running", until=50, host=socket.gethostname(), pid=os.getpid(), process_start=None)
    refused = sweep(*command)
    assert refused.code == 1 and f"(process {os.getpid()}) in 1-no-options" in refused.err
    make_run(directory, state="failed")
    assert sweep(*command).code == 0
    assert [job["directory"] for job in jobs()] == ["1.2-no-options", "2-x"]


def test_on_a_terminal_the_line_says_how_far_it_is(program: str) -> None:
    terminal = Terminal("sweep", "--script", program, "--with", "", "--with", "--wait-without stopped")
    terminal.wait_for("2/2  --wait-without stopped  starting")
    terminal.wait_for("2/2  --wait-without stopped  fit · train · epoch")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.wait_for("2/2  --wait-without stopped  interrupted after")
    assert terminal.wait_for_end() == 128 + signal.SIGTERM


def test_where_a_configuration_and_options_stand_among_the_arguments() -> None:
    plan = make_plan(["-m", "own.train"], ["fit", "--a", "1"], [], ["--b 2", "'c d'"], 1)
    config = replace(plan.variants[0], config="x.yaml")
    assert plan.arguments(config, Path("r")) == ["-m", "own.train", "fit", "--config", "x.yaml", "--a", "1", "--b", "2"]
    assert plan.arguments(plan.variants[1], Path("r")) == ["-m", "own.train", "fit", "--a", "1", "c d"]
    placed = make_plan(["t.py"], ["--out={dir}/x"], [], ["", "a"], 1)
    assert placed.arguments(placed.variants[0], Path("r")) == ["t.py", f"--out={Path('r').resolve()}/x"]
    demo = make_plan(DEMO, ["--data", "synthetic"], ["clip"], ["--model.lr 1"], 1)
    root = ["--trainer.default_root_dir", str(Path("r").resolve())]
    assert demo.arguments(demo.variants[0], Path("r")) == [*DEMO, "--config", "clip", "--data", "synthetic", *root]
    assert demo.arguments(demo.variants[1], Path("r")) == [*DEMO, "--data", "synthetic", "--model.lr", "1", *root]


def test_labels_tell_variants_apart() -> None:
    for path in ("a/x.yaml", "b/x.yaml", "y.yaml"):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).touch()
    plan = make_plan(["t.py"], [], ["a/x.yaml", "b/x.yaml", "y.yaml"], ["--lr 1e-3 --name 'a b'", "ö"], 2)
    assert [variant.label for variant in plan.variants][:3] == ["a/x.yaml", "b/x.yaml", "y"]
    assert [variant.slug for variant in plan.variants] == ["a-x.yaml", "b-x.yaml", "y", "lr-1e-3-name-a-b", "plain"]
    assert plan.turns()[:6] == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 1)]
    assert plan_from_json(json.loads(json.dumps(plan.as_json()))) == plan
    other = make_plan(["t.py"], [], ["a/x.yaml", "y.yaml"], ["z"], 1, "y")
    assert [variant.label for variant in other.variants] == ["y", "x", "z"]


def test_real_trainings_are_compared_with_the_first(sweep: Sweep) -> None:
    options = ("--", *TINY, "--trainer.max_epochs", "1")
    ended = hooktrace("sweep", "baseline", "accumulate4", "--name", "real", *options)

    assert (ended.returncode, ended.stderr) == (0, "")
    table = ended.stdout[ended.stdout.index("\nconfiguration") :]
    assert [line.split()[:2] for line in table.splitlines()[2:4]] == [["baseline", "1"], ["accumulate4", "1"]]
    assert "val_acc" in table
    assert "accumulate4    less often  optimizer_step, step, on_before_zero_grad" in table
    assert table.endswith("\nhooktrace compare runs/real/1-baseline runs/real/2-accumulate4\n")
    assert open_run(Path("runs/real/2-accumulate4")).info.trainer["accumulate_grad_batches"] == 4

    again = sweep("baseline", "accumulate4", "--name", "real", "--json", *options)
    rows = json.loads(again.out)["rows"]
    assert [row["label"] for row in rows] == ["baseline", "accumulate4"]
    assert set(rows[1]["fewer"]) >= {"optimizer_step", "optimizer_zero_grad"} and rows[0]["fewer"] == []
    assert again.err.startswith("sweep in runs/real: 2 configurations; 2 of 2 are done")
