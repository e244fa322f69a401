"""A sweep in a table: every variant beside the first, by what it changed in calls, in time, and in the end.

Of several trainings under a variant, each is compared with the baseline's training of the same turn, its neighbour in
time. How sure a ratio of times is, resampling blocks of neighbouring batches tells (the block bootstrap); from three
turns on, how much the turns differ, which knows the machine's moods as well.
"""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tracer.analyze.sweep_measure import Hook, Measured
from tracer.run.events import Int64Array
from tracer.run.metrics import FloatArray

Verdict = Literal["slower", "faster", "within noise", "too few"]

_DRAWS: Final = 200
_BLOCK: Final = 16
_LEAST_BLOCKS: Final = 5
_SEED: Final = 20_240_229
_ENOUGH_TURNS: Final = 3
_T_95: Final = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
"""Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom."""
_LEAST_CHANGE: Final = 0.05
_LOAD_CHANGE: Final = 0.15
"""By so much two trainings of the same program differ because of the machine, as long as few turns say otherwise."""


@dataclass(frozen=True)
class Trained:
    """The trainings under a variant.

    Attributes:
        label: Of the variant. Untrusted.
        by_turn: Those that came to their end.
    """

    label: str
    by_turn: Mapping[int, Measured]


@dataclass(frozen=True)
class Ratio:
    """A multiple of the baseline with its 95 % confidence interval; the bounds are None where batches are too few."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Row:
    """A variant. Times in ns, medians over the trainings; None where there is nothing to say. Texts are untrusted.

    Attributes:
        label: Of the variant.
        runs: How many trainings there are.
        gone, new, moved, fewer, more: Hooks that are called differently: in no place any more, in places where they
            were not, in other places, less or more often per turn of their loop.
        calls: Hook calls in a training batch.
        batch_ns: Time of a training batch.
        ratio: Of that to the baseline's.
        verdict: What to think of it.
        per_s: Training batches a second.
        metrics: The last value of each, the mean of the trainings.
    """

    label: str
    runs: int
    gone: tuple[str, ...]
    new: tuple[str, ...]
    moved: tuple[str, ...]
    fewer: tuple[str, ...]
    more: tuple[str, ...]
    calls: float | None
    batch_ns: float | None
    ratio: Ratio | None
    verdict: Verdict | None
    per_s: float | None
    metrics: Mapping[str, float]


def sweep_table(variants: Sequence[Trained]) -> tuple[Row, ...]:
    """A row a variant that has any training; the first of `variants`, which must have one, is the baseline."""
    baseline = variants[0]
    others = [_row(one, _pairs(baseline, one)) for one in variants[1:] if one.by_turn]
    return (_row(baseline, []), *others)


def _pairs(baseline: Trained, variant: Trained) -> list[tuple[Measured, Measured]]:
    """Each training behind that of the baseline in the same turn or, where that is missing, in the nearest."""
    return [
        (baseline.by_turn[min(baseline.by_turn, key=lambda other: abs(other - turn))], measured)
        for turn, measured in sorted(variant.by_turn.items())
    ]


def _row(variant: Trained, pairs: Sequence[tuple[Measured, Measured]]) -> Row:
    runs = list(variant.by_turn.values())
    ratio = together([batch_ratio(a.period_ns, b.period_ns) for a, b in pairs])
    changed = _changed_calls(*pairs[0]) if pairs else {}
    return Row(
        label=variant.label,
        runs=len(runs),
        gone=changed.get("gone", ()),
        new=changed.get("new", ()),
        moved=changed.get("moved", ()),
        fewer=changed.get("fewer", ()),
        more=changed.get("more", ()),
        calls=_median(run.calls_a_batch for run in runs),
        batch_ns=_median(run.batch_ns for run in runs),
        ratio=ratio,
        verdict=None if ratio is None else _verdict(ratio, len(pairs)),
        per_s=_median(run.batches_per_s for run in runs),
        metrics=_means([run.metrics for run in runs]),
    )


def _changed_calls(a: Measured, b: Measured) -> dict[str, tuple[str, ...]]:
    """By how they changed, the hooks that did, with their owners where others of the name changed in another way.

    A place that only one of the two has, such as a validation, is a change only for hooks that the other never calls.
    """
    ways: dict[Hook, set[str]] = defaultdict(set)
    for hook, path in dict.fromkeys((*a.calls, *b.calls)):
        common = not path or (path in a.turns and path in b.turns)
        only = hook not in b.hooks or hook not in a.hooks
        way = _way(a, b, hook, path) if common or only else None
        if way:
            ways[hook].add(way)
    hooks: dict[str, list[Hook]] = defaultdict(list)
    for hook, found in ways.items():
        for way in ["moved"] if found >= {"gone", "new"} else sorted(found):
            hooks[way].append(hook)
    seen = Counter(name for several in hooks.values() for name in {hook.name for hook in several})
    labels = {**a.labels, **b.labels}
    return {
        way: tuple(dict.fromkeys(labels[hook] if seen[hook.name] > 1 else hook.name for hook in several))
        for way, several in hooks.items()
    }


def _way(a: Measured, b: Measured, hook: Hook, path: str) -> str | None:
    """In which way a hook is called differently in a place; None if it is not.

    In loops of different length a rate such as "every fourth batch" is the same to within one call.
    """
    counts = a.calls.get((hook, path), 0), b.calls.get((hook, path), 0)
    turns = max(a.turns.get(path, 1), 1), max(b.turns.get(path, 1), 1)
    if not all(counts):
        return ("new" if counts[1] else "gone") if any(counts) else None
    change = counts[1] / turns[1] - counts[0] / turns[0]
    within = 0.0 if turns[0] == turns[1] else 1 / min(turns)
    return None if abs(change) <= within else "more" if change > 0 else "fewer"


def batch_ratio(a_ns: Int64Array, b_ns: Int64Array) -> Ratio | None:
    """The median time of b's batches as a multiple of that of a's; None where one has none."""
    if not len(a_ns) or not len(b_ns) or not np.median(a_ns) or not np.median(b_ns):
        return None
    log = math.log(float(np.median(b_ns)) / float(np.median(a_ns)))
    if min(len(a_ns), len(b_ns)) < _LEAST_BLOCKS * 2:
        return Ratio(math.exp(log))
    drawn = _drawn_medians(b_ns, _SEED + 1) - _drawn_medians(a_ns, _SEED)
    reach = 1.96 * float(np.std(drawn, ddof=1))
    return Ratio(math.exp(log), math.exp(log - reach), math.exp(log + reach))


def _drawn_medians(values: Int64Array, seed: int) -> FloatArray:
    """The logarithms of the medians of blocks of neighbours that are drawn with replacement."""
    size = max(1, min(_BLOCK, len(values) // _LEAST_BLOCKS))
    blocks = values[: len(values) // size * size].reshape(-1, size)
    chosen = np.random.default_rng(seed).integers(len(blocks), size=(_DRAWS, len(blocks)))
    medians = [np.median(blocks[draw]) for draw in chosen]
    return np.asarray(np.log(np.maximum(medians, 1)), np.float64)


def together(ratios: Iterable[Ratio | None]) -> Ratio | None:
    """One ratio of several turns: of a few, whatever any of their intervals holds; of more, what their spread says."""
    known = [ratio for ratio in ratios if ratio is not None]
    if not known:
        return None
    logs = [math.log(ratio.value) for ratio in known]
    mean = statistics.fmean(logs)
    if len(logs) >= _ENOUGH_TURNS:
        quantile = _T_95[min(len(logs) - 1, len(_T_95)) - 1]
        reach = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
        return Ratio(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach))
    bounds = [(ratio.low, ratio.high) for ratio in known if ratio.low is not None and ratio.high is not None]
    if len(bounds) < len(known):
        return Ratio(math.exp(mean))
    return Ratio(math.exp(mean), min(low for low, _ in bounds), max(high for _, high in bounds))


def _verdict(ratio: Ratio, turns: int) -> Verdict:
    if ratio.low is None or ratio.high is None:
        return "too few"
    least = math.log1p(_LEAST_CHANGE if turns >= _ENOUGH_TURNS else _LOAD_CHANGE)
    if ratio.low <= 1 <= ratio.high or abs(math.log(ratio.value)) <= least:
        return "within noise"
    return "slower" if ratio.value > 1 else "faster"


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _means(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every metric that all trainings logged."""
    names = [name for name in runs[0] if all(name in run for run in runs)]
    return {name: statistics.fmean(run[name] for run in runs) for name in names}
