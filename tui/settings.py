"""What the screen remembers from one session to the next, and the keys that a user has given to actions.

Two small files, because one is ours and one is the user's: `screen.json` in the state directory is written when a
session ends; `keys.json` in the configuration directory is only read. Neither is worth an error: what cannot be read
counts as absent, what cannot be written is not remembered.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from tracer.run.layout import write_json
from tui.actions import ACTIONS

_DIRECTORY: Final = "hooktrace"


@dataclass(frozen=True)
class Remembered:
    """How the screen was left."""

    theme: str = ""
    view: str = ""
    bottom: str = ""
    inspector: bool = True


@dataclass(frozen=True)
class Settings:
    """Where the two files are, and what they said; without a place nothing is remembered.

    Attributes:
        state_file: is rewritten by `remember`; None for "nowhere".
        remembered: how the screen was left.
        keys: action id -> keys, as Textual names them; of known actions only.
        complaint: what of `keys.json` could not be used, in words.
    """

    state_file: Path | None = None
    remembered: Remembered = field(default_factory=Remembered)
    keys: Mapping[str, str] = field(default_factory=dict)
    complaint: str | None = None

    @classmethod
    def of_user(cls, environ: Mapping[str, str], home: Path) -> Self:
        """Reads the files where the XDG base directory specification has them.

        Args:
            environ: the environment.
            home: the user's home directory.
        """
        state = Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state") / _DIRECTORY / "screen.json"
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / _DIRECTORY / "keys.json"
        keys, complaint = _keys(config)
        return cls(state, _remembered(_read(state)[0]), keys, complaint)

    def remember(self, screen: Remembered) -> None:
        """Notes down how the screen is now."""
        if self.state_file is None:
            return
        try:
            self.state_file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.state_file, asdict(screen))
        except OSError:
            return  # a read-only home is no reason to bother anybody


def user_settings() -> Settings:
    """The settings of the user who runs this process; none where there is no home."""
    try:
        return Settings.of_user(os.environ, Path.home())
    except RuntimeError:
        return Settings()


def _read(path: Path) -> tuple[dict[str, Any], str | None]:
    try:
        content = json.loads(path.read_bytes())
    except OSError:
        return {}, None
    except (ValueError, RecursionError):
        return {}, f"{path.name} is no valid JSON"
    return (content, None) if isinstance(content, dict) else ({}, f"{path.name} is no JSON object")


def _remembered(content: Mapping[str, Any]) -> Remembered:
    """The known entries of the right type."""
    defaults = Remembered()
    names = [entry.name for entry in fields(Remembered)]
    fitting = {name: content[name] for name in names if type(content.get(name)) is type(getattr(defaults, name))}
    return Remembered(**fitting)


def _keys(path: Path) -> tuple[dict[str, str], str | None]:
    content, complaint = _read(path)
    known = {action.id for action in ACTIONS}
    keys = {name: value for name, value in content.items() if name in known and isinstance(value, str) and value}
    wrong = sorted(set(content) - set(keys))
    if wrong and complaint is None:
        complaint = f"{path.name}: no such action, or no key for it: {', '.join(wrong)[:80]}"
    return keys, complaint
