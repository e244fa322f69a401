"""The named configurations: found by name, without importing Lightning.

A configuration is a file for `--config`; the ones that come with the package answer to their bare names.
"""

from pathlib import Path

_HOME = Path(__file__).parent / "configs"


def named_configs() -> dict[str, Path]:
    """Every named configuration's file, in alphabetical order."""
    return {path.stem: path for path in sorted(_HOME.glob("*.yaml"))}


def lesson(path: Path) -> str:
    """What a configuration teaches about hooks: the comment in its first line."""
    with path.open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()


def find_config(name: str) -> Path | None:
    """The file that `name` means: a path that exists, else a named configuration, else None."""
    path = Path(name)
    if path.is_file():
        return path
    return named_configs().get(name)
