"""Every span knows where the loop stood: against what Lightning hands to the hooks themselves."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder, ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel, RandomDataset
from lightning.pytorch.utilities import CombinedLoader
from torch.utils.data import DataLoader, IterableDataset

from tests.record.models import Mixed, Plain, TwoLoaders, trainer
from tracer import HookTracer, HookTracerMixin, open_run
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

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        self._note(trainer, "on_before_optimizer_step", trainer.fit_loop.epoch_loop.batch_idx, None)

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        self._note(trainer, "on_before_backward", trainer.fit_loop.epoch_loop.batch_idx, None)

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        loader = None if isinstance(pl_module, Together) else dataloader_idx
        self._note(trainer, "on_validation_batch_start", batch_idx, loader)

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
    """A few batches, but nobody knows beforehand how many."""

    def __init__(self, batches: int = 5) -> None:
        self.batches = batches

    def __iter__(self) -> Any:
        return iter(torch.randn(self.batches, 32))


class Lying(Endless):
    """Says that there are more batches than there are."""

    def __len__(self) -> int:
        return self.batches + 1


class Unsized(Plain):
    """Trains on a dataloader without a length."""

    def train_dataloader(self) -> Any:
        return DataLoader(Endless())


class UnsizedLoaders(TwoLoaders):
    """Validates, tests and predicts on several, of which one has no length."""

    def val_dataloader(self) -> Any:
        return [DataLoader(Endless(2)), DataLoader(RandomDataset(32, 3)), DataLoader(Endless(1))]

    test_dataloader = predict_dataloader = val_dataloader

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
        return super().test_step(batch, batch_idx)

    def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
        return self(batch)


class LyingLoaders(UnsizedLoaders):
    """The loaders end earlier than they say."""

    def val_dataloader(self) -> Any:
        return [DataLoader(Lying(2)), DataLoader(Lying(3))]

    test_dataloader = predict_dataloader = val_dataloader


class Iterating(Plain):
    """Its steps fetch for themselves."""

    def training_step(self, dataloader_iter: Any) -> Any:  # type: ignore[override]
        return {"loss": self.step(next(dataloader_iter)[0])}

    def validation_step(self, dataloader_iter: Any) -> Any:  # type: ignore[override]
        return {"x": self.step(next(dataloader_iter)[0])}


class Together(Plain):
    """Validates on two loaders at once."""

    def val_dataloader(self) -> Any:
        loaders = [DataLoader(RandomDataset(32, length)) for length in (2, 3)]
        return CombinedLoader(loaders, "max_size")

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        return super().validation_step(next(part for part in batch if part is not None), batch_idx)


class Alternating(BoringModel):
    """Steps two optimizers in one step, as a GAN does."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            self.toggle_optimizer(optimizer)
            self.manual_backward(self.step(batch))
            optimizer.step()
            self.untoggle_optimizer(optimizer)

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(self.layer.parameters(), lr=0.1) for _ in range(2)]


class AlternatingMixed(HookTracerMixin, Alternating):
    """The same with the mixin."""


class Searching(Plain):
    """LBFGS evaluates its closure several times a step."""

    def configure_optimizers(self) -> Any:
        return torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=3)


