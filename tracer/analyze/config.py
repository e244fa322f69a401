"""What differs between the settings of two runs, as their run.json say them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.run.info import CallbackInfo, RunInfo

_ELSEWHERE = frozenset({"callbacks", "default_root_dir"})
"""Trainer arguments that are not compared: one has a section of its own, the other differs between any two runs."""


@dataclass(frozen=True)
class ConfigChange:
    """A setting that differs. Texts come from the recordings: untrusted.

    Attributes:
        section: "trainer", "callbacks", "model", "hyperparameters", "versions" or "machine".
        name: Of the setting.
        a, b: Its values as text; None where a run does not have it.
    """

    section: str
    name: str
    a: str | None
    b: str | None


def config_changes(a: RunInfo, b: RunInfo) -> tuple[ConfigChange, ...]:
    """Settings of `a` and `b` that differ, section by section."""
    return (
        *_mapping_changes("trainer", *(_settings(info.trainer) for info in (a, b))),
        *_callback_changes(a.callbacks, b.callbacks),
        *_mapping_changes("model", _model(a), _model(b)),
        *_mapping_changes("hyperparameters", *(_settings(info.hparams) for info in (a, b))),
        *_mapping_changes("versions", a.versions, b.versions),
        *_mapping_changes("machine", _machine(a), _machine(b)),
    )


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a user set: without the notes that Lightning's command line keeps under names with an underscore."""
    return {name: value for name, value in values.items() if name not in _ELSEWHERE and not name.startswith("_")}


def _model(info: RunInfo) -> dict[str, Any]:
    return {"class": info.model, "parameters": info.parameters}


def _machine(info: RunInfo) -> dict[str, Any]:
    return {"host": info.host, "processes": info.world_size}


def _mapping_changes(section: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[ConfigChange]:
    for name in dict.fromkeys((*a, *b)):
        left = _text(a[name]) if name in a else None
        right = _text(b[name]) if name in b else None
        if left != right:
            yield ConfigChange(section, name, left, right)


def _callback_changes(a: Sequence[CallbackInfo], b: Sequence[CallbackInfo]) -> Iterator[ConfigChange]:
    """Callbacks that only one run has or that are set up differently; else their order, if that differs."""
    left, right = _numbered(a), _numbered(b)
    yield from _mapping_changes("callbacks", left, right)
    if left.keys() == right.keys() and list(left) != list(right):
        yield ConfigChange("callbacks", "order", ", ".join(left), ", ".join(right))


def _numbered(callbacks: Sequence[CallbackInfo]) -> dict[str, str]:
    """What identifies each callback, by class name, with a number from the second of a class on."""
    seen: Counter[str] = Counter()
    names: dict[str, str] = {}
    for callback in callbacks:
        number = seen[callback.name]
        seen[callback.name] += 1
        names[f"{callback.name}#{number}" if number else callback.name] = callback.state_key or callback.name
    return names


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
