"""The command line, from its arguments to the files that a run leaves."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.demo.conftest import FEW, QUICK, Demo

METRICS = {"train_loss_step", "train_loss_epoch", "val_loss", "val_acc", "test_loss", "test_acc"}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def checkpoint(root: Path) -> Path:
    """The only checkpoint of a run of one epoch."""
    (path,) = (root / "checkpoints").iterdir()
    return path


def weights(path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return state


def test_all_trains_tests_and_leaves_everything_in_one_directory(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "run"
    few = ("--trainer.max_epochs", "2", "--trainer.log_every_n_steps", "1")
    assert demo("all", *QUICK, *few, "--trainer.default_root_dir", str(root)) == 0
    log = rows(root / "metrics" / "metrics.csv")
    assert log[0].keys() >= METRICS
    assert all(any(row[name] for row in log) for name in METRICS)
    assert sum(bool(row["train_loss_step"]) for row in log) == 8  # 2 epochs of 4 batches
    assert sum(bool(row["val_acc"]) for row in log) == 2
    assert {path.name for path in root.iterdir()} == {"metrics", "tensorboard", "checkpoints", "config.yaml"}
    events = EventAccumulator(str(root / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) >= METRICS
    assert not (tmp_path / "lightning_logs").exists()
    assert "test_acc" in capsys.readouterr().out


def test_checkpoints_say_epoch_step_and_validation_in_their_names(demo: Demo, tmp_path: Path) -> None:
    few = ("--trainer.max_epochs", "4", "--trainer.limit_val_batches", "1")
    assert demo("fit", *QUICK, *few, "--trainer.default_root_dir", str(tmp_path)) == 0
    epochs = [row for row in rows(tmp_path / "metrics" / "metrics.csv") if row["val_loss"]]
    best = sorted(epochs, key=lambda row: float(row["val_loss"]))[:3]
    expected = {
        f"epoch={row['epoch']}-step={int(row['step']) + 1}"
        f"-val_loss={float(row['val_loss']):.4f}-val_acc={float(row['val_acc']):.4f}.ckpt"
        for row in best
    }
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == expected


def test_the_best_checkpoint_is_tested(demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ("--trainer.max_epochs", "2", "--model.lr", "0.01", "--trainer.limit_val_batches", "1")
    assert demo("all", *QUICK, *few, "--trainer.default_root_dir", str(tmp_path)) == 0
    best = min((tmp_path / "checkpoints").iterdir(), key=lambda path: float(path.name.split("val_loss=")[1][:6]))
    tested = rows(tmp_path / "metrics" / "metrics.csv")[-1]
    assert demo("test", *QUICK, "--ckpt_path", str(best), "--trainer.default_root_dir", str(tmp_path / "again")) == 0
    again = rows(tmp_path / "again" / "metrics" / "metrics.csv")[-1]
    assert again["test_loss"] == tested["test_loss"]


def test_the_same_seed_gives_the_same_weights_bit_for_bit(demo: Demo, tmp_path: Path) -> None:
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        root = str(tmp_path / name)
        assert demo("fit", *QUICK, *FEW, "--seed_everything", seed, "--trainer.default_root_dir", root) == 0
    a, b, c = (weights(checkpoint(tmp_path / name)) for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not any(torch.equal(a[name], c[name]) for name in a)


def test_recording_changes_no_weight(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo("fit", *QUICK, *FEW, "--trainer.default_root_dir", str(tmp_path / "traced")) == 0
    monkeypatch.setenv("HOOKTRACE_DISABLED", "1")
    assert demo("fit", *QUICK, *FEW, "--trainer.default_root_dir", str(tmp_path / "plain")) == 0
    assert not list((tmp_path / "plain").rglob("run.json"))
    traced, plain = (weights(checkpoint(tmp_path / name)) for name in ("traced", "plain"))
    assert all(torch.equal(traced[name], plain[name]) for name in plain)


def test_training_resumes_and_keeps_the_earlier_metrics(demo: Demo, tmp_path: Path) -> None:
    root = ("--trainer.default_root_dir", str(tmp_path))
    assert demo("fit", *QUICK, *FEW, *root) == 0
    first = checkpoint(tmp_path)
    assert demo("fit", *QUICK, *FEW, *root, "--trainer.max_epochs", "2", "--ckpt_path", str(first)) == 0
    assert {row["epoch"] for row in rows(tmp_path / "metrics-1" / "metrics.csv")} == {"0"}
    assert {row["epoch"] for row in rows(tmp_path / "metrics" / "metrics.csv")} == {"1"}
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2


def test_validate_and_predict_say_their_result(demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo("fit", *QUICK, *FEW, "--trainer.default_root_dir", str(tmp_path)) == 0
    trained = ("--ckpt_path", str(checkpoint(tmp_path)))
    assert demo("validate", *QUICK, *trained) == 0
    assert "val_acc" in capsys.readouterr().out
    assert demo("predict", *QUICK, *trained, "--trainer.enable_progress_bar", "false") == 0
    summary, read, there = capsys.readouterr().out.strip().splitlines()[-3:]
    assert summary.startswith("read 23 digits, ")  # two elevenths of 128
    assert len(read.split(":")[1].split()) == len(there.split(":")[1].split()) == 10


def test_every_run_without_a_directory_gets_a_fresh_one(demo: Demo, tmp_path: Path) -> None:
    for _ in range(2):
        assert demo("fit", *QUICK, *FEW, "--trainer.limit_train_batches", "1") == 0
    logs = tmp_path / "lightning_logs"
    assert sorted(path.name for path in logs.iterdir()) == ["version_0", "version_1"]
    assert {path.name for path in tmp_path.iterdir()} == {"lightning_logs"}
    assert (logs / "version_1" / "metrics" / "metrics.csv").is_file()


def test_a_saved_configuration_repeats_the_run(demo: Demo, tmp_path: Path) -> None:
    assert demo("fit", *QUICK, *FEW, "--config", "clip", "--model.lr", "0.01") == 0
    first = tmp_path / "lightning_logs" / "version_0"
    assert "gradient_clip_val: 0.5" in (first / "config.yaml").read_text()
    assert demo("fit", "--config", str(first / "config.yaml")) == 0
    second = tmp_path / "lightning_logs" / "version_1"
    assert checkpoint(second).name == checkpoint(first).name


@pytest.mark.parametrize(
    "options",
    [
        ("--trainer.fast_dev_run", "1"),
        ("--trainer.limit_val_batches", "0"),
        ("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
        ("--trainer.enable_checkpointing", "false", "--trainer.logger", "false"),
        ("--early_stopping.patience", "1", "--checkpoint.save_top_k", "1", "--progress_bar.refresh_rate", "1"),
    ],
    ids=lambda options: options[0],
)
def test_parts_of_the_trainer_can_be_switched(options: tuple[str, ...], demo: Demo) -> None:
    assert demo("all", *QUICK, *FEW, "--trainer.limit_train_batches", "1", *options) == 0


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 2, "subcommand"),
        (("train",), 2, "invalid choice: 'train'"),
        (("fit", "--nope", "1"), 2, "--nope"),
        (("fit", "--data", "letters"), 2, "'synthetic'"),
        (("fit", "--trainer.max_epochs", "many"), 2, "trainer.max_epochs"),
        (("fit", "--model.lr", "0"), 2, "lr must be greater than 0"),
        (("fit", "--num_workers", "-1"), 2, "num_workers must not be negative"),
        (("fit", *QUICK, "--trainer.default_root_dir", "text.ckpt"), 1, "text.ckpt"),
        (("fit", "--model.depth", "3"), 2, "Option 'depth' is not accepted"),
        (("fit", "--config", "nope"), 2, "one of accumulate4, baseline"),
        (("test", "--ckpt_path", "nope.ckpt"), 1, "no checkpoint nope.ckpt"),
        (("test", "--ckpt_path", "text.ckpt"), 1, "text.ckpt is not a checkpoint"),
        (("test", "--ckpt_path", "foreign.ckpt"), 1, "foreign.ckpt is a checkpoint of another network"),
        (("fit", *QUICK, "--trainer.devices", "0"), 1, "devices"),
        (("fit", *QUICK, "--trainer.val_check_interval", "99"), 1, "val_check_interval"),
        (("fit", "--config", "manual", "--trainer.gradient_clip_val", "1", *QUICK), 1, "manual optimization"),
        (("fit", "--data", "mnist", "--data_dir", "partial"), 1, "train-labels-idx1-ubyte is missing"),
    ],
)
def test_a_mistake_is_one_clear_line(
    args: tuple[str, ...], code: int, message: str, demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.ckpt").write_text("not a checkpoint")
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, tmp_path / "foreign.ckpt")
    raw = tmp_path / "partial" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    with (raw / "train-images-idx3-ubyte").open("wb") as file:
        file.write(bytes([0, 0, 8, 3, 0, 0, 234, 96, 0, 0, 0, 28, 0, 0, 0, 28]))
        file.truncate(47_040_016)
    assert demo(*args) == code
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]


def test_a_fault_in_the_program_is_not_hidden(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, stage: str) -> None:
        raise ValueError("a fault of the program")

    monkeypatch.setattr("demo_model.model.ConvNet.setup", broken)
    with pytest.raises(ValueError, match="a fault of the program"):
        demo("fit", *QUICK, *FEW)


def test_the_program_runs_quietly_from_a_shell(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    args = ("all", *QUICK, "--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "1")
    command = [sys.executable, "-W", "default", "-m", "demo_model", *args]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Seed set to 42" in done.stderr
    for noise in ("Warning", "deprecated", "Tip:", "bottleneck", "Traceback"):
        assert noise not in done.stderr
    assert (tmp_path / "lightning_logs" / "version_0" / "metrics" / "metrics.csv").is_file()


def test_a_mistake_in_a_shell_ends_with_its_code(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "demo_model", "fit", "--config", "nope"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no configuration 'nope'")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.soak
def test_synthetic_digits_are_learnt_in_one_epoch(demo: Demo, tmp_path: Path) -> None:
    few = ("--data", "synthetic", "--train_size", "10000", "--trainer.max_epochs", "1")
    assert demo("all", *few, "--trainer.default_root_dir", str(tmp_path)) == 0
    log = rows(tmp_path / "metrics" / "metrics.csv")
    assert max(float(row["val_acc"]) for row in log if row["val_acc"]) > 0.97
    assert float(log[-1]["test_acc"]) > 0.97


def test_synthetic_digits_are_learnt(demo: Demo, tmp_path: Path) -> None:
    few = ("--data", "synthetic", "--train_size", "1600", "--model.lr", "0.003", "--trainer.max_epochs", "1")
    assert demo("all", *few, "--trainer.default_root_dir", str(tmp_path)) == 0
    assert float(rows(tmp_path / "metrics" / "metrics.csv")[-1]["test_acc"]) > 0.7


@pytest.mark.mnist
@pytest.mark.soak
def test_mnist_is_learnt_in_one_epoch(demo: Demo, tmp_path: Path, mnist_dir: Path) -> None:
    few = ("--data", "mnist", "--data_dir", str(mnist_dir), "--trainer.max_epochs", "1")
    assert demo("all", *few, "--trainer.default_root_dir", str(tmp_path)) == 0
    log = rows(tmp_path / "metrics" / "metrics.csv")
    assert max(float(row["val_acc"]) for row in log if row["val_acc"]) > 0.97


@pytest.mark.mnist
def test_a_few_batches_of_mnist(demo: Demo, tmp_path: Path, mnist_dir: Path) -> None:
    few = (
        "--data",
        "auto",
        "--data_dir",
        str(mnist_dir),
        "--train_size",
        "1600",
        "--model.lr",
        "0.003",
        "--trainer.max_epochs",
        "1",
    )
    assert demo("all", *few, "--trainer.default_root_dir", str(tmp_path)) == 0
    assert float(rows(tmp_path / "metrics" / "metrics.csv")[-1]["test_acc"]) > 0.7
