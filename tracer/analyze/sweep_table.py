"""A sweep in a table: every variant beside the first, by what it changed in the loop, in calls, in time, in the end.

Of several trainings under a variant, each is compared with the baseline's training of the same turn, its neighbour in
time. What the table says of times is what these comparisons agree on.
"""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from tracer.analyze.compare import Comparison, Subject, compare
from tracer.analyze.compare_calls import CallChange
from tracer.analyze.compare_owners import HookKey
from tracer.analyze.compare_times import Ratio, Verdict
from tracer.analyze.digest_units import TRAINING_BATCH
from tracer.analyze.resample import t_quantile
from tracer.run.metrics import FloatArray

_CONFIDENCE = 0.95
_ENOUGH_TURNS = 3
"""From so many turns on their own spread says how sure a ratio is."""


@dataclass(frozen=True)
class Trained:
    """The trainings under a variant.

    Attributes:
        label: Of the variant. Untrusted.
        subjects: By turn, those that can be looked at.
    """

    label: str
    subjects: Mapping[int, Subject]


@dataclass(frozen=True)
class HookTime:
    """A hook that takes another time than in the baseline, in every turn."""

    label: str
    verdict: Verdict
    ratio: float


@dataclass(frozen=True)
class Row:
    """A variant. Times are medians over the trainings; None where there is nothing to say.

    Attributes:
        label: Of the variant. Untrusted.
        runs: How many trainings there are.
        lines: Lines of the folded loop that differ from the baseline's.
        gone, new, moved, fewer, more: Names of hooks that are called differently: in no place any more, in places where
            they were not, in other places, less or more often.
        times: Hooks that are slower or faster.
        calls: Hook calls in a training batch.
        batch_ns: Time of a training batch.
        ratio: Of that to the baseline's.
        verdict: What to think of it.
        per_s: Training batches a second.
        metrics: The last value of each, the mean of the trainings.
    """

    label: str
    runs: int
    lines: int
    gone: tuple[str, ...]
    new: tuple[str, ...]
    moved: tuple[str, ...]
    fewer: tuple[str, ...]
    more: tuple[str, ...]
    times: tuple[HookTime, ...]
    calls: float | None
    batch_ns: float | None
    ratio: Ratio | None
    verdict: Verdict | None
    per_s: float | None
    metrics: Mapping[str, float]


def sweep_table(variants: Sequence[Trained]) -> tuple[Row, ...]:
    """A row a variant that has any training; the first of `variants`, which must have one, is the baseline."""
    baseline = variants[0]
    others = [_row(one, _pairs(baseline, one)) for one in variants[1:] if one.subjects]
    return (_row(baseline, []), *others)


@dataclass(frozen=True)
class _Pair:
    """A training of the baseline, one of another variant, and how they compare."""

    a: Subject
    b: Subject
    comparison: Comparison


def _pairs(baseline: Trained, variant: Trained) -> list[_Pair]:
    """Each training with that of the baseline in the same turn or, where that is missing, in the nearest."""
    pairs = []
    for turn, subject in sorted(variant.subjects.items()):
        nearest = min(baseline.subjects, key=lambda other: abs(other - turn))
        first = baseline.subjects[nearest]
        pairs.append(_Pair(first, subject, compare(first, subject)))
    return pairs


def _row(variant: Trained, pairs: Sequence[_Pair]) -> Row:
    subjects = list(variant.subjects.values())
    comparisons = [pair.comparison for pair in pairs]
    ratio, verdict = _batch(comparisons)
    changed = _CallsChanged(pairs[0] if pairs else None)
    return Row(
        label=variant.label,
        runs=len(subjects),
        lines=len(comparisons[0].order_changed) if pairs else 0,
        gone=changed.names("gone"),
        new=changed.names("new"),
        moved=changed.names("moved"),
        fewer=changed.names("fewer"),
        more=changed.names("more"),
        times=_hook_times(comparisons),
        calls=_median(_calls_a_batch(subject) for subject in subjects),
        batch_ns=_median(_batch_ns(subject) for subject in subjects),
        ratio=ratio,
        verdict=verdict,
        per_s=_median(subject.digest.pace.batches_per_s for subject in subjects),
        metrics=_final(subjects),
    )


