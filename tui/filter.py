"""The filter of the log as one line of text: what people type, and which calls that means.

A filter is words with blanks between them, and a call must meet each of them. What concerns the action alone (hook,
owner, kind) is decided once an action, what concerns the place in the loop once a context; so that a row costs two
look-ups and no text, and ten million rows a fraction of a second.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tracer.errors import UsageError
from tracer.run.events import Action, Int64Array
from tracer.run.layout import FUNCTIONS, OWNER_KINDS, STAGES
from tracer.run.text import plain_text
from tracer.run.trace import ERROR, OPEN, Contexts, Int32Array, Trace

BoolArray = npt.NDArray[np.bool_]
Ranges = tuple[tuple[int, int], ...]
"""Whole numbers from the first to the second of each pair, both included."""

FORMS: Final = (
    ("train_batch", "a part of the name of a hook or an owner"),
    ("=backward on_train_*", "the whole name; * and ? stand for anything"),
    ("hook:step owner:Early", "the name of the hook, of the owner"),
    ("kind:callback", f"who: {', '.join(OWNER_KINDS)}"),
    ("overridden", "what the owner's class brings itself"),
    ("stage:train", f"where: {', '.join(STAGES)}"),
    ("epoch:2 batch:10-20", "counted from 1, as on the screen; also 10- and -20"),
    ("step:100-", "the global step"),
    (">1ms <2s self>5us", "time in it: ns us ms s m; self: not in calls inside"),
    ("error open", "it ended by an exception, it has not ended"),
    ("a,b", "one or the other"),
    ("-word", "turns any form round: what to leave out"),
)
"""The forms of a word, each with what it means: for the dialog and the help."""

_FIELDS: Final = {"hook", "owner", "kind", "stage", "epoch", "batch", "step"}
_FIRST: Final = {"epoch": 1, "batch": 1, "step": 0}
"""What people count from; the columns start at zero."""
_UNITS_NS: Final = {"ns": 1.0, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "min": 60e9}
_MOST: Final = (1 << 63) - 1
_DURATION: Final = re.compile(r"(self)?([<>])=?(\d{1,15}(?:\.\d{1,9})?)?([a-zµμ]*)", re.ASCII | re.IGNORECASE)
_NUMBERS: Final = re.compile(r"(\d{1,15})?(-)?(\d{1,15})?", re.ASCII)
_STATUS: Final = {"error": ERROR, "open": OPEN}


@dataclass(frozen=True)
class ActionTerm:
    """Names that an action must have, one of `patterns`: in the field `of`, which is "" for hook or owner."""

    of: str
    patterns: tuple[str, ...]
    exclude: bool

    def holds(self, action: Action) -> bool:
        """Whether the action meets it."""
        return any(self._found(pattern, action) for pattern in self.patterns) != self.exclude

    def _found(self, pattern: str, action: Action) -> bool:
        if self.of == "overridden":
            return action.overridden is True
        if self.of == "kind":
            return action.owner_kind == pattern
        owner = action.label.removesuffix(f".{action.hook}") if action.owner else ""
        names = {"hook": (action.hook,), "owner": (owner, action.owner)}.get(
            self.of, (action.label, action.hook, owner)
        )
        return any(_like(pattern, name.lower()) for name in names)


@dataclass(frozen=True)
class ContextTerm:
    """Where the loop must stand: a field of `Contexts` in one of the ranges."""

    of: str
    ranges: Ranges
    exclude: bool

    def holds(self, contexts: Contexts, first: int) -> BoolArray:
        """Which of the contexts from `first` on meet it, and last whether "no context" does."""
        values = np.append(place_column(contexts, self.of, first), -1)
        return _inside(values, self.ranges, self.exclude)


@dataclass(frozen=True)
class SpanTerm:
    """How long or how it ended: a column of the trace in one of the ranges."""

    of: str
    ranges: Ranges
    exclude: bool

    def holds(self, trace: Trace, first: int, last: int) -> BoolArray:
        """Which of the rows from `first` to before `last` meet it."""
        return _inside(getattr(trace, self.of)[first:last], self.ranges, self.exclude)


Term = ActionTerm | ContextTerm | SpanTerm


@dataclass(frozen=True)
class LogFilter:
    """What the log shows: the calls that meet every term. Without terms, all."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    @property
    def of_actions(self) -> tuple[ActionTerm, ...]:
        """The terms that an action alone decides."""
        return tuple(term for term in self.terms if isinstance(term, ActionTerm))

    @property
    def of_contexts(self) -> tuple[ContextTerm, ...]:
        """The terms that the place in the loop decides."""
        return tuple(term for term in self.terms if isinstance(term, ContextTerm))

    @property
    def of_spans(self) -> tuple[SpanTerm, ...]:
        """The terms that each call decides for itself; what they say may change while it is open."""
        return tuple(term for term in self.terms if isinstance(term, SpanTerm))


