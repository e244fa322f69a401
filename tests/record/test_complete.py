"""The recording is complete: call by call what a wrapper around every hook method sees, whatever the trainer is asked.

What is compared, and what is not:

- The step methods (`training_step`, ...) have no span of their own; the strategy's span of the same name stands for
  them, which holds the method and the precision context around it.
- Without the mixin, what Lightning dispatches is compared: methods of the module that are called directly
  (`mixin.RECORDED`) cannot be seen then, nor can `configure_callbacks`, which comes before any callback is touched.
- The tracer's own hooks are left out.

What was recorded folds without a loss as well: there are no other real runs of so many kinds.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor
from lightning.pytorch.demos.boring_classes import RandomDataset
from torch import Tensor
from torch.utils.data import DataLoader

from tests.analyze.folding import assert_folds
from tests.record.combinations import Config, covering
from tests.record.models import trainer
from tests.record.reference import HOOKS, Reference
from tracer import HookTracer, HookTracerMixin, open_run
from tracer.record.mixin import RECORDED
from tracer.run.events import ActionTail, EventTail, event_codes

STEPS = ("training_step", "validation_step", "test_step", "predict_step")


class Loaders:
    """The dataloaders, for a module or a datamodule."""

    validations = 1

    def train_dataloader(self) -> Any:
        return DataLoader(RandomDataset(4, 4), batch_size=2)

    def val_dataloader(self) -> Any:
        return [DataLoader(RandomDataset(4, 2), batch_size=2) for _ in range(self.validations)]

    test_dataloader = predict_dataloader = train_dataloader


class Data(Loaders, LightningDataModule):
    """Brings what a datamodule can bring."""

    def __init__(self, validations: int) -> None:
        super().__init__()
        self.validations = validations

    def prepare_data(self) -> None:
        """Overridden, so Lightning calls it."""

    def on_before_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Tensor:
        return batch * 1

    def transfer_batch_to_device(self, batch: Tensor, device: torch.device, dataloader_idx: int) -> Any:
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Tensor:
        return batch * 1

    def state_dict(self) -> dict[str, Any]:
        return {"seen": 1}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)


class Automatic(Loaders, LightningModule):
    """Lightning steps the optimizer."""

    def __init__(self, validations: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
        self.validations = validations

    def prepare_data(self) -> None:
        """Overridden, so Lightning calls it."""

    def configure_model(self) -> None:
        """Overridden, so Lightning calls it."""

    def forward(self, x: Tensor) -> Any:
        return self.layer(x)

    def training_step(self, batch: Tensor, batch_idx: int) -> Any:
        loss = self(batch).square().mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.log_dict({f"val_{dataloader_idx}": self(batch).mean()}, add_dataloader_idx=False)

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self(batch)

    def on_train_start(self) -> None:
        super().on_train_start()  # one call, and one of its own class

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        super().backward(loss, *args, **kwargs)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.ConstantLR(optimizer)]


class Manual(Automatic):
    """Steps two optimizers itself, one of them clipped."""

    def __init__(self, validations: int) -> None:
        super().__init__(validations)
        self.automatic_optimization = False

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        optimizers: Any = self.optimizers()
        for optimizer in optimizers:
            self.toggle_optimizer(optimizer)
            loss = self(batch).square().mean()
            self.log("loss", loss)
            optimizer.zero_grad()
            self.manual_backward(loss)
            self.clip_gradients(optimizer, 0.5)
            optimizer.step()
            self.untoggle_optimizer(optimizer)

    def configure_optimizers(self) -> Any:
        optimizers = [torch.optim.SGD(self.parameters(), lr=0.01), torch.optim.Adam(self.parameters(), lr=0.01)]
        return optimizers, [torch.optim.lr_scheduler.ConstantLR(optimizer) for optimizer in optimizers]


class Modes:
    """Overrides every `on_*_model_*` hook of a module, each in its own way."""

    def on_validation_model_zero_grad(self) -> None:
        super().on_validation_model_zero_grad()  # type: ignore[misc]  # a module's, which this is mixed into

    def on_validation_model_eval(self: Any) -> None:
        self.eval()

    def on_validation_model_train(self: Any) -> None:
        self.train()

    on_test_model_eval = on_predict_model_eval = on_validation_model_eval
    on_test_model_train = on_predict_model_train = on_validation_model_train


class Plain(Callback):
    """Of which two have the same name for Lightning."""


class Counting(Callback):
    """Has a state, of which two instances keep two."""

    def __init__(self, name: str) -> None:
        self._name, self.batches = name, 0

    @property
    def state_key(self) -> str:
        return f"Counting {self._name}"

    def on_train_batch_end(self, *args: Any) -> None:
        self.batches += 1

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.batches = state_dict["batches"]


class Failing(Callback):
    """Ends the run."""

    def on_train_batch_end(self, *args: Any) -> None:
        raise ArithmeticError


AXES: dict[str, Sequence[Any]] = {
    "function": ("fit", "validate", "test", "predict", "fit and test", "fit and resume"),
    "optimization": ("automatic", "manual"),
    "datamodule": (False, True),
    "modes": (False, True),
    "mixin": (False, True),
    "accumulate_grad_batches": (1, 2),
    "gradient_clip_val": (None, 0.5),
    "loaders": (0, 1, 2),
    "checkpoints": (False, True),
    "precision": ("32-true", "bf16-mixed"),
    "val_check_interval": ("each epoch", "each batch"),
    "num_sanity_val_steps": (0, 2),
    "callbacks": ("none", "two of a class", "stopping and monitor"),
}


def _possible(config: Config) -> bool:
    """Lightning refuses to clip and to accumulate for those who optimize themselves."""
    automatic = config.get("accumulate_grad_batches") == 2 or config.get("gradient_clip_val")
    return config.get("optimization") != "manual" or not automatic


CONFIGS = covering(AXES, 3, _possible)


RICH = {name: values[-1] for name, values in AXES.items()} | {"optimization": "automatic"}
"""As much as goes together in one configuration."""


def _model(config: Config) -> Any:
    base = Automatic if config["optimization"] == "automatic" else Manual
    mixed: list[type] = [HookTracerMixin] * config["mixin"] + [Modes] * config["modes"]
    return type("Model", (*mixed, base), {})(config["loaders"])


def _callbacks(config: Config) -> list[Any]:
    if config["callbacks"] == "two of a class":
        return [Plain(), Counting("one"), Plain(), Counting("two")]
    if config["callbacks"] == "stopping and monitor":
        return [EarlyStopping("loss", check_on_train_epoch_end=True), LearningRateMonitor()]
    return [Failing()] if config["callbacks"] == "failing" else []


def _trainer(config: Config, root: Path) -> Any:
    callbacks = _callbacks(config)
    callbacks.insert(1, HookTracer(root / "run"))
    return trainer(
        root,
        callbacks,
        limit_train_batches=2,
        enable_checkpointing=config["checkpoints"],
        val_check_interval=1.0 if config["val_check_interval"] == "each epoch" else 1,
        **{name: config[name] for name in ("accumulate_grad_batches", "gradient_clip_val", "precision")},
        num_sanity_val_steps=config["num_sanity_val_steps"],
    )


def _run(config: Config, root: Path) -> Reference:
    """Asks a trainer for what the configuration says; returns what was called."""
    run, model = _trainer(config, root), _model(config)
    data = Data(config["loaders"]) if config["datamodule"] else None
    reference = Reference(model, data, run.callbacks)
    first, _, second = config["function"].partition(" and ")
    ends = pytest.raises(ArithmeticError) if config["callbacks"] == "failing" else nullcontext()
    with reference.watching(), ends:
        getattr(run, first)(model, datamodule=data)
        if second == "test":
            run.test(model, datamodule=data, verbose=False)
    if second == "resume":
        run.save_checkpoint(root / "resume.ckpt")
        run.fit_loop.max_epochs = 2
        with reference.watching():
            run.fit(model, datamodule=data, ckpt_path=root / "resume.ckpt")
    return reference


def _completed(run_dir: Path) -> Iterator[str]:
    """The recorded calls of the hooks that the reference knows, in the order in which they ended."""
    actions = ActionTail(run_dir).read()
    for code in event_codes(EventTail(run_dir).read()).tolist():
        if code < 0:
            action = actions[~code]
            kind, owner = action.owner_kind, action.owner
            if kind == "strategy" and action.hook in STEPS:
                kind, owner = "module", "Model"
            if action.hook in HOOKS.get(kind, ()) and owner != "HookTracer":
                yield f"{kind} {owner} {action.instance} {action.hook}"


def _comparable(calls: Sequence[str], config: Config) -> list[str]:
    unseen = {f"module Model 0 {hook}" for hook in (*RECORDED, "configure_callbacks")}
    return [call for call in calls if config["mixin"] or call not in unseen]


def _name(config: Mapping[str, Any]) -> str:
    return ", ".join(str(value) if isinstance(value, str) else f"{name}={value}" for name, value in config.items())


@pytest.mark.parametrize("config", CONFIGS, ids=[str(number) for number in range(len(CONFIGS))])
def test_recorded_is_what_is_called(config: Config, tmp_path: Path) -> None:
    expected = _comparable(_run(config, tmp_path).calls, config)
    assert list(_completed(tmp_path / "run")) == expected, _name(config)
    assert len(expected) > 5
    assert_folds(open_run(tmp_path / "run").trace())


@pytest.mark.parametrize("optimization", AXES["optimization"])
@pytest.mark.parametrize("datamodule", AXES["datamodule"])
@pytest.mark.parametrize("mixin", AXES["mixin"])
def test_recorded_is_what_is_called_in_a_run_that_fails(
    optimization: str, datamodule: bool, mixin: bool, tmp_path: Path
) -> None:
    own = {
        "function": "fit",
        "optimization": optimization,
        "datamodule": datamodule,
        "mixin": mixin,
        "callbacks": "failing",
    }
    config = RICH | own | {"accumulate_grad_batches": 1, "gradient_clip_val": None}
    expected = _comparable(_run(config, tmp_path).calls, config)
    assert list(_completed(tmp_path / "run")) == expected
    assert_folds(open_run(tmp_path / "run").trace())
    told = [call for call in expected if call.endswith(" on_exception")]
    assert told == ["callback Failing 0 on_exception", "callback ModelCheckpoint 0 on_exception"] + datamodule * [
        "datamodule Data 0 on_exception"
    ]


def test_every_hook_is_among_those_compared(tmp_path: Path) -> None:
    variants = [{"function": name, "datamodule": data} for name, data in product(AXES["function"], (False, True))]
    variants += [
        {"function": "fit", "optimization": "manual", "accumulate_grad_batches": 1, "gradient_clip_val": None},
        {"function": "fit", "callbacks": "failing"},
    ]
    called = set()
    for number, variant in enumerate(variants):
        called |= set(_run(RICH | variant, tmp_path / str(number)).calls)
    hooks = {kind: {call.split()[-1] for call in called if call.startswith(f"{kind} ")} for kind in HOOKS}
    # Only one of `configure_model` and its predecessor can be there.
    assert hooks == HOOKS | {"module": HOOKS["module"] - {"configure_sharded_model"}}


def test_configurations_are_enough() -> None:
    assert len(CONFIGS) >= 40
    for (one, ones), (other, others) in combinations(AXES.items(), 2):
        pairs = {(a, b) for a, b in product(ones, others) if _possible({one: a, other: b})}
        assert pairs == {(config[one], config[other]) for config in CONFIGS}
