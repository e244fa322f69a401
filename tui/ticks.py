"""Where an axis of the plot has its ticks, and how they are labelled."""

import math
from collections.abc import Sequence

_FACTORS = (1, 2, 5)


def round_ticks(low: float, high: float, most: int, least: float = 0.0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between `low` and `high`, as close as there are at most `most`.

    Args:
        low: where the axis begins.
        high: where it ends.
        most: at least 3.
        least: their distance is no less.
    """
    length = high - low
    if not 0 < length < math.inf:
        return []
    start = math.floor(math.log10(max(length / most, least))) - 1
    for power in range(start, start + 4):
        for factor in _FACTORS:
            step = factor * 10.0**power
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if step >= least and last - first < most:
                return [place * step for place in range(first, last + 1)]
    return []


def value_labels(ticks: Sequence[float], width: int) -> list[str]:
    """Labels that tell these ticks apart, in at most `width` cells each."""
    for digits in range(1, 12):
        labels = [f"{tick + 0.0:.{digits}g}" for tick in ticks]
        if len(set(labels)) == len(labels) and all(
            _near(float(label), tick, ticks) for label, tick in zip(labels, ticks, strict=True)
        ):
            plain = [_plain(tick, label) for tick, label in zip(ticks, labels, strict=True)]
            return plain if all(len(label) <= width for label in plain) else [label[:width] for label in labels]
    return [f"{tick:.{max(1, width - 6)}g}"[:width] for tick in ticks]


def _near(shown: float, tick: float, ticks: Sequence[float]) -> bool:
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(tick)
    return abs(shown - tick) <= 0.01 * step


def _plain(tick: float, label: str) -> str:
    """Without an exponent where that is as short."""
    return f"{tick:.0f}" if "e+" in label and abs(tick) < 1e6 else label


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """The same for an axis of decimal logarithms: 1, 2 and 5 of each decade, or whole decades, or any round values."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1,)):
        ticks = [power + math.log10(factor) for power in decades for factor in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if 2 <= len(inside) <= most:
            return inside
    return round_ticks(low, high, most)


def log_labels(ticks: Sequence[float]) -> list[str]:
    """The numbers at ticks of an axis of decimal logarithms."""
    values = [10**tick if abs(tick) < 307 else 0.0 for tick in ticks]
    labels = [f"{value:.2g}" for value in values]
    return labels if len(set(labels)) == len(labels) else value_labels(values, 7)


def step_ticks(low: float, high: float, most: int) -> list[float]:
    """Ticks at whole numbers."""
    return [float(round(tick)) for tick in round_ticks(low, high, most, least=1.0)]


def step_labels(ticks: Sequence[float]) -> list[str]:
    """Steps, in thousands or millions where they are many."""
    greatest = max((abs(tick) for tick in ticks), default=0)
    for limit, unit, suffix in ((1e7, 1e6, "M"), (1e5, 1e3, "k")):
        if greatest >= limit:
            return [f"{tick / unit:g}{suffix}" if tick else "0" for tick in ticks]
    return [f"{tick:.0f}" for tick in ticks]
