"""Few configurations in which all small combinations of settings occur: greedy, and the same every time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Config = dict[str, Any]


def covering(
    axes: Mapping[str, Sequence[Any]], strength: int, possible: Callable[[Config], bool] = lambda config: True
) -> list[Config]:
    """Configurations in which every possible combination of values of any `strength` axes occurs.

    Args:
        axes: The values of each setting.
        strength: 2 for pairs, 3 for triples.
        possible: Whether settings, some of which may still be missing, can go together. What it forbids must concern
            two settings.

    Returns:
        The configurations, each with one value of every axis, in a fixed order.
    """
    wanted = dict.fromkeys(_parts(axes, strength, possible))
    configs = []
    while wanted:
        config: Config = dict(next(iter(wanted)))
        for name in axes:
            if name not in config:
                fitting = [value for value in axes[name] if possible(config | {name: value})]
                config[name] = max(fitting, key=lambda value: _gain(config | {name: value}, name, wanted))
        configs.append({name: config[name] for name in axes})
        wanted = {part: None for part in wanted if not part <= config.items()}
    return configs


def _parts(
    axes: Mapping[str, Sequence[Any]], strength: int, possible: Callable[[Config], bool]
) -> Iterator[frozenset[tuple[str, Any]]]:
    for names in combinations(axes, strength):
        for values in product(*(axes[name] for name in names)):
            part = dict(zip(names, values, strict=True))
            if possible(part):
                yield frozenset(part.items())


def _gain(config: Config, name: str, wanted: Mapping[frozenset[tuple[str, Any]], None]) -> int:
    """How much the newest value brings: parts that are complete with it count most, those that are nearly so less."""
    newest, items = (name, config[name]), config.items()
    return sum(100 ** len(part & items) for part in wanted if newest in part)
