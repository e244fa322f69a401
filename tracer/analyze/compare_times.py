"""Which hooks take another time than before, beyond noise.

Compared is the self time that the calls of a hook typically take, in one kind of unit at a time (see `digest_units`;
`resample.typical` says what is typical: nearly the median, but known better). Three things must
come together before a hook is called slower or faster:

- the ratio is out of the interval that resampling whole blocks of batches gives it, at a confidence
  chosen so that among all hooks of the comparison there is a false alarm in one of fifty comparisons at most;
- it is by `LEAST_CHANGE` at least: no recording knows by how much the next one of the same program would differ;
- it is by `LEAST_SHARE` of what its batch takes: what nobody can feel is not worth a word.

A machine that has other work to do slows all hooks alike. So first the ratio that most of the batch shares is found:
the load. As long as it is no more than a busy machine explains, it is taken out, and hooks are judged beside it; the
draws, made of whole batches, know how little the load says of their ratio then. A load beyond that is a change of its
own: then it stays in, and every hook is judged by what it took.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tracer.analyze.compare_owners import HookKey, Owners
from tracer.analyze.digest import Digest
from tracer.analyze.digest_times import HookTimes, UnitTimes
from tracer.analyze.resample import FloatArray, reach

CONFIDENCE: Final = 0.95
"""Of the intervals that are shown."""
SURE: Final = 0.98
"""That nothing in a comparison is called slower or faster that is not."""
LEAST_CHANGE: Final = 0.05
LEAST_SHARE: Final = 0.001
LOAD_MARGIN: Final = 0.15
"""By so much two runs of the same program differ because of the machine."""
_COUNTED_SHARE: Final = 0.01
"""Hooks of this share of their batch count when the confidence is chosen: the smaller ones `LEAST_SHARE` holds back."""
_MOST_WEIGHT: Final = 0.25
"""Of one hook in the load: a change of that hook alone must not pass for one of all."""
Verdict = Literal["slower", "faster", "within noise", "too few", "added", "gone"]


@dataclass(frozen=True)
class TimeSide:
    """A hook in the units of one kind of one run. Times in ns.

    Attributes:
        calls: That returned.
        per_unit: Calls per unit.
        total_ns, self_ns: Sums.
        median_ns, self_median_ns: Of a call.
        typical_ns: Self time that a call typically takes.
        share: Part of the units' time that is its self time, 0 to 1.
    """

    calls: int
    per_unit: float
    total_ns: int
    self_ns: int
    median_ns: float
    self_median_ns: float
    typical_ns: float
    share: float


@dataclass(frozen=True)
class Ratio:
    """b as a multiple of a, with its 95 % confidence interval; the bounds are None where there are too few units."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class TimeChange:
    """A hook in the units of one kind that both runs have.

    Attributes:
        key: The hook.
        unit: Kind of unit, one of `UNITS`.
        a, b: The two sides; None for a run that never calls it there.
        ratio: Of what its calls typically take by themselves; None where there is none.
        judged: The same with the load taken out, if it was.
        change_ns: Self time per unit in b beyond that in a, by what is typical.
        verdict: What to think of it. "too few" means that nobody can say.
    """

    key: HookKey
    unit: str
    a: TimeSide | None
    b: TimeSide | None
    ratio: Ratio | None
    judged: Ratio | None
    change_ns: float
    verdict: Verdict

    @property
    def beyond_noise(self) -> bool:
        """Whether it is slower or faster."""
        return self.verdict in ("slower", "faster")

    @property
    def changed(self) -> bool:
        """Whether it is slower or faster, or only one run has it."""
        return self.verdict not in ("within noise", "too few")


@dataclass(frozen=True)
class UnitChange:
    """The units of one kind as wholes. Times in ns.

    Attributes:
        kind: One of `UNITS`.
        a, b: How many there are.
        a_ns, b_ns: Median time of one.
        ratio: Of these; None where there is none.
        load: The ratio that its hooks share; None where they are too few.
        load_beyond_noise: Whether that is more than a busy machine explains.
        verdict: Of the unit as a whole.
        hooks: All hooks in them: first those that changed, the largest change first.
    """

    kind: str
    a: int
    b: int
    a_ns: float
    b_ns: float
    ratio: Ratio | None
    load: float | None
    load_beyond_noise: bool
    verdict: Verdict
    hooks: tuple[TimeChange, ...]

    @property
    def changed(self) -> tuple[TimeChange, ...]:
        """The hooks that changed, without those that only one run has and that nobody can feel."""
        least_ns = LEAST_SHARE * max(self.a_ns, self.b_ns)
        return tuple(
            hook for hook in self.hooks if hook.changed and (hook.beyond_noise or abs(hook.change_ns) >= least_ns)
        )


@dataclass(frozen=True)
class _Judge:
    """How sure is sure enough in one comparison.

    Attributes:
        chance: Confidence of one interval.
    """

    chance: float

    def reach(self, a: UnitTimes, b: UnitTimes) -> float:
        """How many standard errors such an interval reaches."""
        return reach(self.chance, min(a.blocks, b.blocks))


