"""The metrics of a file as a list to choose from: grouped by quantity, narrowed by what is typed."""

from collections.abc import Collection
from dataclasses import dataclass

from tracer.run.metrics import Metrics
from tracer.run.text import plain_text
from tui.names import bases, counts_own_batches, metric_base, metric_kind

_MOST = 300


@dataclass(frozen=True)
class Choice:
    """One row of the list: a quantity with all its metrics, or a metric by itself.

    Attributes:
        text: what the row says; nothing in it controls a terminal.
        names: the metrics that it stands for.
        heading: whether it stands for a quantity.
    """

    text: str
    names: tuple[str, ...]
    heading: bool

    def mark(self, chosen: Collection[str]) -> str:
        """Whether all, some or none of its metrics are chosen."""
        count = sum(name in chosen for name in self.names)
        return "■" if count == len(self.names) else "◪" if count else "□"

    def turned(self, chosen: frozenset[str]) -> frozenset[str]:
        """The chosen metrics after this row was turned on, or off if all of it was on."""
        return chosen - set(self.names) if chosen >= set(self.names) else chosen | set(self.names)


def choices(metrics: Metrics, typed: str) -> tuple[Choice, ...]:
    """The rows: each quantity with more than one metric, followed by its metrics.

    Args:
        metrics: what there is.
        typed: words that a metric's name must have, in any case and order.
    """
    words = typed.lower().split()
    names = [name for name in metrics.names if all(word in name.lower() for word in words)]
    found: list[Choice] = []
    for base in bases(tuple(names)):
        group = tuple(name for name in names if metric_base(name) == base)
        if len(group) > 1:
            found.append(Choice(plain_text(base, 60), group, heading=True))
        found += [Choice(_text(metrics, name, indented=len(group) > 1), (name,), heading=False) for name in group]
    return tuple(found[:_MOST])


def _text(metrics: Metrics, name: str, indented: bool) -> str:
    values = metrics.series(name).values
    about = [metric_kind(name), f"{len(values):,} values" if len(values) != 1 else "1 value"]
    if len(values):
        about.append(f"last {values[-1]:.4g}")
    if counts_own_batches(name):
        about.append("by batches of its own loop")
    return f"{'  ' if indented else ''}{plain_text(name, 44)}  ({', '.join(about)})"
