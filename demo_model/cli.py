"""The command line of the demo: LightningCLI, set up the way a learner should meet a Trainer.

Early stopping, a progress bar, checkpoints of the best three epochs, a CSV and a TensorBoard log are there from the
start; each has its own options, and `callbacks` in a configuration adds to them.
"""

import sys
from pathlib import Path
from typing import Any, Literal

from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, ModelSummary, ProgressBar, TQDMProgressBar
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from demo_model.checkpoints import check_checkpoint
from demo_model.digits import Batch
from demo_model.errors import DemoError
from demo_model.model import ConvNet
from demo_model.parsing import NamedConfigFile, OneLineParser
from demo_model.quiet import keep_quiet
from demo_model.run_directory import SaveConfig, loggers, new_run_directory

_MODEL_OPTIONS = ("data", "data_dir", "train_size", "num_workers")
"""Options of the network that are about the data, and so are offered without the `--model.` before them."""

_POSITIVE = ("lr", "batch_size", "train_size")
"""Options of the network that must be greater than 0."""

_DEFAULT_CALLBACKS: dict[str, tuple[type[Callback], dict[str, Any]]] = {
    "early_stopping": (EarlyStopping, {"monitor": "val_loss", "patience": 5}),
    "progress_bar": (TQDMProgressBar, {"refresh_rate": 10}),
    "model_summary": (ModelSummary, {}),
    "checkpoint": (
        ModelCheckpoint,
        {"filename": "{epoch}-{step}-{val_loss:.4f}-{val_acc:.4f}", "monitor": "val_loss", "save_top_k": 3},
    ),
}
"""Option group -> what it configures, with the defaults that differ from Lightning's."""


class DemoTrainer(Trainer):
    """Lightning's Trainer, which can also train and test in one go."""

    def all(self, model: LightningModule, ckpt_path: str | None = None) -> None:
        """Trains, then tests the best checkpoint.

        Args:
            model: the network to train
            ckpt_path: checkpoint to resume training from
        """
        self.fit(model, ckpt_path=ckpt_path)
        best = isinstance(self.checkpoint_callback, ModelCheckpoint) and self.checkpoint_callback.best_model_path
        self.test(model, ckpt_path="best" if best else None)


