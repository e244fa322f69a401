"""A training of two real processes that has everything wrong: one rank is late, then they hang, then one is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tracer import Run, open_run
from tracer.cli import main
from tracer.errors import HooktraceError

ROOT = Path(__file__).parents[2]
BATCHES = 12
SLEEP_MS = 20
_DEADLINE_S = 60.0

TRAINING = f"""
import json, time
from pathlib import Path
import torch
from tests.record.models import Plain, trainer
from tracer import HookTracer

took_ns = []

class Unequal(Plain):
    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.randn(400, 32), batch_size=2)

    def on_before_batch_transfer(self, batch, dataloader_idx):
        if self.trainer.global_rank == 1 and self.trainer.training:
            begun_ns = time.perf_counter_ns()
            time.sleep({SLEEP_MS / 1000})
            took_ns.append(time.perf_counter_ns() - begun_ns)
        return batch

    def on_before_zero_grad(self, optimizer):
        if self.global_step == {BATCHES}:
            if self.trainer.global_rank == 0:
                self.all_gather(torch.ones(1))  # nobody else comes to this exchange
            else:
                Path("took.json").write_text(json.dumps(took_ns[:{BATCHES}]))
                time.sleep(600)

if __name__ == "__main__":
    trainer(Path(), [HookTracer("run")], strategy="ddp", devices=2, limit_train_batches=200).fit(Unequal())
"""


@contextmanager
def _training(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "train.py").write_text(TRAINING, encoding="utf-8")
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "train.py"], env=variables, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _until(reached: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        try:
            found = reached()
        except HooktraceError:
            found = None
        if found:
            return found
        time.sleep(0.05)
    pytest.fail("this never happened")


def _told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["ranks", "run", "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def _stands_in(run: Run, rank: int) -> str:
    trace = run.trace(rank)
    return trace.span(trace.open_rows[-1]).action.label if trace.open_rows else ""


def test_the_late_rank_the_hang_and_the_dead_rank_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hook = "Unequal.on_before_zero_grad"
    with _training(tmp_path):
        run = _until(lambda: open_run("run") if (tmp_path / "took.json").exists() else None)
        _until(lambda: all(_stands_in(run, rank) == hook for rank in (0, 1)))
        took_ns = json.loads((tmp_path / "took.json").read_text())

        hanging = _told(capsys)
        late = hanging["late"][0]
        assert (late["rank"], late["label"], late["stage"]) == (1, "Unequal.on_before_batch_transfer", "train")
        assert late["mean_ns"] == pytest.approx(sum(took_ns) / len(took_ns), rel=0.1)
        assert "straggling-rank" in [finding["id"] for finding in hanging["findings"]]
        assert [rank["open"][-1] for rank in hanging["ranks"]] == [hook, hook]
        assert [rank["clock_offset"]["how"] for rank in hanging["ranks"]] == ["same clock"] * 2

        os.kill(run.rank_info(1).pid, signal.SIGKILL)
        _until(lambda: run.rank_info(1).present_state == "died")
        dead = next(one for one in _told(capsys)["findings"] if one["id"] == "rank-died")
        assert dead["title"] == f"rank 1 died in {hook}"

    assert main(["ranks", "run"]) == 0
    told = capsys.readouterr().out
    assert f"the last call that all ranks have made: {hook} (train, epoch 0, batch {BATCHES})" in told
    assert [len(run.trace(rank).open_rows) > 0 for rank in (0, 1)] == [True, True]
