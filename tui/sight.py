"""What a paused training shows of itself: inspect.json as a value, and as lines for its pane.

The file comes from the training process, but may come from anyone: what is not of the right kind is passed over, and
every text is made harmless where it becomes a line.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tracer.run.files import read_regular
from tracer.run.layout import INSPECT_FILE
from tui.palette import OWNERS, owner_look
from tui.text import Line, count_text, fit

_MAX_BYTES: Final = 1 << 20
_MAX_ENTRIES: Final = 64
_LABEL: Final = 16

Facts = tuple[tuple[str, str], ...]
"""Names with what they are."""


@dataclass(frozen=True)
class Called:
    """An action without its numbers: whose it is."""

    owner_kind: str
    owner: str
    hook: str

    @property
    def label(self) -> str:
        """`Owner.hook`."""
        return f"{self.owner}.{self.hook}" if self.owner else self.hook


@dataclass(frozen=True)
class Sight:
    """What there is to see at a stop.

    Attributes:
        stop: number of the stop.
        why: "asked", "step", "batch" or "breakpoint ...".
        side: "before" the action is entered, or "after" it was left.
        action: at whose boundary training waits.
        stack: the open actions, outermost first.
        arguments: what the action is called with, or has returned.
        batch, learning_rates, gradients, metrics: as the trainer has them.
        notes: what could not be looked at.
        ranks: how many ranks wait.
    """

    stop: int
    why: str
    side: str
    action: Called
    stack: tuple[Called, ...]
    arguments: Facts = ()
    batch: Facts = ()
    learning_rates: Facts = ()
    gradients: Facts = ()
    metrics: Facts = ()
    notes: tuple[str, ...] = ()
    ranks: int = 1

    @property
    def place(self) -> str:
        """Where training waits, in words."""
        return f"{'after' if self.side == 'after' else 'before'} {self.action.label}"

    @property
    def reason(self) -> str:
        """Why, as far as it is not plain: at which breakpoint."""
        return self.why if self.why.startswith("breakpoint") else ""


def read_sight(run_dir: Path) -> Sight | None:
    """What the run's inspect.json says; None if it is not there or is something else."""
    try:
        content = json.loads(read_regular(run_dir / INSPECT_FILE, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return _sight(content) if isinstance(content, dict) else None


def _sight(content: Mapping[str, Any]) -> Sight | None:
    action, stop = _called(content.get("action")), content.get("stop")
    if action is None or not isinstance(stop, int):
        return None
    stack = tuple(found for entry in _entries(content.get("stack")) if (found := _called(entry)) is not None)
    result = content.get("result")
    returned: Facts = (("returned", result),) if isinstance(result, str) else ()
    ranks = content.get("ranks")
    return Sight(
        stop=stop,
        why=_text(content.get("why")),
        side=_text(content.get("side")),
        action=action,
        stack=stack,
        arguments=_facts(content.get("arguments"), "name", "kind") + returned,
        batch=_facts(content.get("batch"), "path", "kind"),
        learning_rates=_rates(content.get("learning_rates")),
        gradients=_gradients(content.get("gradients")),
        metrics=tuple((str(name), _value(value)) for name, value in _items(content.get("metrics"))),
        notes=tuple(entry for entry in _entries(content.get("notes")) if isinstance(entry, str)),
        ranks=ranks if isinstance(ranks, int) else 1,
    )


def _called(entry: object) -> Called | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("hook"), str):
        return None
    kind = _text(entry.get("owner_kind"))
    return Called(kind if kind in OWNERS else "", _text(entry.get("owner")), entry["hook"])


def _facts(content: object, name: str, value: str) -> Facts:
    found = [entry for entry in _entries(content) if isinstance(entry, dict)]
    return tuple((_text(entry.get(name)), _value(entry.get(value))) for entry in found)


def _rates(content: object) -> Facts:
    found = [entry for entry in _entries(content) if isinstance(entry, dict)]
    several = len(found) > 1
    return tuple(
        (
            _text(entry.get("optimizer")) + (f" {entry.get('number')}.{entry.get('group')}" if several else ""),
            _value(entry.get("lr")),
        )
        for entry in found
    )


def _gradients(content: object) -> Facts:
    if not isinstance(content, dict):
        return ()
    count = content.get("count")
    whole = f"all {count:,}" if isinstance(count, int) else "all"
    return ((whole, _value(content.get("total"))), *_facts(content.get("largest"), "name", "norm"))


def _entries(content: object) -> list[Any]:
    return content[:_MAX_ENTRIES] if isinstance(content, list) else []


def _items(content: object) -> list[tuple[Any, Any]]:
    return list(content.items())[:_MAX_ENTRIES] if isinstance(content, dict) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _value(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _text(value)
    return count_text(value) if isinstance(value, int) else f"{value:.4g}"


def sight_lines(sight: Sight, width: int) -> tuple[Line, ...]:
    """The lines of the pane: where training waits and why, the open stack, and what there is to see."""
    lines: list[Line] = [((fit(sight.place, width), "open"),)]
    if sight.reason:
        lines.append(((fit(sight.reason, width), "warn"),))
    if sight.ranks > 1:
        lines.append(((fit(f"all {sight.ranks} ranks wait", width), "dim"),))
    lines += [_stack_line(called, depth, width) for depth, called in enumerate(sight.stack)]
    for title, facts in (
        ("called with", sight.arguments),
        ("batch", sight.batch),
        ("learning rate", sight.learning_rates),
        ("gradient norms", sight.gradients),
        ("metrics", sight.metrics),
    ):
        lines += _section(title, facts, width)
    return (*lines, *(((fit(note, width), "dim"),) for note in sight.notes))


def _stack_line(called: Called, depth: int, width: int) -> Line:
    look = owner_look(called.owner_kind)
    indent = min(depth, max(0, width - 20))
    rest = max(0, width - indent - 2)
    hook = fit(called.hook, min(len(called.hook), rest))
    return (
        (" " * indent, ""),
        (f"{look.letter} ", called.owner_kind),
        (hook, ""),
        (fit(f" {called.owner}", rest - len(hook)), "faint"),
    )


def _section(title: str, facts: Facts, width: int) -> list[Line]:
    """The facts below their title; a name takes what it needs, up to half of the line."""
    if not facts:
        return []
    names = min(max(len(name) for name, _ in facts) + 1, max(_LABEL, width // 2))
    rows: list[Line] = [
        (("  ", ""), (fit(name, names), "dim"), (fit(value, max(0, width - names - 2)), "")) for name, value in facts
    ]
    return [((fit(title, width), "head"),), *rows]
