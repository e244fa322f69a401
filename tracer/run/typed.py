"""JSON back into the dataclasses that it was made from, where the file may come from anyone."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")


def built(kind: type[Kind], value: object) -> Kind:
    """The dataclass that `dataclasses.asdict` turned into `value`, by way of JSON.

    Fields may be numbers, texts, tuples of any length, mappings from texts, `None`, and dataclasses of these.

    Raises:
        ValueError: it is none.
    """
    found: Kind = _built(kind, value)
    return found


def _built(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _built(next(one for one in arguments if one is not type(None)), value)
    if origin is tuple and isinstance(value, list):
        return tuple(_built(arguments[0], entry) for entry in value)
    if origin is Mapping and isinstance(value, dict):
        return {key: _built(arguments[1], entry) for key, entry in value.items()}
    return _dataclass(kind, value) if is_dataclass(kind) else _plain(kind, value)


def _plain(kind: Any, value: Any) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(kind, type) or type(value) is not kind:
        raise ValueError(f"no {kind}")
    return value


def _dataclass(kind: Any, value: object) -> Any:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    if not isinstance(value, dict) or value.keys() != set(names):
        raise ValueError(f"no {kind.__name__}")
    return kind(**{name: _built(hints[name], value[name]) for name in names})
