"""Event streams for laws: random but well nested, cut into random portions."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from hypothesis import strategies as st

from tests.builders import Script, enter, leave, mark, records
from tracer.analyze.loops import LoopTree
from tracer.run.build import TraceBuilder
from tracer.run.events import Action, Int64Array
from tracer.run.layout import OWNER_KINDS, Mark
from tracer.run.trace import Trace

STARTED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACTIONS = tuple(Action(i, OWNER_KINDS[i % len(OWNER_KINDS)], f"Owner{i % 3}", 0, f"hook{i}") for i in range(6))

_MARKS = st.sampled_from(
    [(Mark.CALL, 3), (Mark.STAGE, 4), (Mark.EPOCH, 3), (Mark.BATCH, 3), (Mark.LOADER, 2), (Mark.STEP, 9)]
)


@st.composite
def streams(draw: st.DrawFn) -> Int64Array:
    """A stream of calls that are properly nested, some still open at the end, with marks anywhere between them."""
    values: list[int] = []
    open_actions: list[int] = []
    now_ns = 0
    for choice in draw(st.lists(st.integers(0, 9), max_size=120)):
        now_ns += draw(st.integers(0, 3))
        if choice < 4:
            open_actions.append(draw(st.integers(0, len(ACTIONS) - 1)))
            values.append(enter(open_actions[-1], now_ns))
        elif choice < 8 and open_actions:
            values.append(leave(open_actions.pop(), now_ns))
        else:
            kind, limit = draw(_MARKS)
            value = draw(st.integers(0 if kind is Mark.CALL else -1, limit))
            values.append(mark(kind, None if value < 0 else value))
    return records(values)


def script_actions(play: Script) -> tuple[Action, ...]:
    """The actions of a played script."""
    return tuple(Action(number, *names[:2], 0, names[2]) for names, number in play.actions.items())


def taken_in(
    events: Int64Array, actions: Sequence[Action] = ACTIONS, cuts: Sequence[int] = ()
) -> tuple[Trace, LoopTree]:
    """A trace and its tree after the stream was fed in portions that end at `cuts`."""
    builder, tree = TraceBuilder(0, STARTED_AT), LoopTree()
    for portion in np.split(events, sorted(min(cut, len(events)) for cut in cuts)):
        delta = builder.feed(portion, actions)
        tree.advance(builder.trace(), delta)
    return builder.trace(), tree
