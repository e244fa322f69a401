"""What changed from one run to another: configuration, the order of calls, how often, how long, and the metrics."""

import math
from dataclasses import dataclass, field
from functools import cached_property

from tracer.analyze.compare_calls import CallChange, LoopLength, call_changes, loop_lengths
from tracer.analyze.compare_metrics import MetricChange, metric_changes, not_common
from tracer.analyze.compare_order import OrderLine, changed_lines, order_lines
from tracer.analyze.compare_owners import Owners
from tracer.analyze.compare_times import TimeChange, UnitChange, unit_changes
from tracer.analyze.config import ConfigChange, config_changes
from tracer.analyze.digest import Digest
from tracer.analyze.digest_pace import Pace
from tracer.analyze.digest_units import TRAINING_BATCH
from tracer.run.info import RunInfo
from tracer.run.metrics import Metrics


@dataclass(frozen=True)
class Subject:
    """A run to be compared.

    Attributes:
        name: What to call it. Untrusted.
        info: Its run.json.
        digest: Of one of its ranks.
        metrics: Its metrics.csv.
        ranks: The ranks that were recorded.
    """

    name: str
    info: RunInfo
    digest: Digest
    metrics: Metrics = field(default_factory=Metrics)
    ranks: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Comparison:
    """What changed from a, the baseline, to b. Texts come from the recordings: untrusted.

    Attributes:
        a, b: Names of the runs.
        config: Changed settings.
        lengths: All loops of the two runs, outermost first.
        order: The two folded loops as one, those lines marked that differ.
        calls: Every hook in every place that both runs have.
        units: The times, by kind of unit that both runs have.
        pace: Of each of the two.
        metrics: Those that both logged at a common step.
        notes: What was not or could not be compared, a sentence each.
    """

    a: str
    b: str
    config: tuple[ConfigChange, ...]
    lengths: tuple[LoopLength, ...]
    order: tuple[OrderLine, ...]
    calls: tuple[CallChange, ...]
    units: tuple[UnitChange, ...]
    pace: tuple[Pace, Pace]
    metrics: tuple[MetricChange, ...]
    notes: tuple[str, ...]

    @cached_property
    def lengths_changed(self) -> tuple[LoopLength, ...]:
        """The loops that ran another number of times, or in one run only."""
        return tuple(length for length in self.lengths if length.a != length.b)

    @cached_property
    def order_changed(self) -> tuple[OrderLine, ...]:
        """The lines of the loop that differ."""
        return changed_lines(self.order)

    @cached_property
    def calls_changed(self) -> tuple[CallChange, ...]:
        """The hooks that are called at another rate, or in one run only."""
        return tuple(change for change in self.calls if change.differs)

    @cached_property
    def beyond_noise(self) -> tuple[TimeChange, ...]:
        """The hooks that are slower or faster, the largest change of the run first."""
        changed = ((unit, hook) for unit in self.units for hook in unit.hooks if hook.beyond_noise)
        return tuple(hook for _, hook in sorted(changed, key=lambda pair: -abs(run_change_ns(*pair))))

    @cached_property
    def times_changed(self) -> tuple[TimeChange, ...]:
        """As `beyond_noise`, with the hooks that only one run has and that can be felt."""
        changed = ((unit, hook) for unit in self.units for hook in unit.changed)
        return tuple(hook for _, hook in sorted(changed, key=lambda pair: -abs(run_change_ns(*pair))))

    @cached_property
    def metrics_changed(self) -> tuple[MetricChange, ...]:
        """The metrics that differ at a common step."""
        return tuple(change for change in self.metrics if change.different)

    @property
    def times_differ(self) -> bool:
        """Whether any time is beyond noise: of a hook, of a whole batch, or of all hooks alike."""
        return bool(self.beyond_noise) or any(
            unit.verdict in ("slower", "faster") or unit.load_beyond_noise for unit in self.units
        )

    @property
    def same(self) -> bool:
        """Whether nothing differs but times within noise."""
        return not (
            self.config
            or self.lengths_changed
            or self.order_changed
            or self.calls_changed
            or self.times_differ
            or self.metrics_changed
        )

    @property
    def main_unit(self) -> UnitChange | None:
        """The training batches; the first kind of unit where there is no training."""
        return next((unit for unit in self.units if unit.kind == TRAINING_BATCH), next(iter(self.units), None))


def run_change_ns(unit: UnitChange, hook: TimeChange) -> float:
    """What a change of a hook makes over a whole run (as long as the geometric mean of both), in ns."""
    return hook.change_ns * math.sqrt(unit.a * unit.b)


def compare(a: Subject, b: Subject) -> Comparison:
    """Compares two runs; `a` is the baseline.

    Hooks are matched by owner and name. Where each run has one module (datamodule, strategy), these two are taken for
    the same owner even if their classes differ.
    """
    owners = Owners(a.digest.actions, b.digest.actions)
    return Comparison(
        a=a.name,
        b=b.name,
        config=config_changes(a.info, b.info),
        lengths=loop_lengths(a.digest, b.digest),
        order=order_lines(a.digest.lines, b.digest.lines, owners),
        calls=call_changes(a.digest, b.digest, owners),
        units=unit_changes(a.digest, b.digest, owners),
        pace=(a.digest.pace, b.digest.pace),
        metrics=metric_changes(a.metrics, b.metrics),
        notes=tuple(_notes(a, b, owners)),
    )


def _notes(a: Subject, b: Subject, owners: Owners) -> list[str]:
    notes = [
        f"the {kind} of A is a {left}, that of B a {right}: they are compared as one"
        for kind, left, right in owners.replaced
    ]
    stages = a.digest.stages, b.digest.stages
    for only, letter in ((set(stages[0]) - set(stages[1]), "A"), (set(stages[1]) - set(stages[0]), "B")):
        if only:
            named = ", ".join(stage.replace("_", " ") for stage in (*stages[0], *stages[1]) if stage in only)
            notes.append(f"only {letter} ran: {named}; there is nothing to compare it with")
    if a.ranks != b.ranks:
        counts = [f"{len(side.ranks)} rank{'s' * (len(side.ranks) != 1)}" for side in (a, b)]
        notes.append(
            f"A has {counts[0]}, B {counts[1]}: compared are rank {a.digest.rank} of A and {b.digest.rank} of B"
        )
    notes += _states(a, b)
    if a.info.host != b.info.host:
        notes.append("the runs come from different machines: a difference in time may be the machine's")
    apart = not_common(a.metrics, b.metrics)
    if apart:
        notes.append(f"no common step: {', '.join(apart)}")
    return notes


def _states(a: Subject, b: Subject) -> list[str]:
    return [
        f"{letter} did not end well ({side.info.state}): it is compared as far as it came"
        for side, letter in ((a, "A"), (b, "B"))
        if side.info.state in ("failed", "interrupted", "running")
    ]
