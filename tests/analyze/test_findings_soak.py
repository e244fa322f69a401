"""Findings at full length: real trainings of every configuration of the demo have none, and size costs only seconds."""

import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generate import generate_run
from demo_model.named_configs import named_configs
from tests.analyze.simulated import simulate
from tests.demo.conftest import Demo, demo
from tests.run.test_cache import traced
from tracer import open_run
from tracer.analyze.findings import findings

__all__ = ["demo"]
pytestmark = pytest.mark.soak


@pytest.mark.parametrize("config", sorted(named_configs()))
def test_no_configuration_of_the_demo_has_any(
    demo: Demo, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKTRACE_DIR", str(tmp_path / "run"))
    options = ("--data", "synthetic", "--train_size", "4000", "--trainer.max_epochs", "3")
    assert demo("all", "--config", config, *options) == 0

    run = open_run(tmp_path / "run")

    assert findings(run.trace(), run.info) == ()


@pytest.mark.parametrize(
    "costs",
    [
        {"epochs": 1, "batches": 700, "val_batches": 50},
        {"epochs": 20, "batches": 40, "val_batches": 5},
        {"training_step": 60, "backward": 50, "epochs": 2, "batches": 120},
        {"training_step": 0.5, "backward": 0.5, "step": 0.2, "train_dataloader_next": 0.1, "gap": 0.08, "batches": 600},
    ],
)
def test_jitter_alone_is_no_finding_whatever_the_seed(costs: dict[str, Any]) -> None:
    for seed in range(100):
        assert findings(*simulate(seed=seed, **costs)) == ()


def test_ten_million_calls_are_searched_in_seconds(tmp_path: Path) -> None:
    generate_run(tmp_path / "run", 10_000_000)
    run = open_run(tmp_path / "run")
    trace, info = traced(run), run.info
    began = time.perf_counter()

    assert findings(trace, info) == ()

    assert time.perf_counter() - began < 20