class Refusing(Plain):
    """Ends each epoch at its second batch."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        return -1 if batch_idx == 1 else None


class Waiting(Plain):
    """Has a scheduler that waits for the loss of the validation, within the epoch."""

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("waited_for", self.step(batch))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        config = {"scheduler": scheduler, "monitor": "waited_for", "interval": "step", "frequency": 2}
        return {"optimizer": optimizer, "lr_scheduler": config}


ALL = dict.fromkeys(("limit_val_batches", "limit_test_batches", "limit_predict_batches"), 1.0)
CONFIGS: dict[str, tuple[type[BoringModel], dict[str, Any]]] = {
    "plain": (Plain, {"max_epochs": 2}),
    "no sanity check": (Mixed, {"num_sanity_val_steps": 0}),
    "several loaders": (TwoLoaders, {"max_epochs": 2, "limit_val_batches": 1.0}),
    "validates within the epoch": (Plain, {"val_check_interval": 2, "limit_train_batches": 5}),
    "accumulates": (Mixed, {"accumulate_grad_batches": 2, "max_epochs": 2, "limit_train_batches": 5}),
    "no length": (Unsized, {"limit_train_batches": 1.0, "max_epochs": 2}),
    "several loaders, no length": (UnsizedLoaders, {"max_epochs": 2} | ALL),
    "several loaders, one batch of each": (UnsizedLoaders, {"limit_val_batches": 1, "limit_test_batches": 1}),
    "loaders that lie": (LyingLoaders, ALL),
    "loaders at once": (Together, {"max_epochs": 2} | ALL),
    "two steps a batch": (Alternating, {"max_epochs": 2}),
    "two steps a batch, with the mixin": (AlternatingMixed, {"max_epochs": 2}),
    "closure called again": (Searching, {}),
    "ends the epoch itself": (Refusing, {"max_epochs": 2}),
    "ends within the epoch": (Plain, {"max_epochs": -1, "max_steps": 4}),
    "no validation": (Plain, {"limit_val_batches": 0}),
    "loaders made anew": (Plain, {"reload_dataloaders_every_n_epochs": 1, "max_epochs": 2}),
    "validates across epochs": (
        Plain,
        {"val_check_interval": 2, "check_val_every_n_epoch": None, "max_epochs": 2, "limit_train_batches": 3},
    ),
    "waits for validation": (Waiting, {"val_check_interval": 2, "limit_train_batches": 4}),
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


@pytest.mark.parametrize(
    ("saved", "first"),
    [
        ({"every_n_train_steps": 2, "save_top_k": -1}, ("on_train_batch_start", "train", 0, 2, 2, None)),
        ({"every_n_epochs": 1, "save_on_train_epoch_end": True}, ("on_train_batch_start", "train", 1, 0, 5, None)),
        ({"every_n_epochs": 1, "save_on_train_epoch_end": False}, ("on_train_batch_start", "train", 1, 0, 5, None)),
    ],
    ids=["within an epoch", "at its end", "after its validation"],
)
def test_resumed(saved: dict[str, Any], first: tuple[Any, ...], tmp_path: Path) -> None:
    checkpoints = ModelCheckpoint(tmp_path / "ckpt", filename="{step}", **saved)
    trainer(tmp_path, [checkpoints], limit_train_batches=5).fit(Plain())
    witness = Witness()
    run = trainer(tmp_path, [witness, HookTracer(tmp_path / "run")], limit_train_batches=5, max_epochs=2)
    run.fit(Plain(), ckpt_path=tmp_path / "ckpt" / f"step={first[4]}.ckpt")
    assert _recorded(tmp_path / "run") == witness.seen
    assert next(seen for seen in witness.seen if seen[0] == "on_train_batch_start") == first


def test_one_trainer_again_and_again(tmp_path: Path) -> None:
    witness = Witness()
    run, model = trainer(tmp_path, [witness, HookTracer(tmp_path / "run")]), Plain()
    run.validate(model, verbose=False)
    for epochs in (1, 3):
        run.fit_loop.max_epochs = epochs
        run.fit(model)
        run.test(model, verbose=False)
    run.validate(TwoLoaders(), verbose=False)
    assert _recorded(tmp_path / "run") == witness.seen
    assert [seen[2] for seen in witness.seen if seen[0] == "on_train_batch_start" and seen[3] == 0] == [0, 1, 2]


class Stages(Callback):
    """Notes the stage in each of its hooks."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None]] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("on_") or name.endswith("_checkpoint"):
            return found

        def note(trainer: Any, *args: Any) -> None:
            self.seen.append((name, trainer.state.stage and trainer.state.stage.value))

        return note


def test_stage_in_every_hook(tmp_path: Path) -> None:
    witness = Stages()
    options = {"val_check_interval": 2, "max_epochs": 2, "check_val_every_n_epoch": 1}
    run = trainer(tmp_path, [witness, HookTracer(tmp_path / "run")], **options)
    for function in (run.fit, run.validate, run.test, run.predict):
        function(Plain())
    table = open_run(tmp_path / "run").to_pandas()
    rows = table[(table["owner"] == "Stages") & table["hook"].str.startswith("on_")]
    rows = rows[~rows["hook"].str.endswith("_checkpoint")]
    assert [tuple(row) for row in rows[["hook", "stage"]].astype(object).itertuples(index=False)] == witness.seen


