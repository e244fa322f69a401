"""MNIST on disk: is it there, is it whole, and if not there, fetch it.

torchvision only looks whether the files exist. A download that was cut short then surfaces as a failed assertion deep
inside a reader, so the four files are checked here, by size and header, and the broken one is named.
"""

import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torchvision.datasets import MNIST

from demo_model.digits import SIDE, Digits
from demo_model.errors import DataError

_IMAGES, _LABELS = 2051, 2049
"""The first word of an IDX file says what is in it: bytes in three dimensions, bytes in one."""

_FILES = {
    "train-images-idx3-ubyte": (_IMAGES, 60_000, SIDE, SIDE),
    "train-labels-idx1-ubyte": (_LABELS, 60_000),
    "t10k-images-idx3-ubyte": (_IMAGES, 10_000, SIDE, SIDE),
    "t10k-labels-idx1-ubyte": (_LABELS, 10_000),
}

_PATIENCE_S = 15.0
"""How long a mirror may stay silent: without a limit, a network that swallows packets looks like a hang."""


def is_present(data_dir: Path) -> bool:
    """Whether any file of MNIST lies there; `check` says whether all of it does, undamaged."""
    return any((_raw(data_dir) / name).exists() for name in _FILES)


def check(data_dir: Path) -> None:
    """Raises DataError, naming the first file that is missing, cut short or something else altogether."""
    for name, header in _FILES.items():
        path = _raw(data_dir) / name
        problem = _problem(path, header)
        if problem:
            raise DataError(f"{path} {problem}; remove {data_dir / 'MNIST'} to have MNIST downloaded again")


def download(data_dir: Path) -> None:
    """Fetches MNIST (12 MB) with progress bars on stderr; leaves nothing behind when it is cut short.

    Raises DataError when no mirror answers or the disk refuses.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mnist-", dir=data_dir) as unfinished, _impatient():
            MNIST(unfinished, download=True)
            _raw(data_dir).parent.mkdir(exist_ok=True)
            _raw(Path(unfinished)).replace(_raw(data_dir))
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"MNIST could not be downloaded to {data_dir}: {reason}") from error


def load(data_dir: Path, train: bool) -> Digits:
    """The 60,000 images for training, or the 10,000 for testing."""
    mnist = MNIST(data_dir, train=train)
    return Digits(mnist.data, mnist.targets)


def _raw(data_dir: Path) -> Path:
    return data_dir / "MNIST" / "raw"


def _problem(path: Path, header: tuple[int, ...]) -> str | None:
    if not path.is_file():
        return "is missing"
    count = 1
    for length in header[1:]:
        count *= length
    expected = 4 * len(header) + count
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4 * len(header))
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if size != expected:
        return f"is damaged: it has {size:,} bytes in place of {expected:,}"
    if struct.unpack(f">{len(header)}I", start) != header:
        return "is damaged: it does not begin like a file of MNIST"
    return None


@contextmanager
def _impatient() -> Iterator[None]:
    """torchvision sets no time limit on its connections, so it is set where new sockets take theirs from."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
