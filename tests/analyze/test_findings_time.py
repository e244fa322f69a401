"""Findings about times: on simulated trainings with one effect, of a known size, and on many without any."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.simulated import Effect, parse_info, simulate
from tests.analyze.streams import ACTIONS, streams, taken_in
from tests.builders import run_json
from tracer.analyze.findings import Finding, findings
from tracer.analyze.findings_text import finding_lines, findings_json
from tracer.run.events import Action, Int64Array
from tracer.run.trace import Trace


def found(*args: Any, **options: Any) -> dict[str, Finding]:
    all_of_them = findings(*simulate(*args, **options))
    assert len({(finding.id, finding.hooks) for finding in all_of_them}) == len(all_of_them)
    return {finding.id: finding for finding in all_of_them}


def _self_ns(trace: Trace, hook: str) -> Any:
    number = next(action.id for action in trace.actions if action.hook == hook)
    return trace.self_ns[trace.action == number]


def slower(label: str, times: float, since: int = 0, until: int = 1 << 30) -> Effect:
    return lambda name, epoch, batch: times if name.endswith(label) and since <= batch < until else 1.0


@pytest.mark.parametrize("seed", range(25))
def test_jitter_alone_is_no_finding(seed: int) -> None:
    assert found(seed=seed) == {}


@pytest.mark.parametrize("seed", range(5))
def test_long_trainings_without_an_effect(seed: int) -> None:
    assert found(seed=100 + seed, epochs=12, batches=300, val_batches=5) == {}


def test_pauses_never_count() -> None:
    assert found(pause_ns=60 * 10**9) == {}
    waiting = found(pause_ns=60 * 10**9, train_dataloader_next=12)["loader-wait"]
    assert waiting.share == pytest.approx(found(train_dataloader_next=12)["loader-wait"].share)


@pytest.mark.parametrize("seed", range(5))
def test_waiting_for_data(seed: int) -> None:
    only = found(seed=seed, train_dataloader_next=12)

    assert set(only) == {"loader-wait"}
    finding = only["loader-wait"]
    assert finding.hooks == ("_TrainingEpochLoop.train_dataloader_next",)
    assert finding.share == pytest.approx(12 / 31, rel=0.1)
    assert finding.time_ns == pytest.approx(12e6 * 600 * np.exp(0.25**2 / 2), rel=0.3)


def test_one_callback_dominates() -> None:
    only = found(**{"Printing.on_train_batch_end": 8})

    assert set(only) == {"callback-dominates"}
    assert only["callback-dominates"].hooks[0] == "Printing.on_train_batch_end"
    assert only["callback-dominates"].title.startswith("Printing takes ")
    assert only["callback-dominates"].share == pytest.approx(8 / 27.6, rel=0.15)


def test_checkpoints_that_take_long() -> None:
    only = found(save_checkpoint=1500)

    assert set(only) == {"checkpointing", "between-epochs"}
    assert only["between-epochs"].next_step == "look at save_checkpoint"
    assert only["checkpointing"].hooks == ("save_checkpoint",)
    assert "4 checkpoints" in only["checkpointing"].evidence[1]


def test_a_progress_bar_that_takes_long() -> None:
    assert set(found(**{"TQDMProgressBar.on_train_batch_end": 5})) == {"progress-bar"}


def test_loggers_that_write_for_long() -> None:
    def writing(label: str, epoch: int, batch: int) -> float:
        return 400.0 if label == ".gap" and batch % 10 == 0 else 1.0

    only = found(writing)

    assert set(only) == {"logging"}
    assert only["logging"].sure == "likely"
    assert only["logging"].share == pytest.approx(12 / 31.5, rel=0.25)
    assert found(writing, trainer={"logger": []}) == {}


def test_validation_longer_than_training() -> None:
    trace, info = simulate(val_batches=20, validation_step=200)

    (finding,) = findings(trace, info)

    assert finding.id == "long-validation"
    assert finding.time_ns == pytest.approx(_self_ns(trace, "validation_step").sum(), rel=0.02)


def test_time_between_epochs_in_no_call() -> None:
    only = found(between=3000)

    assert set(only) == {"between-epochs"}
    assert "persistent_workers" in only["between-epochs"].next_step
    assert only["between-epochs"].time_ns == pytest.approx(9e9, rel=0.5)


def test_what_lies_between_two_fits_is_not_between_epochs() -> None:
    assert found(fits=2, between_fits=20_000) == {}


def test_time_between_epochs_in_a_hook() -> None:
    finding = found(**{"Printing.on_train_epoch_end": 3000})["between-epochs"]

    assert finding.hooks[0] == "Printing.on_train_epoch_end"
    assert finding.next_step == "look at Printing.on_train_epoch_end"


def test_slow_first_batches_are_warm_up() -> None:
    only = found(slower("training_step", 200, until=2))

    assert set(only) == {"warm-up"}
    assert only["warm-up"].title.startswith("warm-up: the first 2 batches took")
    assert only["warm-up"].time_ns == pytest.approx(2 * 199 * 9e6, rel=0.5)


@pytest.mark.parametrize("seed", range(8))
def test_a_hook_that_gets_slower_at_once(seed: int) -> None:
    trace, info = simulate(slower("training_step", 2.5, since=330), seed=seed)

    (finding,) = findings(trace, info)

    assert finding.id == "drift"
    assert finding.hooks == ("SingleDeviceStrategy.training_step",)
    assert finding.title.startswith("SingleDeviceStrategy.training_step takes 2.")
    assert "epoch 2, batch" in finding.title
    assert abs(int(finding.title.split("batch ")[1].split()[0]) - 30) <= 20
    assert finding.time_ns == pytest.approx(0.6 * _self_ns(trace, "training_step")[330:].sum(), rel=0.25)


@pytest.mark.parametrize("seed", range(4))
def test_a_hook_that_gets_slower_and_slower(seed: int) -> None:
    def growing(label: str, epoch: int, batch: int) -> float:
        return 1 + batch if label == "Printing.on_train_batch_end" else 1.0

    finding = found(growing, seed=seed)["drift"]

    assert finding.hooks == ("Printing.on_train_batch_end",)
    assert "slower and slower" in finding.title


def test_a_hook_of_epochs_that_gets_slower() -> None:
    def growing(label: str, epoch: int, batch: int) -> float:
        return 1 + epoch**2 if label == "Printing.on_train_epoch_end" else 1.0

    only = found(growing, epochs=40, batches=30, val_batches=2, **{"Printing.on_train_epoch_end": 3})

    assert only["drift"].hooks == ("Printing.on_train_epoch_end",)


def test_a_slow_phase_that_passes_is_no_drift() -> None:
    assert "drift" not in found(slower("training_step", 3, since=150, until=350))


def test_a_machine_that_gets_slower_is_not_blamed_on_a_hook() -> None:
    only = found(slower("", 3, since=300))

    assert set(only) == {"slower-run"}
    assert only["slower-run"].title.startswith("everything takes ")


def test_lines_and_json() -> None:
    trace, info = simulate(train_dataloader_next=12)
    told = findings(trace, info)

    lines = finding_lines(told, 60)

    assert lines[0].startswith("! training waits for data ")
    assert all(len(line) <= 60 for line in lines)
    assert lines[-2].startswith("    > give the DataLoader")
    assert findings_json(told)["findings"][0]["id"] == "loader-wait"
    assert finding_lines(()) == []


STREAM_INFO: dict[str, Any] = {
    "owners": [
        {
            "kind": "module",
            "class": "Owner1",
            "overrides": {"hook1": {}, "optimizer_step": {}},
            "others": {"on_x": None},
        },
        {"kind": "callback", "class": "Owner0", "overrides": {"on_validation_end": {}}},
    ],
    "hooks": {"module": ["hook1"]},
    "calls": [{"function": "fit", "started_ns": 0, "ended_ns": 9, "state": "finished"}],
}
NAMED = tuple(
    replace(action, owner_kind=kind, owner=owner, hook=hook)
    for action, (kind, owner, hook) in zip(
        ACTIONS,
        (
            ("loop", "", "run_training_epoch"),
            ("loop", "", "run_training_batch"),
            ("module", "Owner1", "on_train_batch_end"),
            ("loop", "_TrainingEpochLoop", "train_dataloader_next"),
            ("module", "Owner1", "on_validation_epoch_end"),
            ("module", "Owner1", "on_validation_start"),
        ),
        strict=True,
    )
)


@given(streams(), st.sampled_from([ACTIONS, NAMED]))
def test_any_stream_can_be_looked_at(events: Int64Array, actions: tuple[Action, ...]) -> None:
    trace, _ = taken_in(events, actions)

    told = findings(trace, parse_info(run_json(**STREAM_INFO)))

    assert {finding.id for finding in told} <= {"never-called", "not-a-hook", "unpaired", "default-left-out"}
