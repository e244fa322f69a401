"""Places in a run that a replay can be sent to: what people type, and where that lies in time.

`--start`, the goto line and the stepping keys all come through here. Epochs and batches are counted from one, because
that is how the screen shows them; Lightning's own numbers, which exports carry, start at zero.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from tracer.errors import NotFoundError, UsageError
from tracer.run.events import Action, Int64Array
from tracer.run.text import plain_text
from tracer.run.trace import Contexts, Trace

FORMS: Final = "1:23 or 83.5 (time), e2 (epoch), b100 (batch), e2b100, or the name of a hook"

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2}(?:\.\d{1,9})?)", re.ASCII)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s?", re.ASCII)
_PLACE = re.compile(r"(?:e(\d{1,9}))?[ ,]*(?:b(\d{1,12}))?", re.ASCII)
_HOOK = re.compile(r"[^\W\d]\w*(?:#\d+)?(?:\.\w+)?")


@dataclass(frozen=True)
class AtTime:
    """A moment, in ns since the run's start."""

    time_ns: int


@dataclass(frozen=True)
class AtBatch:
    """The start of an epoch or of a batch, both counted from one; None where it was not given."""

    epoch: int | None
    batch: int | None


@dataclass(frozen=True)
class AtHook:
    """The next call of a hook: `on_fit_start` or `EarlyStopping.on_fit_start`."""

    name: str


Target = AtTime | AtBatch | AtHook


def parse_target(text: str) -> Target:
    """What `text` asks for.

    Raises:
        UsageError: it is none of `FORMS`; the message says so.
    """
    wanted = text.strip()
    if match := _CLOCK.fullmatch(wanted):
        hours, minutes, seconds = match.groups(default="0")
        return AtTime(round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1e9))
    if match := _SECONDS.fullmatch(wanted):
        return AtTime(round(float(match[1]) * 1e9))
    if wanted and (match := _PLACE.fullmatch(wanted.lower())):
        return _place(wanted, match[1], match[2])
    if _HOOK.fullmatch(wanted):
        return AtHook(wanted)
    raise UsageError(f"cannot go to {plain_text(wanted, 40)!r}: write {FORMS}")


def _place(text: str, epoch: str | None, batch: str | None) -> AtBatch:
    if "0" in {(part or "1").lstrip("0") or "0" for part in (epoch, batch)}:
        raise UsageError(f"cannot go to {text!r}: epochs and batches are counted from 1, as on the screen")
    return AtBatch(int(epoch) if epoch else None, int(batch) if batch else None)


