"""Fields of JSON files that may come from anyone: a value of the wrong type reads as absent."""

from datetime import UTC, datetime
from typing import Any, Final

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2999


def as_mapping(value: object) -> dict[str, Any]:
    """The object that it is; an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The list that it is; an empty one if it is none."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """The text that it is, if it is one."""
    return value if isinstance(value, str) else None


def as_names(value: object) -> tuple[str, ...] | None:
    """The texts that it lists, if it is a list of nothing else."""
    return tuple(value) if isinstance(value, list) and all(isinstance(name, str) for name in value) else None


def as_count(value: object) -> int | None:
    """The number that it is, if it is a whole one from 0 on."""
    number = as_number(value)
    return number if number is not None and number >= 0 else None


def as_number(value: object) -> int | None:
    """The number that it is, if it is a whole one that fits 64 bits: nothing else that we have counts further."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -(1 << 63) <= value < 1 << 63 else None


def as_time(value: object) -> datetime | None:
    """The time that it says in ISO 8601, in UTC if it has no time zone; None if it says none of these centuries.

    At the ends of the calendar nothing can be added, and no time zone be changed.
    """
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
