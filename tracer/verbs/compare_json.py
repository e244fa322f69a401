"""A comparison as JSON: everything, the same and the different. docs/comparing.md describes it."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tracer.analyze.compare import Comparison
from tracer.analyze.compare_times import TimeChange
from tracer.analyze.compare_verdict import verdict

SCHEMA = 1
"""It grows when a field is renamed, removed or means something else."""


def as_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """What `--json` prints."""
    return {"schema": SCHEMA, "comparisons": [comparison_json(comparison) for comparison in comparisons]}


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """One comparison. What is no number in JSON (nan, infinity) is null."""
    content = {
        "a": comparison.a,
        "b": comparison.b,
        "verdict": verdict(comparison),
        "same": comparison.same,
        "notes": comparison.notes,
        "config": [asdict(change) for change in comparison.config],
        "lengths": [asdict(length) for length in comparison.lengths],
        "order": [asdict(line) for line in comparison.order],
        "calls": [
            {"hook": change.key.label, "owner_kind": change.key.owner_kind}
            | {name: value for name, value in asdict(change).items() if name != "key"}
            for change in comparison.calls
        ],
        "units": [asdict(unit) | {"hooks": [_hook(hook) for hook in unit.hooks]} for unit in comparison.units],
        "pace": [asdict(pace) for pace in comparison.pace],
        "metrics": [asdict(change) for change in comparison.metrics],
    }
    return {name: _finite(value) for name, value in content.items()}


def _hook(hook: TimeChange) -> dict[str, Any]:
    plain = asdict(hook)
    del plain["key"], plain["unit"]
    return {"hook": hook.key.label, "owner_kind": hook.key.owner_kind, **plain}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