class DemoCLI(LightningCLI):
    """fit, validate, test, predict and all for the ConvNet; parses, builds and runs when it is made."""

    def __init__(self, args: ArgsType = None) -> None:
        super().__init__(
            ConvNet,
            save_config_callback=SaveConfig,
            save_config_kwargs={"save_to_log_dir": False},
            trainer_class=DemoTrainer,
            trainer_defaults={"max_epochs": 10, "log_every_n_steps": 10},
            seed_everything_default=42,
            parser_kwargs={"prog": "python -m demo_model"},
            subclass_mode_model=True,
            args=args,
            auto_configure_optimizers=False,
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        return {**LightningCLI.subcommands(), "all": {"model"}}

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        parser = OneLineParser(epilog="Options of the network, such as --model.lr: --model.help", **kwargs)
        parser.add_argument(
            "-c", "--config", action=NamedConfigFile, help="configuration: a file, or the name of one of demo_model's"
        )
        return parser

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds Trainer and network, but no datamodule: the network loads its own data, and `--data` says which."""
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        parser.set_defaults({f"trainer.{name}": value for name, value in self.trainer_defaults.items()})
        parser.add_lightning_class_args(ConvNet, "model", subclass_mode=True)
        parser.set_defaults({"model": {"class_path": "demo_model.model.ConvNet"}})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--data",
            type=Literal["auto", "mnist", "synthetic"],
            default="auto",
            help="mnist, synthetic (drawn offline), or auto: MNIST if it can be had, else synthetic",
        )
        parser.add_argument("--data_dir", type=str, default="data", help="where MNIST lies or is downloaded to")
        parser.add_argument("--train_size", type=int | None, default=None, help="train on that many images only")
        parser.add_argument("--num_workers", type=int, default=0, help="processes that load data")
        for name in _MODEL_OPTIONS:
            parser.link_arguments(name, f"model.init_args.{name}")
        for group, (callback, defaults) in _DEFAULT_CALLBACKS.items():
            parser.add_class_arguments(callback, group, fail_untyped=False, sub_configs=True)
            parser.set_defaults({f"{group}.{name}": value for name, value in defaults.items()})

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        super().parse_arguments(parser, args)
        options = self.config[self.config.subcommand]
        for name in _POSITIVE:
            value = options.model.init_args[name]
            if value is not None and value <= 0:
                parser.error(f"{name} must be greater than 0, not {value}")
        if options.num_workers < 0:
            parser.error(f"num_workers must not be negative, but is {options.num_workers}")
        if options.ckpt_path:
            check_checkpoint(str(options.ckpt_path))

    def instantiate_classes(self) -> None:
        """Builds network and Trainer.

        The run's directory goes into a copy of the configuration: the one that is saved keeps to what was asked for,
        and so can be used for another run.
        """
        config = self.config.clone()
        _choose_directory(config[self.subcommand])
        _do_without_validation(config[self.subcommand])
        self.config_init = self.parser.instantiate_classes(config)
        self.datamodule = None
        self.model = self.config_init[self.subcommand].model
        self.trainer = self.instantiate_trainer()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        options = self.config_init[self.subcommand]
        kwargs.setdefault("callbacks", _callbacks(options))
        if options.trainer.logger in (None, True) and not options.trainer.fast_dev_run:
            kwargs.setdefault("logger", loggers(Path(options.trainer.default_root_dir)))
        return super().instantiate_trainer(**kwargs)

    def predict(self, **kwargs: Any) -> None:
        """Runs the predict loop and says how it went; LightningCLI prefers this to the Trainer's method."""
        batches = self.trainer.predict(**kwargs)
        if batches:
            print(_prediction_report(batches))


def main(args: list[str] | None = None) -> int:
    """Runs the command line (None: that of the process) and returns the exit code; wrong usage raises SystemExit(2)."""
    keep_quiet()
    try:
        DemoCLI(args)
    except (DemoError, MisconfigurationException, OSError) as error:
        return _fail(error)
    except ValueError as error:
        if not _is_lightnings(error):
            raise
        return _fail(error)
    return 0


def _fail(error: Exception) -> int:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return 1


def _is_lightnings(error: Exception) -> bool:
    """Whether Lightning itself raised it: then it is about what was asked for, not about a fault in the program."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and frame.tb_frame.f_globals.get("__name__", "").startswith("lightning.")


def _choose_directory(options: Namespace) -> None:
    """Settles where this run writes, unless Lightning is to write nothing at all."""
    if options.trainer.fast_dev_run:
        return
    if options.trainer.default_root_dir is None:
        options.trainer.default_root_dir = str(new_run_directory())
    if options.checkpoint.dirpath is None:
        options.checkpoint.dirpath = str(Path(options.trainer.default_root_dir) / "checkpoints")


def _do_without_validation(options: Namespace) -> None:
    """Where validation is switched off there is no best epoch: the last one is kept."""
    checkpoint = options.checkpoint
    if options.trainer.limit_val_batches == 0 and checkpoint.monitor == "val_loss":
        checkpoint.monitor, checkpoint.save_top_k, checkpoint.filename = None, 1, "{epoch}-{step}"


def _callbacks(options: Namespace) -> list[Callback]:
    """The callbacks that a configuration names, then our own, without those of a kind that is named or switched off."""
    trainer = options.trainer
    configured = trainer.callbacks or []
    own = [options[group] for group in _DEFAULT_CALLBACKS]
    unwanted: list[type[Callback]] = [type(callback) for callback in configured]
    if any(isinstance(callback, ProgressBar) for callback in configured) or trainer.enable_progress_bar is False:
        unwanted.append(ProgressBar)
    if trainer.enable_checkpointing is False:
        unwanted.append(ModelCheckpoint)
    if trainer.enable_model_summary is False:
        unwanted.append(ModelSummary)
    if trainer.limit_val_batches == 0:  # without a val_loss there is nothing to stop for
        unwanted.append(EarlyStopping)
    return configured + [callback for callback in own if not isinstance(callback, tuple(unwanted))]


def _prediction_report(batches: Any) -> str:
    """One line on all predictions and two that show the first ten."""
    pairs: list[Batch] = list(batches)
    read = [digit for guesses, _ in pairs for digit in guesses.tolist()]
    there = [digit for _, labels in pairs for digit in labels.tolist()]
    right = sum(guess == label for guess, label in zip(read, there, strict=True))
    return (
        f"read {len(read):,} digits, {right:,} of them correctly ({right / len(read):.2%})\n"
        f"first ones read:  {' '.join(map(str, read[:10]))}\n"
        f"really there:     {' '.join(map(str, there[:10]))}"
    )
