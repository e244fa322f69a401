"""The same network, stepping its optimizer itself: what Lightning does by hand-over, and what is missing then.

Under manual optimization the module decides when to clear gradients, go backward and step, all within `training_step`.
The hooks of automatic optimization that belong to the step (`optimizer_step`, `on_before_zero_grad`,
`configure_gradient_clipping`) are then never called; seeing both timelines side by side is the lesson.
"""

from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from demo_model.digits import Batch
from demo_model.model import ConvNet


class ManualConvNet(ConvNet):
    """The ConvNet under manual optimization; its options are those of ConvNet."""

    automatic_optimization = False

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        loss, _ = self._common_step(batch)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        self._log_training_loss(loss, batch)
        return loss
