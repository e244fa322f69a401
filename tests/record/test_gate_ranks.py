"""Two processes that train together are held up together, and end in the same batch."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.record.gating import Remote
from tracer import open_run
from tracer.record.patience import Patience
from tracer.record.stopping import DEAF, Stopper, refusal_for_ranks
from tracer.run.control import ControlPage, ControlViewer, Release, Reply, Request
from tracer.run.page import RankWords, open_ranks

ROOT = Path(__file__).parents[2]

TRAINING = """
import json, sys
from pathlib import Path
from tests.record.endless import many
from tests.record.models import Mixed, trainer
from tracer import HookTracer

class Long(Mixed):
    def train_dataloader(self):
        return many()

if __name__ == "__main__":
    run = trainer(Path(), [HookTracer("run")], strategy="ddp", devices=2, limit_train_batches=4000, max_epochs=2,
        accumulate_grad_batches=int(sys.argv[1]), log_every_n_steps=10**6)
    run.fit(Long())
    ended = {"step": run.global_step, "batches": run.fit_loop.epoch_loop.total_batch_idx + 1}
    Path(f"ended-{run.global_rank}.json").write_text(json.dumps(ended))
"""


@contextmanager
def _two_ranks(tmp_path: Path, accumulate: int) -> Iterator[Remote]:
    """A training of two processes while the block drives it; both have to end well."""
    (tmp_path / "train.py").write_text(TRAINING, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "train.py", str(accumulate)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    remote = Remote(tmp_path / "run")
    remote.going = lambda: process.poll() is None
    try:
        yield remote
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    finally:
        remote.viewer.release()
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_both_ranks_pause_and_stop_in_the_same_batch(accumulate: int, tmp_path: Path) -> None:
    with _two_ranks(tmp_path, accumulate) as remote:
        while remote.stop(Request.STEP_BATCH)["where"]["stage"] != "train":
            pass
        assert remote.sight()["ranks"] == remote.status.ranks == 2
        assert remote.stop(Request.STEP)["why"] == "step"
        remote.ask(Request.CONTINUE)
        assert remote.ask(Request.STOP) is Reply.STOPPING
    one, other = (json.loads((tmp_path / f"ended-{rank}.json").read_text()) for rank in (0, 1))
    assert one == other
    assert 0 < one["batches"] < 4000
    recorded = open_run(tmp_path / "run")
    assert recorded.state == "stopped"
    for rank in (0, 1):
        assert recorded.trace(rank).open_rows == ()


class DDPStrategy:
    """Only what is asked of a strategy: how long its ranks wait."""

    _timeout = timedelta(seconds=10)


class XLAStrategy:
    """None of which it is known that its ranks wait."""


def _trainer(**changes: Any) -> Any:
    """The attributes that are read of a trainer, for machines that no test has."""
    state = SimpleNamespace(fn="fit")
    usual = {"world_size": 2, "num_nodes": 1, "global_rank": 0, "strategy": DDPStrategy(), "accumulate_grad_batches": 1}
    return SimpleNamespace(state=state, should_stop=False, global_step=0, **(usual | changes))


@pytest.mark.parametrize(
    ("changes", "reply"),
    [
        ({}, Reply.NONE),
        ({"world_size": 1, "num_nodes": 1, "strategy": XLAStrategy()}, Reply.NONE),
        ({"num_nodes": 2}, Reply.SEVERAL_HOSTS),
        ({"world_size": 257}, Reply.TOO_MANY_RANKS),
        ({"strategy": XLAStrategy()}, Reply.STRATEGY),
    ],
)
def test_what_is_not_safe_is_refused(changes: dict[str, Any], reply: Reply) -> None:
    assert refusal_for_ranks(_trainer(**changes)) is reply


def _stoppers(tmp_path: Path) -> tuple[Stopper, Stopper, RankWords]:
    page = ControlPage(tmp_path, ranks=2)
    words = open_ranks(tmp_path)
    assert words is not None
    return Stopper(_trainer(), lambda: page.ranks), Stopper(_trainer(global_rank=1), lambda: words), words


def test_ranks_that_have_drifted_apart_stop_in_one_batch(tmp_path: Path) -> None:
    first, other, words = _stoppers(tmp_path)
    first.at_train_batch()
    for _ in range(5):
        other.at_train_batch()
    assert first.ask() is Reply.STOPPING
    assert words.stop_agreed == 6
    other.at_train_batch()
    assert (first.stopped, other.stopped) == (False, True)
    for _ in range(5):
        assert not first.stopped
        first.at_train_batch()
    assert first.stopped


def test_it_is_tried_again_until_every_rank_has_begun(tmp_path: Path) -> None:
    first, other, _ = _stoppers(tmp_path)
    first.at_train_batch()
    assert first.ask() is Reply.NONE
    other.at_train_batch()
    assert first.ask() is Reply.STOPPING


def test_a_rank_that_does_not_listen_makes_it_refuse(tmp_path: Path) -> None:
    first, other, words = _stoppers(tmp_path)
    for _ in range(4):
        first.at_train_batch()
    assert first.ask() is Reply.RANK_DEAF
    other.at_train_batch()
    other.leave()
    assert words.begun()[1] == DEAF
    assert first.ask() is Reply.RANK_DEAF


def test_the_other_ranks_are_not_kept_until_they_give_up(tmp_path: Path) -> None:
    page, viewer = ControlPage(tmp_path, ranks=2), ControlViewer(tmp_path)
    viewer.request(Request.PAUSE)
    run = _trainer()
    patience = Patience(run, page, clock=lambda: 0)
    assert (patience.over(), patience.left_ns) == (Release.NONE, 5_000_000_000)
    patience.spend(3_000_000_000)
    patience.spend(2_500_000_000)
    assert patience.left_ns < 0
    run.global_step = 1
    assert patience.left_ns == 5_000_000_000, "they have heard of each other since"
