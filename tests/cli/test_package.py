"""What is built to be installed: it has every file that the source has, and works where nothing else is installed."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.cli.commands import ROOT

_ROOMS = ("tracer", "demo_model", "tui")
_BUILD = "import sys, setuptools.build_meta as build; print(build.build_{}(sys.argv[1]))"
# Without site-packages and without the working directory: what the wheel brings and Python's own library.
_BARE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tracer.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source: building leaves files behind."""
    path = tmp_path_factory.mktemp("package") / "source"
    for room in _ROOMS:
        shutil.copytree(ROOT / room, path / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, path)
    return path


def _built(source: Path, what: str) -> Path:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _BUILD.format(what), str(source.parent)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return source.parent / done.stdout.split()[-1]


def _files(source: Path) -> set[str]:
    return {str(path.relative_to(source)) for room in _ROOMS for path in (source / room).rglob("*") if path.is_file()}


def test_the_wheel_has_every_file_and_works_with_nothing_else(source: Path, tmp_path: Path) -> None:
    expected = _files(source)
    with zipfile.ZipFile(_built(source, "wheel")) as wheel:
        there = {name for name in wheel.namelist() if ".dist-info/" not in name}
        wheel.extractall(tmp_path)
    assert there == expected
    assert {f"{room}/py.typed" for room in _ROOMS} <= there

    def bare(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-I", "-S", "-c", _BARE, str(tmp_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert bare("--version").stdout.startswith("hooktrace ")
    assert "train" in bare("--help").stdout
    refused = bare("list", "--runs-dir", str(tmp_path))
    assert refused.returncode == 1
    assert re.fullmatch(r"hooktrace: error: this needs \w+, .*pip install 'hooktrace\[view\]'\n", refused.stderr)


def test_the_source_distribution_has_every_file(source: Path) -> None:
    expected = _files(source)
    with tarfile.open(_built(source, "sdist")) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    assert expected <= there
    assert {"pyproject.toml", "README.md"} <= there