def unit_changes(a: Digest, b: Digest, owners: Owners) -> tuple[UnitChange, ...]:
    """The kinds of units that both runs have."""
    times_b = {times.kind: times for times in b.times}
    pairs = [(times, times_b[times.kind]) for times in a.times if times.kind in times_b]
    sides = [_Pair(left, right, _by_key(left, a, owners), _by_key(right, b, owners)) for left, right in pairs]
    family = max(1, sum(pair.counted() for pair in sides))
    judge = _Judge(SURE ** (1 / family))
    return tuple(pair.change(judge) for pair in sides)


@dataclass(frozen=True)
class _Hook:
    """A hook of one run.

    Attributes:
        side: What it took.
        column: Of its draws.
    """

    side: TimeSide
    column: FloatArray


def _by_key(times: UnitTimes, side: Digest, owners: Owners) -> dict[HookKey, _Hook]:
    found: dict[HookKey, _Hook] = {}
    for index, hook in enumerate(times.hooks):
        key = owners.key(side.actions[hook.action])
        found.setdefault(key, _Hook(_side(hook, times), times.drawn[:, index + 1].astype(np.float64)))
    return found


def _side(hook: HookTimes, times: UnitTimes) -> TimeSide:
    return TimeSide(
        hook.calls,
        hook.calls / times.units,
        hook.total_ns,
        hook.self_ns,
        hook.median_ns,
        hook.self_median_ns,
        hook.typical_ns,
        hook.self_ns / times.wall_ns if times.wall_ns else 0.0,
    )


