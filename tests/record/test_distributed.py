"""Two processes that train together: each records a stream of its own, in one run that both find."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracer import Run, open_run
from tracer.run.layout import clock_name

ROOT = Path(__file__).parents[2]

TRAINING = """
import sys
from pathlib import Path
from tests.record.models import Mixed, Plain, trainer
from tracer import HookTracer

if __name__ == "__main__":
    way, strategy = sys.argv[1:]
    callbacks = [HookTracer("run")] if way == "callback" else []
    model = Mixed() if way == "mixin" else Plain()
    trainer(Path(), callbacks, strategy=strategy, devices=2).fit(model)
"""


def train(tmp_path: Path, arguments: list[str], **environment: str) -> None:
    """Trains in processes of its own: those that Lightning starts must find a main module that can be run again."""
    (tmp_path / "train.py").write_text(TRAINING, encoding="utf-8")
    command = [sys.executable, *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr


def assert_both_recorded(run: Run, with_mixin: bool = False) -> None:
    assert (run.state, run.ranks) == ("finished", (0, 1))
    for rank in run.ranks:
        trace = run.trace(rank)
        labels = [trace.actions[number].label for number in trace.action]
        assert trace.open_rows == ()
        assert labels.count("DDPStrategy.training_step") == labels.count("SGD.step") == 3
        assert (labels.count("Mixed.forward") > 3) == with_mixin
        assert labels[-1] in ("Plain.teardown", "Mixed.teardown")
    assert {*run.to_pandas(rank=1)["rank"]} == {1}
    one, other = (run.rank_info(rank) for rank in run.ranks)
    assert (one.state, other.state, other.present_state) == ("finished",) * 3
    assert (one.local_rank, other.local_rank, one.node_rank, other.node_rank) == (0, 1, 0, 0)
    assert one.host == other.host == run.info.host
    assert one.pid == run.info.pid != other.pid
    assert one.clock == other.clock == clock_name()
    assert one.base_ns is not None and other.base_ns is not None
    assert other.ended_at is not None and other.ended_at > other.started_at
    assert [run.trace(rank).started_at for rank in run.ranks] == [one.started_at, other.started_at]


def test_each_process_of_a_program_that_is_started_again_is_recorded(tmp_path: Path) -> None:
    train(tmp_path, ["-m", "tracer", "run", "--name", "both", "train.py", "none", "ddp"])

    (path,) = Path("runs").iterdir()
    assert_both_recorded(open_run(path))


def test_spawned_processes_record_with_a_tracer_that_was_pickled(tmp_path: Path) -> None:
    train(tmp_path, ["train.py", "callback", "ddp_spawn"])

    assert_both_recorded(open_run("run"))
    assert not Path("run-2").exists()


@pytest.mark.soak
def test_spawned_processes_record_with_the_mixin(tmp_path: Path) -> None:
    train(tmp_path, ["train.py", "mixin", "ddp_spawn"], HOOKTRACE_DIR="run")

    assert_both_recorded(open_run("run"), with_mixin=True)
