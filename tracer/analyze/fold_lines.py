"""The folded loop as lines of pseudo-code: what a terminal, a page or a widget shows, without how it looks there."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracer.analyze.fold import Part, fold
from tracer.analyze.fold_conditions import Condition, Counter, condition
from tracer.analyze.fold_paths import CALLS
from tracer.analyze.fold_select import selected
from tracer.analyze.fold_shapes import GROUP
from tracer.analyze.fold_tokens import Tokens, tokens
from tracer.analyze.pauses import Pauses
from tracer.run.trace import Trace

_COUNTED = ("epoch", "batch", "dataloader")
_STEP_HOOKS = frozenset(
    {
        "training_step",
        "backward",
        "on_before_zero_grad",
        "optimizer_zero_grad",
        "optimizer_step",
        "on_before_optimizer_step",
        "configure_gradient_clipping",
        "lr_scheduler_step",
    }
)
"""Hooks that accumulating gradients moves or leaves out."""
DEEPEST = 100


@dataclass(frozen=True)
class FoldedLine:
    """A line of the pseudo-code. Texts come from the recording: untrusted.

    Attributes:
        depth: How far it is indented.
        kind: "call", "loop" or "condition".
        text: The hook, or the head of the loop or condition.
        owners: Who is called, in order, those with a function of their own marked by `*`; empty for others.
        owner_kind: Of the first owner; empty for others.
        comment: What explains it; None if nothing does.
        count: How often it ran; None for conditions.
        mean_ns: Mean time of those that ended, of all owners together, pauses left out; None if there is none.
        share: Part of the run's time that was spent in it, 0 to 1; None for conditions.
    """

    depth: int
    kind: str
    text: str
    owners: tuple[str, ...] = ()
    owner_kind: str = ""
    comment: str | None = None
    count: int | None = None
    mean_ns: float | None = None
    share: float | None = None


def explain_lines(
    trace: Trace,
    trainer: Mapping[str, Any],
    depth: int | None = None,
    *,
    stage: str | None = None,
    owners: Collection[str] = (),
    overridden_only: bool = False,
) -> tuple[FoldedLine, ...]:
    """The loop that a run really ran, or what somebody wants to see of it with all that is around.

    Args:
        trace: The run.
        trainer: Its trainer's arguments with their values, as run.json has them.
        depth: How many levels to show. None shows all of them but for two kinds of detail: what an owner calls on
            itself alone, and a sanity check that runs nothing which validation does not run too.
        stage: Only calls in this stage, one of `layout.STAGES`.
        owners: Only calls on these, as `fold_select.unknown_owners` knows them.
        overridden_only: Only calls that run a function of the owner's own.
    """
    structure = tokens(trace)
    pauses = Pauses()
    pauses.advance(trace)
    whole = fold(structure)
    brief, both = depth is None, stage is None
    known = [[one.code for one in part.walk()] for part in whole.walk() if brief and both and part.loop == "validation"]
    all_shown = both and not owners and not overridden_only
    shown = None if all_shown else selected(whole, structure, trace, stage, owners, overridden_only)
    writer = _Writer(trace, structure, trainer, pauses, min(depth or DEEPEST, DEEPEST), brief, known, shown)
    return tuple(writer.body(whole, 0, ()))


class _Writer:
    def __init__(
        self,
        trace: Trace,
        structure: Tokens,
        trainer: Mapping[str, Any],
        pauses: Pauses,
        depth: int,
        brief: bool,
        validations: list[list[int]],
        selected: frozenset[Part] | None,
    ) -> None:
        self._trace, self._tokens, self._trainer, self._pauses = trace, structure, trainer, pauses
        self._depth, self._brief, self._validations, self._selected = depth, brief, validations, selected
        whole = self._pauses.work_ns(np.zeros(1, np.int64), np.array([trace.now_ns]))
        begin_ns = int(trace.start_ns[0]) if len(trace) else 0
        self._whole_ns = max(1, int(whole[0]) - begin_ns)
        self._open = frozenset(trace.open_rows)

    def body(self, part: Part, depth: int, loops: tuple[Part, ...]) -> Iterator[FoldedLine]:
        """The lines below a part; `loops` are those around, itself included, outermost first."""
        if depth >= self._depth:
            return
        index, shown = 0, None
        while index < len(part.body):
            together = self._together(part.body, index)
            index += len(together)
            group = [one for one in together if self._selected is None or one in self._selected]
            if not group:
                continue
            first = group[0]
            key = None if first.present is None else first.present.tobytes()
            if key is not None and key != shown:
                yield self._condition(part, first, depth, loops)
            shown = key
            yield from self._part(group, depth + (key is not None), loops)

    def _together(self, body: tuple[Part, ...], index: int) -> list[Part]:
        """The calls from `index` on that make one line: of one hook, on one owner after another, in the same turns."""
        group = [body[index]]
        while index + len(group) < len(body) and self._joins(group[-1], body[index + len(group)]):
            group.append(body[index + len(group)])
        return group

    def _joins(self, one: Part, other: Part) -> bool:
        if one.code < 0 or other.code < 0 or one.body or other.body or one.turns != other.turns:
            return False
        same = (one.present is None and other.present is None) or (
            one.present is not None and other.present is not None and bool((one.present == other.present).all())
        )
        return same and self._trace.actions[one.code].hook == self._trace.actions[other.code].hook

    def _part(self, group: list[Part], depth: int, loops: tuple[Part, ...]) -> Iterator[FoldedLine]:
        part = group[0]
        if part.code == GROUP:
            yield FoldedLine(depth, "loop", f"repeat {_times(part)}:", count=part.turns)
            yield from self.body(part, depth + 1, loops)
        elif part.loop is not None:
            if part.loop == "sanity check" and self._repeats_validation(part):
                yield replace(self._loop(part, depth, loops), text="sanity check: as validation, see there")
                return
            yield self._loop(part, depth, loops)
            yield from self.body(part, depth + 1, (*loops, part))
        else:
            yield self._call(group, depth)
            if not (self._brief and self._is_own_affair(part)):
                yield from self.body(part, depth + 1, loops)

    def _repeats_validation(self, part: Part) -> bool:
        """Whether a sanity check runs, between hooks of its own, nothing but what a validation runs in that order."""
        inner = [one.code for one in part.walk() if one.code != part.code and not self._is_around_sanity(one)]
        return any(_is_within(inner, known) for known in self._validations)

    def _is_around_sanity(self, part: Part) -> bool:
        hook = self._trace.actions[part.code].hook if part.code >= 0 else ""
        return hook.startswith("on_sanity_check_") or hook == "val_dataloader"

    def _is_own_affair(self, part: Part) -> bool:
        """Whether all that a call makes are calls of its owner on itself."""
        inside = [self._trace.actions[inner.code] for inner in part.walk() if inner.code >= 0]
        return len({(action.owner_kind, action.owner, action.instance) for action in inside}) == 1

    def _call(self, group: list[Part], depth: int) -> FoldedLine:
        actions = [self._trace.actions[part.code] for part in group]
        rows = self._tokens.row[np.concatenate([part.starts for part in group])]
        took_ns = self._work_ns(rows)
        total_ns, ended = int(took_ns.sum()), len(took_ns) / len(group)
        is_open = any(int(self._tokens.row[part.starts[-1]]) in self._open for part in group)
        times = f"{_times(group[0])} in a row" if group[0].times is not None else None
        owners = [f"{action.owner_label}{'*' if action.overridden else ''}" for action in actions if action.owner]
        return FoldedLine(
            depth,
            "call",
            actions[0].hook,
            tuple(owners),
            actions[0].owner_kind,
            "unfinished: the recording ends in here" if is_open else times,
            group[0].turns,
            total_ns / ended if ended else None,
            min(1.0, total_ns / self._whole_ns),
        )

    def _work_ns(self, rows: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """Times of those of these calls that ended, in ns."""
        took_ns = self._trace.duration_ns[rows]
        ended = took_ns >= 0
        return self._pauses.work_ns(self._trace.start_ns[rows][ended], took_ns[ended])

    def _loop(self, part: Part, depth: int, loops: tuple[Part, ...]) -> FoldedLine:
        name = part.loop or ""
        total_ns = sum(int(self._work_ns(self._tokens.row[inner.starts]).sum()) for inner in _calls_inside(part))
        line = FoldedLine(depth, "loop", f"{name}:", count=part.turns)
        if -1 - part.code < CALLS:
            line = replace(line, text=f"trainer.{name}:" if name != "trainer" else "trainer:")
        elif name in _COUNTED:
            lengths = np.ones(1, np.int64) if part.times is None else np.unique(part.times)
            first = int(self._index(part).min())
            last = int(self._index(part).max()) + 1
            span = f"{first}, {last}" if first else f"{last}"
            note = self._length_reason(name, int(lengths[-1]), loops)
            varying = f"{lengths[0]} to {lengths[-1]} turns each" if len(lengths) > 1 else None
            comment = "; ".join(filter(None, (varying, note))) or None
            line = replace(line, text=f"for {name} in range({span}):", comment=comment)
        return replace(line, mean_ns=total_ns / part.turns, share=min(1.0, total_ns / self._whole_ns))

    def _length_reason(self, name: str, length: int, loops: tuple[Part, ...]) -> str | None:
        """The trainer argument that says how many turns a loop takes."""
        around = [part.loop for part in loops]
        argument = "max_epochs"
        if name == "batch":
            stages = {"sanity check": "num_sanity_val_steps", "validation": "limit_val_batches"}
            calls = {"validate": "limit_val_batches", "test": "limit_test_batches", "predict": "limit_predict_batches"}
            known = [(stages | calls).get(kind or "") for kind in reversed(around)]
            argument = next(filter(None, known), "limit_train_batches")
        value = self._trainer.get(argument)
        return f"{argument}={value}" if type(value) is int and value == length else None

    def _index(self, loop: Part) -> "np.ndarray[Any, Any]":
        """By turn of a counted loop, the number that Lightning gives it."""
        context = self._trace.context[self._tokens.row[loop.starts]]
        values = getattr(self._trace.contexts, loop.loop or "")
        return np.asarray(values[context], np.int64)

    def _condition(self, around: Part, part: Part, depth: int, loops: tuple[Part, ...]) -> FoldedLine:
        assert part.present is not None
        counters = [self._counter(loop, around) for loop in reversed(loops) if loop.loop in _COUNTED]
        found = condition(part.present, counters, lambda one: self._reason(one, part, loops))
        return FoldedLine(depth, "condition", f"if {found.text}:", comment=found.reason)

    def _counter(self, loop: Part, around: Part) -> Counter:
        turn = np.searchsorted(loop.starts, around.starts, side="right") - 1
        last = np.ones(loop.turns, np.bool_)
        if loop.times is not None:
            last[:] = False
            last[np.cumsum(loop.times) - 1] = True
        return Counter(loop.loop or "", self._index(loop)[turn], last[turn])

    def _reason(self, found: Condition, part: Part, loops: tuple[Part, ...]) -> str | None:
        """The trainer argument whose value is the number in a condition."""
        arguments = self._trainer
        if part.loop == "validation":
            interval = arguments.get("val_check_interval")
            if found.loop == "epoch" and found.every and arguments.get("check_val_every_n_epoch") == found.every:
                return f"check_val_every_n_epoch={found.every}"
            if found.loop == "batch" and found.every and type(interval) in (int, float):
                turns = int(np.max(loops[-1].times)) if loops[-1].times is not None else 1
                batches = int(turns * interval) if type(interval) is float else interval
                return f"val_check_interval={interval}" if batches == found.every else None
            return None
        every = arguments.get("accumulate_grad_batches")
        training = part.code >= 0 and self._trace.actions[part.code].hook in _STEP_HOOKS
        return f"accumulate_grad_batches={every}" if training and every == found.every and every != 1 else None


def _calls_inside(part: Part) -> Iterator[Part]:
    """The outermost calls below a loop."""
    waiting = list(part.body)
    while waiting:
        inner = waiting.pop()
        if inner.code >= 0:
            yield inner
        else:
            waiting.extend(inner.body)


def _times(part: Part) -> str:
    """How often a part comes in a row."""
    if part.times is None:
        return "once"
    low, high = int(part.times.min()), int(part.times.max())
    return f"{low} times" if low == high else f"{low} to {high} times"


def _is_within(part: list[int], whole: list[int]) -> bool:
    """Whether the entries of `part` occur in `whole` in their order."""
    rest = iter(whole)
    return all(code in rest for code in part)
