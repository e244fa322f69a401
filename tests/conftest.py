"""What all tests share: guards against what must not leak from one into the next, and the real MNIST if it is there."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_CAP_SYS_ADMIN = 21
MNIST_DIR = Path(__file__).parents[2] / "shared" / "mnist"


settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# How fast an example is made or checked says nothing about the law: the first text alone takes a second to prepare.


def pytest_configure() -> None:
    """What runs in the background ignores Ctrl-C, with all that it starts: tests of Ctrl-C would wait for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of the tests with golden files."""
    parser.addoption("--update-goldens", action="store_true", help="write the golden files anew; read the diff")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what needs the real MNIST, or tmux, where there is none: those tests have nothing to say there."""
    there = {"mnist": MNIST_DIR.is_dir(), "tmux": shutil.which("tmux") is not None, "mount": _may_mount()}
    missing = [name for name, found in there.items() if not found]
    without = [item for item in items if any(item.get_closest_marker(name) for name in missing)]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in without]


def _may_mount() -> bool:
    """Whether this process may do what only the administrator of a machine may: not even root of a container can."""
    try:
        said = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return False
    rights = next(int(line.split()[1], 16) for line in said.splitlines() if line.startswith("CapEff:"))
    return bool(rights >> _CAP_SYS_ADMIN & 1)


@pytest.fixture
def mnist_dir() -> Path:
    """The directory with the real MNIST; only for tests marked `mnist`."""
    return MNIST_DIR


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test has a working directory of its own and no setting of the developer's shell."""
    for name in [name for name in os.environ if name.startswith("HOOKTRACE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _no_writer_left() -> Iterator[None]:
    """A recording that has ended leaves no thread behind."""
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("hooktrace")]
    assert not left