class Noting(Plain):
    """A module that notes where it is: callbacks are put aside while a learning rate is searched."""

    def __init__(self) -> None:
        super().__init__()
        self.lr = 0.1
        self.seen: list[tuple[Any, ...]] = []

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.seen.append((self.trainer.current_epoch, batch_idx, self.trainer.global_step))


def test_search_of_a_learning_rate_within_a_hook(tmp_path: Path) -> None:
    model = Noting()
    searching = LearningRateFinder(num_training_steps=5, early_stop_threshold=None)
    run = trainer(tmp_path, [searching, HookTracer(tmp_path / "run")], limit_train_batches=3, max_epochs=2)
    run.fit(model)
    table = open_run(tmp_path / "run").to_pandas()
    rows = table[(table["owner"] == "Noting") & (table["hook"] == "on_train_batch_end")]
    assert [tuple(row) for row in rows[["epoch", "batch", "global_step"]].itertuples(index=False)] == model.seen
    # Before 2.6 the search left the loader where it had stopped, and Lightning trained on less than two whole epochs.
    assert len(model.seen) == 5 + run.global_step
    assert run.current_epoch == 2
    after = table[table["hook"] == "on_fit_start"].iloc[-1]
    assert (after["owner"], after["global_step"]) == ("Noting", 0)
    assert pd.isna(after["epoch"])


def test_search_of_a_batch_size(tmp_path: Path) -> None:
    class Sized(Noting):
        batch_size = 2

        def train_dataloader(self) -> Any:
            return DataLoader(RandomDataset(32, 64), batch_size=self.batch_size)

    model = Sized()
    scaler = BatchSizeFinder(steps_per_trial=2, max_trials=2, init_val=2)
    trainer(tmp_path, [scaler, HookTracer(tmp_path / "run")]).fit(model)
    table = open_run(tmp_path / "run").to_pandas()
    rows = table[(table["owner"] == "Sized") & (table["hook"] == "on_train_batch_end")]
    assert [tuple(row) for row in rows[["epoch", "batch", "global_step"]].itertuples(index=False)] == model.seen
    assert len(model.seen) == 2 * 2 + 3


def test_steps_that_fetch_for_themselves(tmp_path: Path) -> None:
    options = {"max_epochs": 2, "val_check_interval": 2, "limit_train_batches": 4}
    trainer(tmp_path, [Stages(), HookTracer(tmp_path / "run")], **options).fit(Iterating())
    table = open_run(tmp_path / "run").to_pandas()
    for stage, name, rounds, count in (
        ("train", "train", 2, 4),
        ("validate", "validation", 4, 2),
        ("sanity_check", "validation", 1, 2),
    ):
        rows = table[table["stage"] == stage]
        fetch = "train_dataloader_next" if stage == "train" else "val_next"
        step = "training_step" if stage == "train" else "validation_step"
        for hook in (f"on_{name}_batch_start", step, fetch, f"on_{name}_batch_end"):
            calls = rows[(rows["hook"] == hook) & ((rows["owner"] == "Stages") | ~rows["hook"].str.startswith("on_"))]
            assert calls["batch"].tolist() == [*range(count)] * rounds, hook


def test_fetching_ahead_counts_where_it_happens(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run")], limit_train_batches=1.0, max_epochs=2).fit(Unsized())
    table = open_run(tmp_path / "run").to_pandas()
    fetches = table[table["hook"] == "train_dataloader_next"]
    assert fetches[["epoch", "batch"]].to_numpy().tolist() == [
        *([0, batch] for batch in range(5)),  # brings batches 1 to 4, and then finds that there are no more
        [1, 0],  # brings batch 0: from the second epoch on the loop is listening when the first is fetched
        *([1, batch] for batch in range(5)),
    ]


def test_a_scheduler_that_waits_for_validation_belongs_to_the_batch(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run")], **CONFIGS["waits for validation"][1]).fit(Waiting())
    table = open_run(tmp_path / "run").to_pandas()
    rows = table[table["hook"] == "lr_scheduler_step"]
    assert rows[["stage", "epoch", "batch"]].values.tolist() == [["train", 0, 1], ["train", 0, 3]]


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
