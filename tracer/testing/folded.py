"""The calls of a test as the folded pseudo-code of `hooktrace explain`: loops, conditions, who is called at each hook.

Needs numpy, which Lightning brings along (torchmetrics asks for it). It is loaded when it is asked for.
"""

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tracer.run.layout import MAX_ACTIONS, TIME_BITS, Mark
from tracer.testing.calls import CallTrace, Stream

if TYPE_CHECKING:
    from tracer.run.events import Int64Array


def pseudo_code(trace: CallTrace) -> list[str]:
    """The order of the calls, every detail included: no counts, no times, no versions, who is called always by name.

    Args:
        trace: All of a recording, or some of its calls: what was called in one that was left out stands where it stood.
    """
    from tracer.analyze.fold_lines import DEEPEST, explain_lines
    from tracer.run.build import TraceBuilder
    from tracer.run.events import Action

    stream = trace.stream
    actions = [
        Action(number, entry["owner_kind"], entry["owner"], entry["instance"], entry["hook"], entry["overridden"])
        for number, entry in sorted(stream.actions.items())
    ]
    builder = TraceBuilder(0, datetime.fromtimestamp(0, UTC))
    builder.feed(_as_records(_kept(stream, {call.index for call in trace})), actions)
    lines = explain_lines(builder.trace(), stream.trainer, DEEPEST)
    return [f"{'  ' * line.depth}{line.text}{_owners(line.owners)}{_comment(line.comment)}" for line in lines]


def _as_records(records: "array[int]") -> "Int64Array":
    import numpy as np

    return np.frombuffer(records, np.int64)


def _owners(owners: tuple[str, ...]) -> str:
    return f": {', '.join(owner.removesuffix('*') for owner in owners)}" if owners else ""


def _comment(comment: str | None) -> str:
    return f"  # {comment}" if comment else ""


def _kept(stream: Stream, shown: set[int]) -> "array[int]":
    """The stream without the calls that are not shown, which `read_calls` numbers in the same way."""
    return array("q", _walk(stream, shown))


def _walk(stream: Stream, shown: set[int]) -> Iterator[int]:
    entered: list[tuple[int, bool]] = []  # of the calls that go on: the action, and whether it is shown
    number, left = 0, False
    for record in stream.records:
        code = record >> TIME_BITS
        if code < 0:
            at = max((index for index, (action, _) in enumerate(entered) if action == ~code), default=None)
            if at is None:
                continue
            left = entered[at][1]
            del entered[at:]
        elif code < MAX_ACTIONS:
            own = stream.is_recorders(code)
            entered.append((code, not own and number in shown))
            number += not own
        shows = left if code < 0 or code == Mark.ERROR else code >= MAX_ACTIONS or entered[-1][1]
        if shows:
            yield record
