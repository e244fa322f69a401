"""Breakpoints: before which hook training is to stop, and where in the loop.

Written by people (`EarlyStopping.on_validation_end epoch>=2 batch=10`), handed to the trainer in slots of fixed size on
the control page, and compared by the trainer with where it stands.
"""

import operator
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tracer.errors import UsageError
from tracer.run.layout import STAGES

PLACES: Final = ("epoch", "batch", "step")
"""The numbers that a condition can be about; beside them, the stage."""

_OPERATORS: Final[dict[str, Callable[[int, int], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "%": lambda number, every: every > 0 and number % every == 0,
}
_SYMBOLS: Final = tuple(_OPERATORS)
_CONDITION: Final = re.compile(r"(?P<place>[a-z]+)(?P<symbol>==|!=|<=|>=|=|<|>|%)(?P<value>[\w-]+)")
_NAME: Final = re.compile(r"(?:(?P<owner>\w+)\.)?(?P<hook>[^\W\d]\w*)")
_NUMBERS: Final = struct.Struct("<7q")
"""Stage, and for each of `PLACES` operator and value; 0 where there is no condition, else counted from 1."""
_TEXT_BYTES: Final = 68
SLOT_BYTES: Final = _NUMBERS.size + 2 * _TEXT_BYTES
EXAMPLE: Final = "on_train_batch_start epoch=1 batch>=10"
FORMS: Final = "[OWNER.]HOOK, then conditions: stage=validate epoch=2 batch>=10 step%100"


@dataclass(frozen=True)
class Where:
    """Where a loop stands; None where there is no such number."""

    stage: str | None = None
    epoch: int | None = None
    batch: int | None = None
    step: int | None = None


@dataclass(frozen=True)
class Condition:
    """A comparison of one of `PLACES` with a number; the symbol is one of `= != < <= > >=`, or `%` for "every"."""

    place: str
    symbol: str
    value: int

    def holds(self, where: Where) -> bool:
        """Whether it is true there; never where there is no such number."""
        number: int | None = getattr(where, self.place)
        return number is not None and _OPERATORS[self.symbol](number, self.value)

    def __str__(self) -> str:
        return f"{self.place}{self.symbol}{self.value}"


@dataclass(frozen=True)
class Breakpoint:
    """Stops before `hook` is entered: of any owner, or of the class `owner`; where all conditions hold.

    At most one condition about each of `PLACES`.
    """

    hook: str
    owner: str | None = None
    stage: str | None = None
    conditions: tuple[Condition, ...] = ()

    def matches(self, owner: str, hook: str, where: Where) -> bool:
        """Whether to stop before this call."""
        if hook != self.hook or (self.owner is not None and owner != self.owner):
            return False
        return self.stage in (None, where.stage) and all(condition.holds(where) for condition in self.conditions)

    def __str__(self) -> str:
        name = self.hook if self.owner is None else f"{self.owner}.{self.hook}"
        stage = () if self.stage is None else (f"stage={self.stage}",)
        return " ".join((name, *stage, *map(str, self.conditions)))


def parse_breakpoint(text: str) -> Breakpoint:
    """A breakpoint as `FORMS` describes it; `str` of it is such a text again.

    Raises:
        UsageError: the text is none; the message says what is wrong with it.
    """
    words = text.split()
    name = _NAME.fullmatch(words[0]) if words else None
    if name is None:
        raise UsageError(f"{words[0]!r} is no name of a hook" if words else f"write {FORMS}")
    stage: str | None = None
    conditions: dict[str, Condition] = {}
    for word in words[1:]:
        found = _CONDITION.fullmatch(word)
        if found is None:
            raise UsageError(f"{word!r} is no condition: write {FORMS}")
        if found["place"] == "stage":
            stage = _stage(found["symbol"], found["value"])
        else:
            conditions[found["place"]] = _condition(found["place"], found["symbol"], found["value"])
    made = Breakpoint(name["hook"], name["owner"], stage, tuple(conditions[key] for key in PLACES if key in conditions))
    if max(len(made.hook.encode()), len((made.owner or "").encode())) > _TEXT_BYTES:
        raise UsageError(f"the name is longer than {_TEXT_BYTES} bytes")
    return made


def _stage(symbol: str, value: str) -> str:
    if symbol not in ("=", "==") or value not in STAGES:
        raise UsageError(f"a stage is given as stage=NAME; the names are {', '.join(STAGES)}")
    return value


def _condition(place: str, symbol: str, value: str) -> Condition:
    if place not in PLACES:
        raise UsageError(f"there is no {place!r}: conditions are about stage, {', '.join(PLACES)}")
    if not (value.isascii() and value.isdigit()) or len(value) > 15:
        raise UsageError(f"{place} is compared with a number, not with {value!r}")
    return Condition(place, "=" if symbol == "==" else symbol, int(value))


def pack(breakpoint: Breakpoint) -> bytes:
    """A slot of the control page, `SLOT_BYTES` long."""
    numbers = [0 if breakpoint.stage is None else STAGES.index(breakpoint.stage) + 1]
    by_place = {condition.place: condition for condition in breakpoint.conditions}
    for place in PLACES:
        condition = by_place.get(place)
        numbers += [0, 0] if condition is None else [_SYMBOLS.index(condition.symbol) + 1, condition.value]
    texts = (breakpoint.hook, breakpoint.owner or "")
    return _NUMBERS.pack(*numbers) + b"".join(text.encode().ljust(_TEXT_BYTES, b"\0") for text in texts)


def unpack(slot: bytes) -> Breakpoint | None:
    """What a slot holds; None if it is empty or holds anything else than a breakpoint."""
    stage, *numbers = _NUMBERS.unpack_from(slot)
    texts = slot[_NUMBERS.size :]
    try:
        hook, owner = (part.rstrip(b"\0").decode() for part in (texts[:_TEXT_BYTES], texts[_TEXT_BYTES:]))
    except UnicodeDecodeError:
        return None
    if not hook or not 0 <= stage <= len(STAGES):
        return None
    conditions = []
    for place, symbol, value in zip(PLACES, numbers[::2], numbers[1::2], strict=True):
        if not 0 <= symbol <= len(_SYMBOLS):
            return None
        if symbol:
            conditions.append(Condition(place, _SYMBOLS[symbol - 1], value))
    return Breakpoint(hook, owner or None, STAGES[stage - 1] if stage else None, tuple(conditions))
