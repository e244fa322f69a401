"""Every span knows where the loop stood: against what Lightning hands to the hooks themselves."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, IterableDataset

from tests.record.models import Mixed, Plain, TwoLoaders, trainer
from tracer import HookTracer, open_run
from tracer.run.layout import STAGES


class Witness(Callback):
    """Notes where the loop stands as the trainer itself says it, in every hook that is given a batch index."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def _note(self, trainer: Trainer, hook: str, batch: int, loader: int | None) -> None:
        stage = trainer.state.stage
        epoch = trainer.current_epoch if trainer.state.fn == "fit" and not trainer.sanity_checking else None
        step = trainer.global_step if trainer.state.fn == "fit" else None
        self.seen.append((hook, stage and stage.value, epoch, batch, step, loader))

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._note(trainer, "on_train_batch_start", batch_idx, None)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._note(trainer, "on_train_batch_end", batch_idx, None)

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._note(trainer, "on_validation_batch_start", batch_idx, dataloader_idx)

    def on_test_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._note(trainer, "on_test_batch_end", batch_idx, dataloader_idx)

    def on_predict_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._note(trainer, "on_predict_batch_start", batch_idx, dataloader_idx)


def _recorded(path: Path) -> list[tuple[Any, ...]]:
    table = open_run(path).to_pandas()
    hooks = [name for name in vars(Witness) if name.startswith("on_")]
    rows = table[(table["owner"] == "Witness") & table["hook"].isin(hooks)]
    columns = rows[["hook", "stage", "epoch", "batch", "global_step", "dataloader"]].astype(object)
    return [tuple(row) for row in columns.where(columns.notna(), None).itertuples(index=False)]


class Endless(IterableDataset[Any]):
    """Five batches, but nobody knows beforehand."""

    def __iter__(self) -> Any:
        import torch

        return iter(torch.randn(5, 32))


class Unsized(Plain):
    """Trains on a dataloader without a length."""

    def train_dataloader(self) -> Any:
        return DataLoader(Endless())


CONFIGS: dict[str, tuple[type[Plain], dict[str, Any]]] = {
    "plain": (Plain, {"max_epochs": 2}),
    "no sanity check": (Mixed, {"num_sanity_val_steps": 0}),
    "several loaders": (TwoLoaders, {"max_epochs": 2, "limit_val_batches": 1.0}),
    "validates within the epoch": (Plain, {"val_check_interval": 2, "limit_train_batches": 5}),
    "accumulates": (Mixed, {"accumulate_grad_batches": 2, "max_epochs": 2, "limit_train_batches": 5}),
    "no length": (Unsized, {"limit_train_batches": 1.0, "max_epochs": 2}),
}


@pytest.mark.parametrize("config", CONFIGS)
def test_equals_what_the_hooks_are_told(config: str, tmp_path: Path) -> None:
    make, options = CONFIGS[config]
    witness = Witness()
    run = trainer(tmp_path, [witness, HookTracer(tmp_path / "run")], **options)
    model = make()
    run.fit(model)
    run.test(model, verbose=False)
    run.predict(model)
    assert _recorded(tmp_path / "run") == witness.seen


def test_resumed_within_an_epoch(tmp_path: Path) -> None:
    checkpoints = ModelCheckpoint(tmp_path / "ckpt", every_n_train_steps=2, save_top_k=-1, filename="{step}")
    trainer(tmp_path, [checkpoints], limit_train_batches=5).fit(Plain())
    witness = Witness()
    run = trainer(tmp_path, [witness, HookTracer(tmp_path / "run")], limit_train_batches=5, max_epochs=2)
    run.fit(Plain(), ckpt_path=tmp_path / "ckpt" / "step=2.ckpt")
    assert _recorded(tmp_path / "run") == witness.seen
    assert ("on_train_batch_start", "train", 0, 2, 2, None) in witness.seen


def test_fetch_and_transfer_belong_to_their_batch(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run")], max_epochs=2).fit(Plain())
    table = open_run(tmp_path / "run").to_pandas()
    training = table[(table["stage"] == "train") & table["batch"].notna()]
    starts = training.groupby(["epoch", "batch"], observed=True).first()
    assert list(starts["hook"]) == ["train_dataloader_next"] * 6
    assert list(starts.index) == [(epoch, batch) for epoch in range(2) for batch in range(3)]


def test_between_batches_there_is_no_batch(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run")], max_epochs=2).fit(Plain())
    table = open_run(tmp_path / "run").to_pandas()
    by_hook = {str(hook): rows for hook, rows in table.groupby("hook", observed=True)}
    for hook in ("on_train_epoch_start", "run_training_epoch", "on_train_epoch_end", "on_validation_epoch_end"):
        assert by_hook[hook]["batch"].isna().all(), hook
    assert by_hook["run_training_epoch"]["epoch"].tolist() == [0, 1]
    for hook in ("on_fit_start", "on_train_start", "on_train_end", "on_fit_end", "teardown"):
        assert by_hook[hook]["epoch"].isna().all(), hook
    sanity = table[table["stage"] == "sanity_check"]
    assert sanity["epoch"].isna().all()
    assert pd.unique(sanity["batch"].dropna()).tolist() == [0, 1]


def test_planned_batches(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Plain())
    contexts = open_run(tmp_path / "run").trace().contexts
    planned = {(int(stage), int(number)) for stage, number in zip(contexts.stage, contexts.planned, strict=True)}
    assert {(0, 2), (1, 3), (2, 2)} <= planned


def test_planned_batches_are_the_training_loops_again_after_a_validation(tmp_path: Path) -> None:
    options = {"val_check_interval": 2, "limit_train_batches": 6, "limit_val_batches": 1, "num_sanity_val_steps": 0}
    trainer(tmp_path, [HookTracer(tmp_path / "run")], **options).fit(Plain())
    contexts = open_run(tmp_path / "run").trace().contexts
    for stage, planned in (("train", 6), ("validate", 1)):
        batches = (contexts.stage == STAGES.index(stage)) & (contexts.batch >= 0)
        assert set(contexts.planned[batches].tolist()) == {planned}