class Places:
    """The places of one trace, in time: found out when they are first asked for."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    @cached_property
    def _batch_ns(self) -> Int64Array:
        contexts = self.trace.contexts
        loop = np.stack([contexts.call, contexts.stage, contexts.epoch, contexts.dataloader, contexts.batch])
        batches = _changes(loop) & (contexts.batch >= 0)
        # A training batch goes on after a validation that interrupts the epoch: that is not another batch. Within an
        # epoch they count up, so a batch that is not beyond the furthest one was there before.
        train = np.flatnonzero(batches & (contexts.stage == 1))
        count = (np.cumsum(_changes(loop[:, train][[0, 2]])) << 40) + np.minimum(contexts.batch[train], (1 << 40) - 1)
        furthest = np.maximum.accumulate(count)
        batches[train[1:][count[1:] <= furthest[:-1]]] = False
        return contexts.start_ns[batches]

    @cached_property
    def _epoch_ns(self) -> Int64Array:
        contexts = self.trace.contexts
        return contexts.start_ns[_changes(np.stack([contexts.call, contexts.epoch]))]

    def event_after(self, time_ns: int) -> int | None:
        """When the next hook call begins or ends; None after the last event."""
        starts = self.trace.start_ns
        row = int(np.searchsorted(starts, time_ns, side="right"))
        ends = [end_ns for end_ns in self._ends_around(row - 1) if end_ns > time_ns]
        return min([*ends, *starts[row : row + 1].tolist()], default=None)

    def event_before(self, time_ns: int) -> int | None:
        """When a hook call last began or ended before; None at the first event."""
        starts = self.trace.start_ns
        row = int(np.searchsorted(starts, time_ns, side="left")) - 1
        if row < 0:
            return None
        return max(int(starts[row]), *(end_ns for end_ns in self._ends_around(row) if end_ns < time_ns), -1)

    def _ends_around(self, row: int) -> Iterator[int]:
        """The ends of a span and those around it, as far as they ended."""
        while row >= 0:
            if self.trace.duration_ns[row] >= 0:
                yield self.trace.end_ns(row)
            row = int(self.trace.parent[row])

    def epoch_after(self, time_ns: int) -> int | None:
        """Start of the next epoch, or of the next call of the trainer; None after the last."""
        return _after(self._epoch_ns, time_ns)

    def epoch_before(self, time_ns: int) -> int | None:
        """Start of this epoch, or of the one before if `time_ns` is its start; None at the first."""
        return _before(self._epoch_ns, time_ns)

    def batch_after(self, time_ns: int) -> int | None:
        """Start of the next batch of any stage; None after the last."""
        return _after(self._batch_ns, time_ns)

    def batch_before(self, time_ns: int) -> int | None:
        """Start of this batch, or of the one before if `time_ns` is its start; None at the first."""
        return _before(self._batch_ns, time_ns)

    def hook_after(self, action: int, time_ns: int) -> int | None:
        """Start of the next span of an action; None after the last."""
        return _after(self._starts(np.asarray([action])), time_ns)

    def hook_before(self, action: int, time_ns: int) -> int | None:
        """Start of the last span of an action that began before; None at the first."""
        return _before(self._starts(np.asarray([action])), time_ns)

    def find(self, target: Target, now_ns: int) -> int:
        """Where `target` lies, in ns since the run's start.

        Args:
            target: what `parse_target` returned.
            now_ns: from where to look: a batch without an epoch is one of this epoch, a hook is its next call.

        Raises:
            NotFoundError: there is no such place in the run; the message says what there is.
        """
        match target:
            case AtTime(time_ns):
                return time_ns
            case AtBatch(epoch, batch):
                contexts = self.trace.contexts
                return int(contexts.start_ns[context_at(contexts, epoch, batch, now_ns)])
            case AtHook(name):
                return self._find_hook(name, now_ns)

    def _find_hook(self, name: str, now_ns: int) -> int:
        starts = self._starts(np.asarray(actions_named(self.trace, name), np.int64))
        if not len(starts):
            raise NotFoundError(no_hook(self.trace, name))
        following = _after(starts, now_ns)
        return int(starts[0]) if following is None else following

    def _starts(self, actions: Int64Array) -> Int64Array:
        return self.trace.start_ns[np.isin(self.trace.action, actions)]


def actions_named(trace: Trace, name: str) -> list[int]:
    """Numbers of the actions that `on_fit_start` or `EarlyStopping.on_fit_start` names."""
    return [action.id for action in trace.actions if name in (action.hook, action.label)]


def no_hook(trace: Trace, name: str) -> str:
    """That a hook was not called, with others that may have been meant."""
    part = name.rpartition(".")[2].removeprefix("on_")
    near = sorted({action.hook for action in trace.actions if part and part in action.hook})
    hint = f"; there is {', '.join(plain_text(hook, 60) for hook in near[:3])}" if near else ""
    return f"no hook {plain_text(name, 60)!r} was called in this run{hint}"


def context_at(contexts: Contexts, epoch: int | None, batch: int | None, now_ns: int) -> int:
    """Number of the context in which an epoch or a training batch begins, both counted from one.

    Args:
        contexts: where the loop stood.
        epoch: None for the one at `now_ns`.
        batch: None for the start of the epoch.
        now_ns: in ns since the run's start.

    Raises:
        NotFoundError: there is no such place; the message says what there is.
    """
    if epoch is None:
        here = int(np.searchsorted(contexts.start_ns, now_ns, side="right")) - 1
        epoch_index = max(0, int(contexts.epoch[here])) if here >= 0 else 0
    else:
        epoch_index = epoch - 1
    # A sanity check runs before the first epoch and carries its number: it is not what "epoch 1" means.
    in_fit = contexts.function == 0
    inside = (contexts.epoch == epoch_index) & in_fit & (contexts.stage != 0)
    if not inside.any():
        epochs = int(contexts.epoch[in_fit].max(initial=-1)) + 1
        raise NotFoundError(f"there is no epoch {epoch_index + 1} in this run: it has {epochs}")
    if batch is None:
        return int(np.argmax(inside))
    train = inside & (contexts.stage == 1) & (contexts.batch >= 0)
    found = train & (contexts.batch == batch - 1)
    if not found.any():
        last = int(contexts.batch[train].max(initial=-1)) + 1
        raise NotFoundError(f"there is no batch {batch} in epoch {epoch_index + 1}: it has {last}")
    return int(np.argmax(found))


def selected_action(actions: tuple[Action, ...], action: int) -> Action | None:
    """The action of that number; None for -1, which stands for "no hook"."""
    return actions[action] if 0 <= action < len(actions) else None


def _changes(columns: Int64Array) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Where any row of `columns` differs from its predecessor; the first entry counts as a change."""
    changed = np.ones(columns.shape[1], np.bool_)
    changed[1:] = (columns[:, 1:] != columns[:, :-1]).any(axis=0)
    return changed


def _after(times_ns: Int64Array, time_ns: int) -> int | None:
    index = int(np.searchsorted(times_ns, time_ns, side="right"))
    return int(times_ns[index]) if index < len(times_ns) else None


def _before(times_ns: Int64Array, time_ns: int) -> int | None:
    index = int(np.searchsorted(times_ns, time_ns, side="left")) - 1
    return int(times_ns[index]) if index >= 0 else None
