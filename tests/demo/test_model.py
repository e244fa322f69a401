"""The network by itself: its shape, and that it is an ordinary LightningModule wherever hooks depend on it."""

import copy
import pickle

import torch
from lightning.pytorch.utilities.model_helpers import is_overridden

from demo_model.manual import ManualConvNet
from demo_model.model import ConvNet


def test_ten_scores_for_every_image() -> None:
    model = ConvNet()
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert model.features(torch.zeros(1, 1, 28, 28)).shape == (1, 256, 1, 1)


def test_layers_are_those_of_the_description() -> None:
    shapes = [tuple(weight.shape) for name, weight in ConvNet().named_parameters() if name.endswith("weight")]
    convolutions = [(32, 1, 3, 3), (64, 32, 3, 3), (128, 64, 3, 3), (256, 128, 3, 3)]
    assert shapes == [*convolutions, (128, 256), (10, 128)]


def test_hyperparameters_are_saved() -> None:
    model = ConvNet(lr=0.5, data="synthetic")
    assert model.hparams["lr"] == 0.5
    assert dict(model.hparams).keys() == {"lr", "batch_size", "data", "data_dir", "train_size", "num_workers"}
    assert model.configure_optimizers().param_groups[0]["lr"] == 0.5


def test_only_the_hooks_it_defines_are_overridden() -> None:
    model = ConvNet()
    for hook in ("on_validation_model_train", "training_step", "train_dataloader", "prepare_data"):
        assert is_overridden(hook, model)
    for hook in ("on_train_batch_start", "configure_model", "on_test_model_train"):
        assert not is_overridden(hook, model)


def test_copies_compute_the_same() -> None:
    model = ConvNet(data="synthetic", train_size=50)
    model.prepare_data()
    model.setup("fit")
    images = torch.rand(2, 1, 28, 28)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(images), model(images))


def test_the_manual_variant_differs_in_who_steps_only() -> None:
    assert ConvNet().automatic_optimization
    assert not ManualConvNet().automatic_optimization
    assert dict(ManualConvNet(lr=0.1).hparams) == dict(ConvNet(lr=0.1).hparams)
    assert ManualConvNet().state_dict().keys() == ConvNet().state_dict().keys()
