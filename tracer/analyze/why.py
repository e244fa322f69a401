"""Why a hook stands where it stands: a sentence for those who read a loop.

The sentences and the facts that each of them rests on lie in `why.toml`. They speak of Lightning, not of one run.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

_DATA = "why.toml"
_VERSIONS = "versions"


@dataclass(frozen=True)
class Reason:
    """An entry.

    Attributes:
        hook: The hook's name.
        owner_kind: The kind of owner with which the sentence is true; empty for any.
        why: The sentence.
        source: Where Lightning does it, as FILE:LINE below its package.
        facts: What a recording has to show, in the words that `why.toml` explains.
    """

    hook: str
    owner_kind: str
    why: str
    source: tuple[str, ...]
    facts: tuple[str, ...]


def why(hook: str, owner_kind: str = "") -> str | None:
    """One sentence on why a hook is called where it is; None if there is nothing to say.

    Args:
        hook: The hook's name.
        owner_kind: callback, module, datamodule, strategy or loop; if not known, only what is true of all of them.
    """
    found = reasons()
    reason = found.get((hook, owner_kind)) or found.get((hook, ""))
    return reason.why if reason else None


@cache
def reasons() -> Mapping[tuple[str, str], Reason]:
    """All entries, by hook and kind of owner. They are read once, when the first is asked for."""
    return MappingProxyType({(entry.hook, entry.owner_kind): entry for entry in _entries(_read())})


def lightning_version() -> str:
    """The version of Lightning whose files and lines the entries cite."""
    return str(_read()[_VERSIONS]["lightning"])


def _read() -> dict[str, Any]:
    return tomllib.loads(files("tracer.analyze").joinpath(_DATA).read_text(encoding="utf-8"))


def _entries(data: dict[str, Any]) -> list[Reason]:
    tables = {hook: table for hook, table in data.items() if hook != _VERSIONS}
    kinds = [
        (hook, kind, entry)
        for hook, table in tables.items()
        for kind, entry in ({"": table} if "why" in table else table).items()
    ]
    return [Reason(hook, kind, it["why"], tuple(it["source"]), tuple(it["facts"])) for hook, kind, it in kinds]
