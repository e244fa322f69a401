"""The times of a comparison as CSV: a row for each hook in each kind of unit. docs/comparing.md names the columns."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import fields
from io import StringIO

from tracer.analyze.compare import Comparison
from tracer.analyze.compare_times import Ratio, TimeSide
from tracer.run.text import plain_text

_SIDE = [field.name for field in fields(TimeSide)]
COLUMNS = (
    *("a", "b", "unit", "hook", "owner_kind", "verdict"),
    *(f"{side}_{name}" for side in "ab" for name in _SIDE),
    *("ratio", "ratio_low", "ratio_high", "judged", "judged_low", "judged_high", "change_ns"),
)


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """What `--csv` prints."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for comparison in comparisons:
        writer.writerows(_rows(comparison))
    return out.getvalue()


def _rows(comparison: Comparison) -> Iterator[list[object]]:
    for unit in comparison.units:
        for hook in unit.hooks:
            names = (comparison.a, comparison.b, unit.kind, hook.key.label, hook.key.owner_kind, hook.verdict)
            yield [
                *map(plain_text, names),
                *_side(hook.a),
                *_side(hook.b),
                *_ratio(hook.ratio),
                *_ratio(hook.judged),
                hook.change_ns,
            ]


def _side(side: TimeSide | None) -> list[object]:
    return [None if side is None else getattr(side, name) for name in _SIDE]


def _ratio(ratio: Ratio | None) -> list[object]:
    return [None] * 3 if ratio is None else [ratio.value, ratio.low, ratio.high]
