"""The digits: real and drawn ones alike, whole, the same every time, and never in the way."""

import copy
import functools
import gzip
import hashlib
import threading
from collections.abc import Iterator, Sequence, Sized
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torch.utils.data import Subset
from torchvision.datasets import MNIST

from demo_model import mnist, synthetic
from demo_model.data import load, prepare
from demo_model.digits import MEAN, STD, Digits, loader
from demo_model.errors import DataError
from tests.demo.conftest import write_idx


@pytest.fixture
def no_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network where nobody answers: port 9 of this machine."""
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])


@pytest.fixture
def mirror(blank_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real web server that has the blank MNIST to download."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    resources = []
    for path in sorted((blank_mnist / "MNIST" / "raw").iterdir()):
        packed = gzip.compress(path.read_bytes(), compresslevel=1)
        (shelf / f"{path.name}.gz").write_bytes(packed)
        resources.append((f"{path.name}.gz", hashlib.md5(packed).hexdigest()))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(shelf))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        monkeypatch.setattr(MNIST, "resources", resources)
        yield shelf
        server.shutdown()
        thread.join()


def _size(digits: object) -> int:
    assert isinstance(digits, Sized)
    return len(digits)


def _indices(digits: object) -> Sequence[int]:
    """Which of MNIST's images are in one part of the split."""
    assert isinstance(digits, Subset)
    assert isinstance(digits.dataset, Subset)
    return digits.dataset.indices


def test_a_batch_is_what_its_items_are() -> None:
    digits = synthetic.draw(20, seed=5)
    images, labels = digits.__getitems__([3, 17, 3])
    assert images.shape == (3, 1, 28, 28)
    for row, index in enumerate([3, 17, 3]):
        image, label = digits[index]
        assert torch.equal(image, images[row])
        assert torch.equal(label, labels[row])


def test_images_are_normalised() -> None:
    digits = Digits(torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1).expand(2, 28, 28), torch.tensor([0, 1]))
    images, _ = digits.__getitems__([0, 1])
    assert torch.unique(images[0]).item() == pytest.approx(-MEAN / STD)
    assert torch.unique(images[1]).item() == pytest.approx((1 - MEAN) / STD, rel=1e-5)


def test_a_loader_covers_everything_once_and_keeps_its_workers() -> None:
    digits = synthetic.draw(70, seed=5)
    batches = list(loader(digits, 32, shuffle=True))
    assert [len(labels) for _, labels in batches] == [32, 32, 6]
    seen = torch.cat([labels for _, labels in batches])
    assert torch.equal(seen.sort().values, digits.labels.sort().values)
    assert not torch.equal(seen, digits.labels)
    assert not loader(digits, 32).persistent_workers
    assert loader(digits, 32, num_workers=1).persistent_workers


def test_workers_deliver_the_same_batches() -> None:
    digits = synthetic.draw(70, seed=5)
    for here, there in zip(loader(digits, 32), loader(digits, 32, num_workers=1), strict=True):
        assert torch.equal(here[0], there[0])
        assert torch.equal(here[1], there[1])


def test_a_copied_model_shares_its_digits() -> None:
    digits = synthetic.draw(10, seed=5)
    assert copy.deepcopy({"digits": digits})["digits"] is digits


def test_drawn_digits_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = synthetic.draw(200, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = synthetic.draw(200, seed=5), synthetic.draw(200, seed=6)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.images, other.images)


def test_drawn_digits_look_like_mnist() -> None:
    digits = synthetic.draw(500, seed=5)
    assert digits.images.shape == (500, 28, 28)
    assert digits.images.dtype == torch.uint8
    assert digits.labels.bincount().tolist() == [50] * 10
    assert len(torch.unique(digits.images, dim=0)) == 500
    ink = digits.images.float() / 255
    assert 0.1 < ink.mean() < 0.3  # MNIST: 0.13
    assert 0.25 < ink.std() < 0.4  # MNIST: 0.31


def test_mnist_is_split_the_same_way_every_time(blank_mnist: Path) -> None:
    first, again = load("mnist", blank_mnist), load("mnist", blank_mnist)
    sizes = [_size(part) for part in (first.train, first.val, first.test)]
    assert sizes == [55_000, 5_000, 10_000]
    train, val = _indices(first.train), _indices(first.val)
    assert not set(train) & set(val)
    assert train == _indices(again.train)


@pytest.mark.parametrize("data", ["mnist", "synthetic"])
def test_a_smaller_training_set_shrinks_the_others(data: str, blank_mnist: Path) -> None:
    splits = load(data, blank_mnist, train_size=110)  # type: ignore[arg-type]  # a string is what a user types
    assert [_size(part) for part in (splits.train, splits.val, splits.test)] == [110, 10, 20]


def test_more_than_there_is_is_refused(blank_mnist: Path) -> None:
    with pytest.raises(DataError, match="MNIST has 55,000 training images"):
        load("mnist", blank_mnist, train_size=55_001)


@pytest.mark.parametrize("data", ["mnist", "auto"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
def test_a_missing_file_is_named(data: str, name: str, blank_mnist: Path) -> None:
    (blank_mnist / "MNIST" / "raw" / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing; remove .* to have MNIST downloaded again"):
        prepare(data, blank_mnist)  # type: ignore[arg-type]  # a string is what a user types


def test_a_file_cut_short_is_named(blank_mnist: Path) -> None:
    with (blank_mnist / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").open("r+b") as file:
        file.truncate(500)
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte is damaged: it has 500 bytes in place of 10,008"):
        prepare("mnist", blank_mnist)


def test_a_foreign_file_is_named(blank_mnist: Path) -> None:
    write_idx(blank_mnist / "MNIST" / "raw" / "t10k-images-idx3-ubyte", 2049, 10_000, 28, 28)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is damaged: it does not begin like a file of MNIST"):
        prepare("auto", blank_mnist)


def test_a_whole_mnist_needs_no_network(blank_mnist: Path, no_mirrors: None) -> None:
    prepare("mnist", blank_mnist)
    assert _size(load("auto", blank_mnist).train) == 55_000


def test_mnist_without_network_is_an_error_that_offers_a_way_out(tmp_path: Path, no_mirrors: None) -> None:
    with pytest.raises(DataError, match=r"could not be downloaded .* --data synthetic needs no download"):
        prepare("mnist", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_auto_without_network_draws_digits_and_says_so(
    tmp_path: Path, no_mirrors: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        prepare("auto", tmp_path / "data")
    assert _size(load("auto", tmp_path / "data", 110).train) == 110
    downloading, fallback = caplog.messages
    assert downloading.startswith("MNIST is not in")
    assert fallback.endswith("training on synthetic digits instead")
    assert "\n" not in fallback


def test_mnist_is_downloaded_with_visible_progress(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare("auto", tmp_path / "data")
    assert "100%" in capsys.readouterr().err
    mnist.check(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["MNIST"]


def test_a_download_that_breaks_off_leaves_nothing_behind(mirror: Path, tmp_path: Path) -> None:
    (mirror / "train-labels-idx1-ubyte.gz").write_bytes(b"not what was promised")
    with pytest.raises(DataError, match="could not be downloaded"):
        prepare("mnist", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []
    assert not mnist.is_present(tmp_path / "data")


@pytest.mark.mnist
def test_the_real_mnist_is_whole(mnist_dir: Path) -> None:
    prepare("mnist", mnist_dir)
    digits = mnist.load(mnist_dir, train=True)
    pixels = digits.images.float() / 255
    assert pixels.mean().item() == pytest.approx(MEAN, abs=1e-4)
    assert pixels.std().item() == pytest.approx(STD, abs=1e-4)
