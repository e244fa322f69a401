"""The network to watch: a ConvNet for digits, written the way Lightning's own documentation writes one.

Everything about it is ordinary on purpose. What a learner sees on the timeline is what their own module would show.
"""

from pathlib import Path
from typing import Literal

from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader

from demo_model.data import Splits, load, prepare
from demo_model.digits import Batch, loader
from demo_model.errors import DemoError
from tracer import HookTracerMixin


class ConvNet(HookTracerMixin, LightningModule):
    """A ConvNet that reads digits.

    The mixin comes first, so that it sees what is called on the module before Lightning's own methods do.

    Args:
        lr: learning rate of Adam
        batch_size: images in a batch
        data: mnist, synthetic (digits drawn offline), or auto: MNIST if it can be had, else synthetic
        data_dir: where MNIST lies, or is to be downloaded to
        train_size: how many images to train on; validation and test shrink with it. All of them when left out
        num_workers: processes that load data. None by default, because the images lie in memory: on two cores training
            waits 0.4 ms for a batch without, but 1.7 ms for one that comes from another process, and a whole step takes
            22 ms without, 24 ms with one or two
    """

    def __init__(
        self,
        lr: float = 0.001,
        batch_size: int = 32,
        data: Literal["auto", "mnist", "synthetic"] = "auto",
        data_dir: str = "data",
        train_size: int | None = None,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.lr = lr
        self.batch_size = batch_size
        self.data, self.data_dir, self.train_size = data, Path(data_dir), train_size
        self.num_workers = num_workers
        self._prepared = False
        self._splits: Splits | None = None
        self.features = nn.Sequential(  # (batch, 1, 28, 28)
            nn.Conv2d(1, 32, 3),  # (batch, 32, 26, 26)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (batch, 32, 13, 13)
            nn.Conv2d(32, 64, 3),  # (batch, 64, 11, 11)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (batch, 64, 5, 5)
            nn.Conv2d(64, 128, 3),  # (batch, 128, 3, 3)
            nn.ReLU(),
            nn.Conv2d(128, 256, 3),  # (batch, 256, 1, 1)
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),  # (batch, 256)
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Unnormalised scores of the ten digits, (batch, 10), for images of (batch, 1, 28, 28)."""
        scores: Tensor = self.classifier(self.features(images))
        return scores

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss, _ = self._common_step(batch)
        self._log_training_loss(loss, batch)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(batch, "test")

    def predict_step(self, batch: Batch, batch_idx: int) -> Batch:
        """The digits that the network reads, and those that are really there, both of shape (batch,)."""
        images, labels = batch
        return self(images).argmax(dim=1), labels

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.lr)

    def prepare_data(self) -> None:
        if not self._prepared:  # every trainer call asks anew; one failed download is enough
            prepare(self.data, self.data_dir)
            self._prepared = True

    def setup(self, stage: str) -> None:
        if self._splits is None:
            self._splits = load(self.data, self.data_dir, self.train_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        return loader(self.splits.train, self.batch_size, shuffle=True, num_workers=self.num_workers)

    def val_dataloader(self) -> DataLoader[Batch]:
        return loader(self.splits.val, self.batch_size, num_workers=self.num_workers)

    def test_dataloader(self) -> DataLoader[Batch]:
        return loader(self.splits.test, self.batch_size, num_workers=self.num_workers)

    def predict_dataloader(self) -> DataLoader[Batch]:
        return self.test_dataloader()

    def on_validation_model_train(self) -> None:
        """Goes back to training mode after validation, as Lightning does by itself where no layer is frozen.

        It is here only to be seen: this is the one hook of the validation loop that Lightning leaves out, and replaces
        by a quiet restore, unless a module overrides it.
        """
        super().on_validation_model_train()

    @property
    def splits(self) -> Splits:
        """The digits, which are there from `setup` on."""
        if self._splits is None:
            raise DemoError("the digits are loaded in setup(): call prepare_data() and setup() first")
        return self._splits

    def _common_step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean cross entropy, and the share of digits read correctly."""
        images, labels = batch
        scores = self(images)
        return F.cross_entropy(scores, labels), (scores.argmax(dim=1) == labels).float().mean()

    def _log_training_loss(self, loss: Tensor, batch: Batch) -> None:
        self.log(
            "train_loss", loss, on_step=True, on_epoch=True, prog_bar=True, batch_size=len(batch[1]), sync_dist=True
        )

    def _evaluate(self, batch: Batch, name: str) -> None:
        loss, accuracy = self._common_step(batch)
        metrics = {f"{name}_loss": loss, f"{name}_acc": accuracy}
        # Averaged over all processes: otherwise each would name the checkpoint differently and stop at another epoch.
        self.log_dict(metrics, prog_bar=True, batch_size=len(batch[1]), sync_dist=True)
