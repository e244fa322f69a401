"""Holds the order of the hooks: fails when it changes, with a new Lightning or by our own doing."""

from lightning.pytorch import Trainer

from smallest import BARE, points
from tracer.testing import assert_order, trace_fit
from validation import Validated


def test_the_validation_metric_is_there_when_the_epoch_ends():
    trace = trace_fit(Trainer(fast_dev_run=2, **BARE), Validated(), points(16), points(16))
    assert_order(trace, ["on_train_epoch_start", "validation_step", "on_validation_epoch_end", "on_train_epoch_end"])
