"""The same with any argument of the Trainer from the command line: `--trainer.max_epochs 1`."""

from lightning.pytorch.cli import LightningCLI

from smallest import BARE, points
from validation import Validated

if __name__ == "__main__":
    cli = LightningCLI(
        Validated,
        run=False,  # it makes the Trainer and the module; we call fit
        trainer_defaults={"max_epochs": 2, **BARE},
        seed_everything_default=0,
        save_config_callback=None,
    )
    cli.trainer.fit(cli.model, points(64), points(32, seed=1))