class _Pair:
    """The units of one kind in both runs."""

    def __init__(
        self, a: UnitTimes, b: UnitTimes, hooks_a: dict[HookKey, _Hook], hooks_b: dict[HookKey, _Hook]
    ) -> None:
        self._a, self._b, self._hooks_a, self._hooks_b = a, b, hooks_a, hooks_b
        self._common = [key for key in hooks_a if key in hooks_b]
        self._ratio = np.array([_log_ratio(hooks_a[key].side, hooks_b[key].side) for key in self._common])
        self._drawn = [
            np.stack([side[key].column for key in self._common], 1) if self._common else np.empty((1, 0))
            for side in (hooks_a, hooks_b)
        ]
        known = [np.isfinite(drawn).all(axis=0) for drawn in self._drawn]
        self._judged = known[0] & known[1] & np.isfinite(self._ratio)
        self._weight = self._weights()

    def _weights(self) -> FloatArray:
        """How much each hook says of the load: with the root of its time, so that neither the many small ones decide
        nor the largest alone."""
        times = [
            math.sqrt(hook.a.typical_ns * hook.a.per_unit * hook.b.typical_ns * hook.b.per_unit)
            for hook in self._sides()
        ]
        weight = np.sqrt(np.array(times, np.float64)) * self._judged
        weight = np.minimum(weight, weight.sum() * _MOST_WEIGHT)
        total = weight.sum()
        return np.asarray(weight / total if total else weight, np.float64)

    def _sides(self) -> list["_Sides"]:
        return [_Sides(self._hooks_a[key].side, self._hooks_b[key].side) for key in self._common]

    def counted(self) -> int:
        """How many hooks count when the confidence is chosen."""
        large = [max(both.a.share, both.b.share) >= _COUNTED_SHARE for both in self._sides()]
        return int((self._judged & np.array(large, np.bool_)).sum())

    def change(self, judge: _Judge) -> UnitChange:
        """The comparison of these units and of their hooks."""
        load, beyond = self._load()
        whole, verdict = self._whole(judge, None if beyond else load)
        hooks = [
            *(self._both(index, judge, None if beyond else load) for index in range(len(self._common))),
            *(self._only(key, hook, True) for key, hook in self._hooks_a.items() if key not in self._hooks_b),
            *(self._only(key, hook, False) for key, hook in self._hooks_b.items() if key not in self._hooks_a),
        ]
        return UnitChange(
            kind=self._a.kind,
            a=self._a.units,
            b=self._b.units,
            a_ns=self._a.median_ns,
            b_ns=self._b.median_ns,
            ratio=whole,
            load=None if load is None else math.exp(load),
            load_beyond_noise=beyond,
            verdict=verdict,
            hooks=tuple(sorted(hooks, key=lambda hook: (not hook.changed, -abs(hook.change_ns), hook.key.label))),
        )

    def _whole(self, judge: _Judge, load: float | None) -> tuple[Ratio | None, Verdict]:
        """The unit as one hook; without a load to be taken out, it must be out of noise by all of `LEAST_CHANGE`."""
        if not self._a.median_ns or not self._b.median_ns:
            return None, "too few"
        log = math.log(self._b.typical_ns / self._a.typical_ns)
        columns = [one.drawn[:, 0].astype(np.float64) for one in (self._a, self._b)]
        ratio = _interval(log, math.hypot(*map(_error, columns)), self._reach95())
        if ratio.low is None:
            return ratio, "too few"
        judged, error, least = log, math.hypot(*map(_error, columns)), 0.0
        if load is None:
            least = math.log1p(LEAST_CHANGE)
        else:
            judged -= load
            error = math.hypot(*(_error(one - loads) for one, loads in zip(columns, self._loads(), strict=True)))
        noise = judge.reach(self._a, self._b) * error
        sure = abs(judged) > max(noise + least, math.log1p(LEAST_CHANGE)) and judged * log > 0
        return ratio, ("slower" if log > 0 else "faster") if sure else "within noise"

    def _loads(self) -> list[FloatArray]:
        """By run, its part of the load in each draw."""
        return [np.nan_to_num(drawn) @ self._weight for drawn in self._drawn]

    def _reach95(self) -> float:
        return reach(CONFIDENCE, min(self._a.blocks, self._b.blocks))

    def _load(self) -> tuple[float | None, bool]:
        """The logarithm of the ratio that the hooks share (their weighted median), and whether it is beyond noise."""
        if not self._judged.any():
            return None, False
        load = _weighted_median(self._ratio, self._weight)
        error = math.hypot(*map(_error, self._loads()))
        return load, abs(load) - self._reach95() * error > math.log1p(LOAD_MARGIN)

    def _beside_load(self, index: int) -> list[FloatArray]:
        """By run, a hook beside the load of the others in each draw: a median of many hardly moves with one of them, a
        mean would."""
        weight = float(self._weight[index])
        found = []
        for drawn, loads in zip(self._drawn, self._loads(), strict=True):
            own = drawn[:, index]
            found.append(own - (loads - weight * own) / (1 - weight) if weight < 1 else own)
        return found

    def _both(self, index: int, judge: _Judge, load: float | None) -> TimeChange:
        key, both = self._common[index], self._sides()[index]
        change_ns = both.b.typical_ns * both.b.per_unit - both.a.typical_ns * both.a.per_unit
        if not self._judged[index]:
            ratio = Ratio(math.exp(self._ratio[index])) if np.isfinite(self._ratio[index]) else None
            return TimeChange(key, self._a.kind, both.a, both.b, ratio, None, change_ns, "too few")
        raw = math.hypot(*(_error(drawn[:, index]) for drawn in self._drawn))
        log, error = float(self._ratio[index]), raw
        if load is not None:
            log -= load
            error = math.hypot(*(_error(one) for one in self._beside_load(index)))
        sure = abs(log) > judge.reach(self._a, self._b) * error and log * self._ratio[index] > 0
        matters = abs(log) > math.log1p(LEAST_CHANGE) and self._share_of(both, log) > LEAST_SHARE
        verdict: Verdict = ("slower" if log > 0 else "faster") if sure and matters else "within noise"
        usual = self._reach95()
        return TimeChange(
            key,
            self._a.kind,
            both.a,
            both.b,
            _interval(float(self._ratio[index]), raw, usual),
            _interval(log, error, usual),
            change_ns,
            verdict,
        )

    def _share_of(self, both: "_Sides", log: float) -> float:
        """The part of a unit's time that a change by a factor is, the same seen from either run."""
        sides = ((both.a, self._a), (both.b, self._b))
        shares = [side.typical_ns * side.per_unit / max(times.typical_ns, 1) for side, times in sides]
        return 2 * math.sinh(abs(log) / 2) * math.sqrt(shares[0] * shares[1])

    def _only(self, key: HookKey, hook: _Hook, in_a: bool) -> TimeChange:
        change_ns = hook.side.typical_ns * hook.side.per_unit * (-1 if in_a else 1)
        a, b = (hook.side, None) if in_a else (None, hook.side)
        return TimeChange(key, self._a.kind, a, b, None, None, change_ns, "gone" if in_a else "added")


@dataclass(frozen=True)
class _Sides:
    a: TimeSide
    b: TimeSide


def _log_ratio(a: TimeSide, b: TimeSide) -> float:
    """nan where a hook takes no time that a clock can see."""
    return math.log(b.typical_ns / a.typical_ns) if a.self_median_ns and b.self_median_ns else math.nan


def _error(drawn: FloatArray) -> float:
    return float(np.std(drawn, ddof=1)) if len(drawn) > 1 else math.nan


def _interval(log: float, error: float, reach: float) -> Ratio:
    if not math.isfinite(error * reach):
        return Ratio(math.exp(log))
    return Ratio(*(math.exp(value) for value in (log, log - reach * error, log + reach * error)))


def _weighted_median(values: FloatArray, weights: Sequence[float] | FloatArray) -> float:
    """Half of the weight lies on each side; the middle of two where that is so exactly."""
    weight = np.asarray(weights)
    order = np.argsort(values, kind="stable")
    order = order[weight[order] > 0]
    reached = np.cumsum(weight[order]) / weight[order].sum()
    low = order[min(int(np.searchsorted(reached, 0.5 - 1e-9)), len(order) - 1)]
    high = order[min(int(np.searchsorted(reached, 0.5 + 1e-9)), len(order) - 1)]
    return float(values[low] + values[high]) / 2