class Matcher:
    """Says which rows of one growing trace meet a filter; remembers what it found out about actions and contexts."""

    def __init__(self, query: LogFilter) -> None:
        self.query = query
        self._actions: tuple[Action, ...] = ()
        self._of_action: BoolArray = np.empty(0, np.bool_)
        self._of_context: BoolArray = np.empty(0, np.bool_)  # the last entry is for "no context", number -1

    def look_at(self, trace: Trace) -> bool:
        """Takes in the actions and contexts that are new in `trace`.

        Returns:
            Whether what it said of earlier rows still holds. It does not if an action that those rows use has got its
            name only now, since the list of actions lagged behind the events.
        """
        if self.query.of_contexts and len(trace.contexts) >= len(self._of_context):
            known = self._of_context[:-1]
            new = [term.holds(trace.contexts, len(known)) for term in self.query.of_contexts]
            self._of_context = np.concatenate((known, np.logical_and.reduce(new)))
        if trace.actions == self._actions:
            return True
        before, self._actions = self._of_action, trace.actions
        terms = self.query.of_actions
        self._of_action = np.asarray([all(term.holds(action) for term in terms) for action in trace.actions], np.bool_)
        shared = min(len(before), len(self._of_action))
        return bool((before[:shared] == self._of_action[:shared]).all())

    def rows(self, trace: Trace, first: int, last: int) -> Int32Array:
        """The rows from `first` to before `last` that meet the filter. `look_at` must have seen the trace."""
        found = np.take(self._of_action, trace.action[first:last])
        if self.query.of_contexts and found.any():
            found &= np.take(self._of_context, trace.context[first:last])
        for term in self.query.of_spans:
            if found.any():
                found &= term.holds(trace, first, last)
        return (np.flatnonzero(found) + first).astype(np.int32)


def place_column(contexts: Contexts, name: str, first: int = 0) -> Int64Array:
    """A field of the contexts from `first` on as the screen shows it.

    Epochs are those of a fit: other functions and the sanity check carry a number that is not theirs.
    """
    values: Int64Array = getattr(contexts, name)[first:].astype(np.int64)
    if name == "epoch":
        in_fit = (contexts.function[first:] == FUNCTIONS.index("fit")) & (
            contexts.stage[first:] != STAGES.index("sanity_check")
        )
        return np.where(in_fit, values, -1)
    return values


def parse_filter(text: str) -> LogFilter:
    """The filter that `text` stands for; see `FORMS`.

    Raises:
        UsageError: a word cannot be understood; the message says which and what to write instead.
    """
    words = text.split()
    return LogFilter(" ".join(words), tuple(_term(word) for word in words))


