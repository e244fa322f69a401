"""The folded loop as lines of pseudo-code: what a terminal, a page or a widget shows, without how it looks there."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracer.analyze.fold import Part, fold
from tracer.analyze.fold_blocks import blocks
from tracer.analyze.fold_conditions import Condition, condition
from tracer.analyze.fold_cut import UNFINISHED, CutTurns
from tracer.analyze.fold_paths import CALLS, BoolArray
from tracer.analyze.fold_reasons import Reasons
from tracer.analyze.fold_select import runs_module, selected
from tracer.analyze.fold_shapes import GROUP
from tracer.analyze.fold_times import Times
from tracer.analyze.fold_tokens import Tokens, tokens
from tracer.analyze.fold_turns import COUNTED, Turns
from tracer.run.info import CallbackInfo
from tracer.run.trace import Trace

DEEPEST = 100
_TURNS = frozenset({"run_training_epoch", "run_training_batch"})
"""Lightning's names for what a turn of its loops runs: no hook, nobody's, and written down as the loop."""


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
        owner_kinds: Of each of `owners`.
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
    owner_kinds: tuple[str, ...] = ()


def explain_lines(
    trace: Trace,
    trainer: Mapping[str, Any],
    depth: int | None = None,
    *,
    callbacks: Sequence[CallbackInfo] = (),
    stage: str | None = None,
    owners: Collection[str] = (),
    overridden_only: bool = False,
) -> tuple[FoldedLine, ...]:
    """The loop that a run really ran, or what somebody wants to see of it with all that is around.

    What stands below a line with several owners belongs to the last of them. Pauses are left out.

    Args:
        trace: The run.
        trainer: Its trainer's arguments with their values, as run.json has them.
        depth: How many levels to show. None shows all of them but for three kinds of detail: what an owner calls on
            itself alone, or in a step the module on itself (a comment names that); Lightning's names for a turn of its
            loops; and a sanity check that runs nothing which validation does not run too.
        callbacks: What run.json says of the callbacks, whose arguments may explain something.
        stage: Only calls in this stage, one of `layout.STAGES`.
        owners: Only calls on these, as `fold_select.unknown_owners` knows them.
        overridden_only: Only calls that run a function of the owner's own.
    """
    structure = tokens(trace)
    whole = fold(structure)
    shown = None
    if stage is not None or owners or overridden_only:
        shown = selected(whole, structure, trace, stage, owners, overridden_only)
    writer = _Writer(trace, structure, whole, Reasons(trainer, callbacks), depth, shown)
    return tuple(writer.body(whole, 0, ()))


class _Writer:
    def __init__(
        self,
        trace: Trace,
        structure: Tokens,
        whole: Part,
        reasons: Reasons,
        depth: int | None,
        shown: frozenset[Part] | None,
    ) -> None:
        self._actions, self._reasons, self._shown = trace.actions, reasons, shown
        self._depth, self._brief = min(depth or DEEPEST, DEEPEST), depth is None
        self._cut = CutTurns(structure, trace)
        self._turns, self._times = Turns(trace, structure, self._cut), Times(trace, structure)
        self._validations = [
            [one.code for one in part.walk()]
            for part in whole.walk()
            if self._brief and part.loop == "validation" and (shown is None or part in shown)
        ]

    def body(self, part: Part, depth: int, loops: tuple[Part, ...]) -> Iterator[FoldedLine]:
        """The lines below a part; `loops` are those around, itself included, outermost first."""
        if depth >= self._depth:
            return
        complete = part.turns - (part.turns > 1 and self._cut.is_cut(part))  # what a cut turn lacks says nothing
        always = np.ones(complete, np.bool_)
        groups, masks = [], []
        for together in self._together(part.body, complete):
            group = [one for one in together if self._shown is None or one in self._shown]
            if group:
                groups.append(group)
                present = group[-1].present
                masks.append(always if present is None else present[:complete])
        yield from self._blocks(part, groups, masks, always, depth, loops)

    def _blocks(
        self,
        around: Part,
        groups: list[list[Part]],
        masks: list[BoolArray],
        within: BoolArray,
        depth: int,
        loops: tuple[Part, ...],
    ) -> Iterator[FoldedLine]:
        for block in blocks(masks, within):
            inside = slice(block.start, block.stop)
            if block.present is None:
                yield from self._part(groups[block.start], depth, loops)
                continue
            if block.otherwise:
                yield FoldedLine(depth, "condition", "else:")
            else:
                yield self._condition(around, groups[block.start][-1], block.present, within, depth, loops)
            yield from self._blocks(around, groups[inside], masks[inside], block.present, depth + 1, loops)

    def _together(self, body: tuple[Part, ...], complete: int) -> Iterator[list[Part]]:
        """The calls that make one line: of one hook, on one owner after another, in the same turns."""
        group: list[Part] = []
        for part in body:
            if group and not self._joins(group[-1], part, complete):
                yield group
                group = []
            group.append(part)
        if group:
            yield group

    def _joins(self, one: Part, other: Part, complete: int) -> bool:
        """Whether a call makes a line with the one before, which must enclose nothing."""
        if one.code < 0 or other.code < 0 or one.body or one.times is not None or other.times is not None:
            return False
        if self._actions[one.code].hook != self._actions[other.code].hook:
            return False
        everywhere = np.ones(complete, np.bool_)
        present = (everywhere if part.present is None else part.present[:complete] for part in (one, other))
        return bool(np.equal(*present).all())

    def _part(self, group: list[Part], depth: int, loops: tuple[Part, ...]) -> Iterator[FoldedLine]:
        part = group[-1]
        if part.code == GROUP:
            yield FoldedLine(depth, "loop", f"repeat {_times(part)}:", count=part.turns)
            yield from self.body(part, depth + 1, loops)
        elif part.loop is not None:
            if part.loop == "sanity check" and self._repeats_validation(part):
                yield self._sanity_check(part, depth, loops)
                return
            yield self._loop(part, depth, loops)
            yield from self.body(part, depth + 1, (*loops, part))
        elif self._brief and self._is_turn(part):
            yield from self.body(part, depth, loops)
        else:
            own = self._brief and self._is_own_affair(part)
            yield self._call(group, depth, self._called(part) if own else None)
            if not own:
                yield from self.body(part, depth + 1, loops)

    def _repeats_validation(self, part: Part) -> bool:
        """Whether a sanity check runs, between hooks of its own, nothing but what a validation runs in that order."""
        inner = [one for one in part.walk() if one is not part and not self._is_around_sanity(one)]
        if any(one.code >= 0 and self._cut.note(one) for one in inner):
            return False
        return any(_is_within([one.code for one in inner], known) for known in self._validations)

    def _is_around_sanity(self, part: Part) -> bool:
        hook = self._actions[part.code].hook if part.code >= 0 else ""
        return hook.startswith("on_sanity_check_") or hook == "val_dataloader"

    def _is_turn(self, part: Part) -> bool:
        """Whether a call is but Lightning's name for what a turn of a loop runs, and has nothing to tell itself."""
        action = self._actions[part.code]
        return not action.owner and action.hook in _TURNS and bool(part.body) and self._cut.note(part) is None

    def _is_own_affair(self, part: Part) -> bool:
        """Whether all that a call makes are calls of its owner on itself, always the same; of a step, of the module."""
        if any(inner.present is not None for inner in part.body):
            return False
        step = runs_module(self._actions[part.code])
        inside = [one for one in part.walk() if one.code >= 0 and not (step and one is part)]
        actions = [self._actions[one.code] for one in inside]
        owners = {(action.owner_kind, action.owner, action.instance) for action in actions}
        return len(owners) == 1 and (not step or actions[0].owner_kind == "module")

    def _called(self, part: Part) -> str | None:
        """Names of what a call makes that is not written out below it, and the argument that it does so for."""
        shown = [inner for inner in part.body if self._shown is None or inner in self._shown]
        actions = [self._actions[inner.code] for inner in shown if inner.code >= 0]
        if not actions:
            return None
        names = dict.fromkeys(f"{action.hook}{'*' if action.overridden else ''}" for action in actions)
        reasons = filter(None, (self._reasons.of_call(action.hook) for action in actions))
        return "; ".join([f"calls {', '.join(names)}", *reasons])

    def _call(self, group: list[Part], depth: int, called: str | None) -> FoldedLine:
        actions = [self._actions[part.code] for part in group]
        took_ns = self._times.calls(np.concatenate([part.starts for part in group]))
        total_ns, ended = int(took_ns.sum()), len(took_ns) / len(group)
        times = f"{_times(group[0])} in a row" if group[0].times is not None else None
        owned = [action for action in actions if action.owner]
        return FoldedLine(
            depth,
            "call",
            actions[0].hook,
            tuple(f"{action.owner_label}{'*' if action.overridden else ''}" for action in owned),
            actions[0].owner_kind,
            "; ".join(filter(None, (*dict.fromkeys(map(self._cut.note, group)), times, called))) or None,
            group[0].turns,
            total_ns / ended if ended else None,
            self._times.share(total_ns),
            tuple(action.owner_kind for action in owned),
        )

    def _loop(self, part: Part, depth: int, loops: tuple[Part, ...]) -> FoldedLine:
        name = part.loop or ""
        line = FoldedLine(depth, "loop", f"{name}:", count=part.turns)
        if -1 - part.code < CALLS:
            line = replace(line, text=f"trainer.{name}:" if name != "trainer" else "trainer:")
        elif name in COUNTED:
            index = self._turns.index(part)
            first, end = int(index.min()), int(index.max()) + 1
            text = f"for {name} in range({f'{first}, ' if first else ''}{end}):"
            line = replace(line, text=text, comment=self._length(part, end, loops))
        total_ns = self._times.loop(part)
        return replace(line, mean_ns=total_ns / part.turns, share=self._times.share(total_ns))

    def _sanity_check(self, part: Part, depth: int, loops: tuple[Part, ...]) -> FoldedLine:
        """The line for a whole sanity check."""
        lengths = (self._length(one, one.turns, (*loops, part)) for one in part.walk() if one.loop == "batch")
        line = self._loop(part, depth, loops)
        return replace(line, text="sanity check: as validation, see there", comment=next(filter(None, lengths), None))

    def _length(self, loop: Part, end: int, loops: tuple[Part, ...]) -> str | None:
        """How many turns a loop takes, if that varies, and which argument says so."""
        times = np.ones(1, np.int64) if loop.times is None else loop.times
        least, most = int(times.min()), int(times.max())
        varying = f"{least} to {most} turns each" if least < most else None
        reason = None
        if loop.loop == "epoch":
            reason = self._reasons.of_epochs(end, self._turns.steps())
        elif loop.loop == "batch":
            reason = self._reasons.of_batches([one.loop or "" for one in loops], most)
        ends = UNFINISHED if self._cut.ends_in(loop) else None
        return "; ".join(filter(None, (varying, reason, ends))) or None

    def _condition(
        self, around: Part, part: Part, present: BoolArray, within: BoolArray, depth: int, loops: tuple[Part, ...]
    ) -> FoldedLine:
        counters = self._turns.counters(around, loops, part.loop == "validation")
        if present.any():  # asked only where the conditions around hold: the other turns never come to it
            asked = np.append(within, np.zeros(around.turns - len(within), np.bool_))
            counters, present = [counter.at(asked) for counter in counters], present[within]
        elif part.present is not None:  # it ran in the one turn that was cut off
            present = part.present
        found = condition(present, counters, lambda one: self._reason(one, around, part, loops))
        return FoldedLine(depth, "condition", f"if {found.text}:", comment=found.reason)

    def _reason(self, found: Condition, around: Part, part: Part, loops: tuple[Part, ...]) -> str | None:
        batches = next((self._turns.planned(loop) for loop in reversed(loops) if loop.loop == "batch"), 1)
        if part.loop == "validation":
            return self._reasons.of_validation(found, batches)
        if part.code < 0:
            return None
        hook = self._actions[part.code].hook
        if around.code >= 0 and hook == "save_checkpoint":
            return self._reasons.of_checkpoint(found, self._actions[around.code])
        return self._reasons.of_step(found, hook, batches)


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
