"""What tests of comparisons share."""

from pathlib import Path

from tracer.analyze.compare import Comparison, compare
from tracer.analyze.compare_calls import CallChange
from tracer.analyze.compare_times import TimeChange
from tracer.digests import subject
from tracer.run import open_run


def compared(a: Path, b: Path, stage: str | None = None) -> Comparison:
    """Two runs compared, the first of them the baseline."""
    return compare(*(subject(open_run(path), stage=stage) for path in (a, b)))


def calls_of(comparison: Comparison, label: str, path: str) -> CallChange:
    """How often a hook is called in one place."""
    return next(change for change in comparison.calls if change.key.label == label and change.path == path)


def time_of(comparison: Comparison, label: str, unit: str = "training batch") -> TimeChange:
    """What a hook takes in one kind of unit."""
    hooks = (hook for found in comparison.units if found.kind == unit for hook in found.hooks)
    return next(hook for hook in hooks if hook.key.label == label)