def _term(word: str) -> Term:
    exclude = word.startswith("-")
    bare = word[1:] if exclude else word
    if not bare:
        raise UsageError("after - comes what to leave out, as in -on_train_batch_end")
    if match := _DURATION.fullmatch(bare):
        return _duration(bare, match, exclude)
    if bare.lower() in _STATUS:
        status = _STATUS[bare.lower()]
        return SpanTerm("status", ((status, status),), exclude)
    if bare.lower() == "overridden":
        return ActionTerm("overridden", ("",), exclude)
    field, colon, value = bare.lower().partition(":")
    if not colon:
        return ActionTerm("", _alternatives(field), exclude)
    if field not in _FIELDS:
        raise UsageError(f"no '{plain_text(field, 20)}' to filter by: there are {', '.join(sorted(_FIELDS))}")
    if not value:
        raise UsageError(f"after {field}: comes what to look for, as in {_example(field)}")
    return _of_field(field, value, exclude)


def _of_field(field: str, value: str, exclude: bool) -> Term:
    if field in _FIRST:
        ranges = tuple(_numbers(field, part) for part in _alternatives(value))
        return ContextTerm("global_step" if field == "step" else field, ranges, exclude)
    if field == "stage":
        stages = (
            STAGES.index(_one_of(field, "validate" if part == "validation" else part, STAGES))
            for part in _alternatives(value)
        )
        return ContextTerm("stage", tuple((stage, stage) for stage in stages), exclude)
    if field == "kind":
        return ActionTerm("kind", tuple(_one_of(field, part, OWNER_KINDS) for part in _alternatives(value)), exclude)
    return ActionTerm(field, _alternatives(value), exclude)


def _alternatives(value: str) -> tuple[str, ...]:
    parts = tuple(part for part in value.split(",") if part)
    if not parts:
        raise UsageError("around , come names, as in backward,training_step")
    return parts


def _one_of(field: str, text: str, names: Sequence[str]) -> str:
    """The name that `text` is or begins."""
    found = [name for name in names if name.startswith(text)]
    if len(found) != 1:
        raise UsageError(f"no {field} '{plain_text(text, 20)}': there are {', '.join(names)}")
    return found[0]


def _numbers(field: str, text: str) -> tuple[int, int]:
    match = _NUMBERS.fullmatch(text)
    if match is None or not (match[1] or match[3]):
        raise UsageError(f"cannot read {field}:{plain_text(text, 20)}: write {_example(field)}")
    least = _FIRST[field]
    low = int(match[1]) if match[1] else least
    high = int(match[3]) if match[3] else _MOST if match[2] else low
    if low < least or high < low:
        reason = f"{field} counts from {least}" if low < least else "the first number is the smaller one"
        raise UsageError(f"cannot use {field}:{text}: {reason}")
    return low - least, high - least if high < _MOST else high


def _duration(word: str, match: re.Match[str], exclude: bool) -> SpanTerm:
    of_self, operator, number, unit = match.groups()
    if number is None or unit.lower() not in _UNITS_NS:
        raise UsageError(f"cannot read {plain_text(word, 20)}: write {operator}1ms, with ns, us, ms, s or m")
    limit_ns = min(_MOST, round(float(number) * _UNITS_NS[unit.lower()]))
    ranges = ((limit_ns, _MOST),) if operator == ">" else ((0, limit_ns),)
    return SpanTerm("self_ns" if of_self else "duration_ns", ranges, exclude)


def _example(field: str) -> str:
    return {"stage": "stage:train", "kind": "kind:callback", "hook": "hook:backward", "owner": "owner:Model"}.get(
        field, f"{field}:2, {field}:2-5 or {field}:2-"
    )


def _like(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern, both in small letters: as a whole after = or with wildcards, else as a part."""
    if pattern.startswith("="):
        return name == pattern[1:]
    return fnmatchcase(name, pattern) if set(pattern) & set("*?") else pattern in name


def _inside(values: "npt.NDArray[np.integer[Any]]", ranges: Ranges, exclude: bool) -> BoolArray:
    """Which values are in one of the ranges, or in none if `exclude`."""
    found = np.zeros(len(values), np.bool_)
    for low, high in ranges:
        found |= (values >= low) & (values <= high) if high < _MOST else values >= low
    return ~found if exclude else found
