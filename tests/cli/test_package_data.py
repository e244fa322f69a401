"""What is installed besides modules: a wheel that lacks a file fails only where nobody of us looks."""

import tomllib

from tests.cli.commands import ROOT


def test_every_file_of_a_package_is_installed_with_it() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    for package, patterns in settings["package-data"].items():
        there = {path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
        packaged = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
        assert there - packaged == set()
