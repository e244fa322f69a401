"""Where a run's files go: one directory for metrics, TensorBoard, checkpoints and configuration.

Lightning by itself scatters them: a directory for each logger, checkpoints beside the first one. Here everything that
belongs to one run lies together, and nothing of an earlier run in the same directory is lost.
"""

from itertools import count
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only


def new_run_directory(parent: Path = Path("lightning_logs")) -> Path:
    """A directory of its own for this run: `parent`/version_N, with the first free N.

    Further processes of a distributed run, which start after the first one, get the directory that it made.
    """
    taken = [int(name) for path in parent.glob("version_*") if (name := path.name.removeprefix("version_")).isdecimal()]
    if getattr(rank_zero_only, "rank", 0):
        return parent / f"version_{max(taken, default=0)}"
    for number in count(max(taken, default=-1) + 1):
        path = parent / f"version_{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:  # another run, started at the same moment, was quicker
            continue
        break
    return path


def loggers(root: Path) -> list[Logger]:
    """Loggers that write `root`/metrics/metrics.csv and `root`/tensorboard.

    The CSV logger comes first: the first one decides what Lightning takes for the run's log directory. Its metrics of
    an earlier run in `root`, which it would delete, are kept under another name.
    """
    _set_aside(root / "metrics")
    return [CSVLogger(root, name="metrics", version=""), _tensorboard(root)]


def _tensorboard(root: Path) -> TensorBoardLogger:
    return TensorBoardLogger(root, name="tensorboard", version="", default_hp_metric=False)


@rank_zero_only
def _set_aside(metrics: Path) -> None:
    if not (metrics / "metrics.csv").exists():
        return
    numbers = (metrics.with_name(f"{metrics.name}-{number}") for number in count(1))
    kept = next(path for path in numbers if not path.exists())
    metrics.rename(kept)
    rank_zero_info(f"the metrics of an earlier run are kept in {kept}")


class SaveConfig(SaveConfigCallback):
    """Writes the configuration to the root of the run, where it can be given to `--config` again."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        path = Path(trainer.default_root_dir) / self.config_filename
        if stage == "fit" or not path.exists():  # a later test or predict must not replace how the model was trained
            path.parent.mkdir(parents=True, exist_ok=True)
            self.parser.save(self.config, path, skip_none=False, overwrite=True, multifile=False)
