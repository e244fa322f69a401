"""A training on two hosts, as launchers start it: each process is told by its environment who it is and where to meet.

Both processes run on one machine, in directories of their own, under the names that the launchers use.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tracer import open_run
from tracer.run.join import join

ROOT = Path(__file__).parents[2]

TRAINING = """
from pathlib import Path
from tests.record.models import Plain, trainer
from tracer import HookTracer

if __name__ == "__main__":
    trainer(Path(), [HookTracer("run")], strategy="ddp", devices=1, num_nodes=2).fit(Plain())
"""


def free_port() -> str:
    """A port that nobody listens on at this moment; the system gives it to no one else for a while."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def torchrun(rank: int, port: str) -> dict[str, str]:
    """What torchrun sets (lightning/fabric/plugins/environments/torchelastic.py)."""
    return {
        "TORCHELASTIC_RUN_ID": "none",
        "RANK": str(rank),
        "GROUP_RANK": str(rank),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }


def slurm(rank: int, port: str) -> dict[str, str]:
    """What `srun` sets (lightning/fabric/plugins/environments/slurm.py)."""
    return {
        "SLURM_JOB_ID": "77",
        "SLURM_JOB_NAME": "train",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_NNODES": "2",
        "SLURM_STEP_ID": "0",
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": str(rank),
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }


@pytest.mark.parametrize("launcher", [torchrun, pytest.param(slurm, marks=pytest.mark.soak)])
def test_each_host_records_its_ranks_and_the_parts_make_one_run(
    launcher: Callable[[int, str], dict[str, str]], tmp_path: Path
) -> None:
    port, processes = free_port(), []
    for rank in (0, 1):
        host = tmp_path / f"host{rank}"
        host.mkdir()
        (host / "train.py").write_text(TRAINING, encoding="utf-8")
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | launcher(rank, port)
        processes.append(
            subprocess.Popen(
                [sys.executable, "train.py"], cwd=host, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        )
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()

    assert join([tmp_path / "host0" / "run", tmp_path / "host1" / "run"], tmp_path / "both") == (0, 1)
    run = open_run(tmp_path / "both")
    about = [run.rank_info(rank) for rank in run.ranks]
    assert [(one.node_rank, one.local_rank, one.state) for one in about] == [(0, 0, "finished"), (1, 0, "finished")]
    assert {len(run.trace(rank)) for rank in run.ranks} == {len(run.trace(0))}
    assert run.info.world_size == 2