class _CallsChanged:
    """The hooks that are called differently, by how."""

    def __init__(self, pair: _Pair | None) -> None:
        changes = pair.comparison.calls_changed if pair else ()
        ways: dict[HookKey, set[str]] = defaultdict(set)
        for change in changes:
            ways[change.key].add(_how(change))
        self._hows: dict[str, list[HookKey]] = defaultdict(list)
        for key, hows in ways.items():
            for how in ["moved"] if hows >= {"gone", "new"} else hows:
                self._hows[how].append(key)
        self._only = _only(pair, {key.hook for key in ways}) if pair else {}
        seen = Counter(hook for keys in self._hows.values() for hook in {key.hook for key in keys})
        self._several = {hook for hook, count in seen.items() if count > 1}

    def names(self, how: str) -> tuple[str, ...]:
        """What changed in this way: hooks, with their owners where others of that name changed in another way."""
        keys = self._hows.get(how, ())
        named = (key.label if key.hook in self._several else key.hook for key in keys)
        return tuple(dict.fromkeys((*named, *self._only.get(how, ()))))


def _only(pair: _Pair, known: Set[str]) -> dict[str, list[str]]:
    """Hooks that only one of the two calls, and that are in no place that both have, as those of a sanity check."""
    a, b = (
        dict.fromkeys(side.digest.actions[calls.action].hook for calls in side.digest.calls)
        for side in (pair.a, pair.b)
    )
    return {
        "gone": [hook for hook in a if hook not in b and hook not in known],
        "new": [hook for hook in b if hook not in a and hook not in known],
    }


def _how(change: CallChange) -> str:
    """In which way a hook is called differently, per turn of its loop."""
    if not change.b:
        return "gone"
    if not change.a:
        return "new"
    return "fewer" if change.rates[0].b < change.rates[0].a else "more"


def _hook_times(pairs: Sequence[Comparison]) -> tuple[HookTime, ...]:
    """What every pair says of a hook, the largest change of the first pair's first."""
    said = [{(time.unit, time.key): time for time in pair.beyond_noise} for pair in pairs]
    agreed = [
        [other[place] for other in said]
        for place, time in (said[0].items() if said else ())
        if all(place in other and other[place].verdict == time.verdict for other in said)
    ]
    return tuple(
        HookTime(times[0].key.label, times[0].verdict, _mean_ratio([(it.judged or it.ratio) for it in times]))
        for times in agreed
    )


def _mean_ratio(ratios: Iterable[Ratio | None]) -> float:
    return math.exp(statistics.fmean(math.log(ratio.value) for ratio in ratios if ratio is not None))


def _batch(pairs: Sequence[Comparison]) -> tuple[Ratio | None, Verdict | None]:
    """The ratio of a training batch over all pairs, and what they agree on."""
    units = [unit for pair in pairs for unit in pair.units if unit.kind == TRAINING_BATCH]
    ratios = [unit.ratio for unit in units if unit.ratio is not None]
    if not ratios:
        return None, None
    ratio, verdicts = together(ratios), {unit.verdict for unit in units}
    unsure = ratio.low is not None and ratio.high is not None and ratio.low <= 1 <= ratio.high
    return ratio, "within noise" if len(verdicts) > 1 or (unsure and "too few" not in verdicts) else verdicts.pop()


def together(ratios: Sequence[Ratio]) -> Ratio:
    """One ratio: of a few turns whatever any of their intervals holds, of more what their own spread says."""
    logs = [math.log(ratio.value) for ratio in ratios]
    mean = statistics.fmean(logs)
    if len(logs) >= _ENOUGH_TURNS:
        reach = t_quantile(_CONFIDENCE, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
        return Ratio(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach))
    lows = [ratio.low for ratio in ratios if ratio.low is not None]
    highs = [ratio.high for ratio in ratios if ratio.high is not None]
    known = len(lows) == len(highs) == len(ratios)
    return Ratio(math.exp(mean), min(lows) if known else None, max(highs) if known else None)


def _calls_a_batch(subject: Subject) -> float | None:
    """Hook calls in the loop over training batches, per turn of it."""
    turns = [(path, count) for path, count in subject.digest.turns.items() if _is_training_batch(path)]
    batches = sum(count for _, count in turns)
    calls = sum(it.count for it in subject.digest.calls if _is_training_batch(it.path))
    return calls / batches if batches else None


def _is_training_batch(path: str) -> bool:
    return path.startswith("fit > ") and path.endswith(" > epoch > batch")


def _batch_ns(subject: Subject) -> float | None:
    return next((times.median_ns for times in subject.digest.times if times.kind == TRAINING_BATCH), None)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _final(subjects: Sequence[Subject]) -> dict[str, float]:
    """The last value of every metric that all of them logged."""
    last = [{name: _last(column) for name, column in it.metrics.columns.items()} for it in subjects]
    names = [name for name in subjects[0].metrics.names if all(values.get(name) is not None for values in last)]
    return {name: statistics.fmean(value for it in last if (value := it[name]) is not None) for name in names}


def _last(column: FloatArray) -> float | None:
    """The last value that was logged, be it nan (see `Metrics`); None if none was."""
    logged = np.flatnonzero(~np.isnan(column) | np.signbit(column))
    return float(column[logged[-1]]) if len(logged) else None
