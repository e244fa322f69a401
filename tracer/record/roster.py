"""Which callbacks there are, where each came from, and why it stands where it stands.

Lightning keeps nothing of this: the trainer appends its defaults to the very list that the user gave, adds what entry
points bring, moves tuners to the front and checkpoints to the end, and later mixes in what `configure_callbacks`
returns (trainer/connectors/callback_connector.py). A tracer among the callbacks is looked at while this goes on, by
`isinstance(callback, Checkpoint)` and the like, before the first default is appended and again before anything is
moved: `note_order`, which it calls then, notes down what the list holds. A tracer that came later can only exclude
what is impossible, and what then remains open is None.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary, ref

from tracer.record.defined import is_overridden

_DEFAULTS = {
    "Checkpoint": ("ModelCheckpoint", "LitModelCheckpoint", "LightningModelCheckpoint"),
    "Timer": ("Timer",),
    "ProgressBar": ("TQDMProgressBar", "RichProgressBar"),
    "ModelSummary": ("ModelSummary", "RichModelSummary"),
}
"""What the trainer adds when nothing of the kind is there, in its order: by kind, the classes it takes for it."""

_ORIGINS = {
    "trainer": "given",
    "default": "added by default, after those given",
    "entry point": "from an entry point, after the defaults",
    "model": "from configure_callbacks, after the trainer's own",
    "tracer": "records the run",
    None: "where it came from is not known",
}
_MOVES = {"tuner": "tuners run first", "checkpoint": "checkpoints run last"}


@dataclass
class _Note:
    """What was seen of a trainer's list before anything was moved. Weak: it must not keep a callback alive."""

    listed: list[tuple[ref[Any], type]]
    least: int
    """At least so many of them, from the first on, were given by the user;"""
    most: int
    """and at most so many."""


_NOTES: WeakKeyDictionary[Any, _Note] = WeakKeyDictionary()


def note_order(frame: FrameType | None) -> None:
    """Notes the callbacks of a trainer that is being made; does nothing at any other time, and never raises.

    Args:
        frame: The frame that looks at the tracer.
    """
    names = []
    for _ in range(5):
        if frame is None:
            return
        names.append(frame.f_code.co_name)
        if names[-1] == "on_trainer_init":
            break
        frame = frame.f_back
    else:
        return
    try:
        _note(frame.f_locals, "_configure_checkpoint_callbacks" in names)
    except Exception:
        return  # nothing is noted, so nothing will be claimed


def _note(arguments: dict[str, Any], first: bool) -> None:
    trainer = arguments["self"].trainer
    callbacks = list(trainer.callbacks)
    listed = [(ref(callback), type(callback)) for callback in callbacks]
    if trainer in _NOTES:
        _NOTES[trainer].listed = listed
    elif first:
        _NOTES[trainer] = _Note(listed, len(listed), len(listed))
    else:
        possible = _possible_counts(callbacks, arguments)
        _NOTES[trainer] = _Note(listed, min(possible), max(possible))


def _possible_counts(callbacks: Sequence[Any], arguments: dict[str, Any]) -> list[int]:
    """How many of the callbacks, from the first on, the user may have given, after the defaults were appended."""
    if not arguments["callbacks"]:
        return [0]
    wanted = {
        "Checkpoint": arguments["enable_checkpointing"],
        "Timer": arguments["max_time"] is not None,
        "ProgressBar": arguments["enable_progress_bar"],
        "ModelSummary": arguments["enable_model_summary"],
    }
    foreign = _foreign_entry_points()

    def is_possible(count: int) -> bool:
        given, rest = callbacks[:count], callbacks[count:]
        if any(map(is_tracer, given)):
            return False  # one that was given would have been looked at before the defaults came
        added = [kind for kind in _DEFAULTS if wanted[kind] and not any(_is_a(callback, kind) for callback in given)]
        names = [type(callback).__name__ for callback in rest[: len(added)]]
        fitting = [name in _DEFAULTS[kind] for kind, name in zip(added, names, strict=False)]
        if len(fitting) < len(added) or not all(fitting):
            return False
        return foreign or all(map(is_tracer, rest[len(added) :]))

    return [count for count in range(1, len(callbacks) + 1) if is_possible(count)]


def _foreign_entry_points() -> bool:
    """Whether other packages than this one add callbacks to every trainer."""
    groups = ("lightning.pytorch.callbacks_factory", "pytorch_lightning.callbacks_factory")
    return any(not point.value.startswith("tracer.") for group in groups for point in entry_points(group=group))


def is_tracer(callback: Any) -> bool:
    """Whether a callback is ours."""
    return _is_a(callback, "HookTracer")


def _is_a(callback: Any, name: str) -> bool:
    return name in (cls.__name__ for cls in type(callback).__mro__)


def describe_callbacks(trainer: Any) -> dict[str, Any]:
    """The callbacks in the order in which Lightning calls them, and the classes of those given, in the order given.

    Returns:
        `callbacks`: of each its class, state_key, instance (0, 1, ... among those of its class), origin ("trainer" if
        the user gave it, "default", "entry point", "model", "tracer", None if not known), given (its index in the
        user's list) and the reason why it stands where it stands. `callbacks_given`: None if not known.
    """
    note = _NOTES.get(trainer)
    counts: dict[str, int] = {}
    entries = []
    for callback in trainer.callbacks:
        name = type(callback).__name__
        counts[name] = counts.get(name, -1) + 1
        place = _place(callback, note)
        origin = _origin(callback, place, note, trainer)
        entry = {"class": name, "state_key": str(callback.state_key), "instance": counts[name], "origin": origin}
        given = place if note is not None and place is not None and place < note.least else None
        entries.append(entry | {"given": given, "reason": _reason(callback, origin, place, note, trainer)})
    return {"callbacks": entries, "callbacks_given": _names_given(note)}


def _names_given(note: _Note | None) -> list[str] | None:
    if note is None or note.least != note.most:
        return None
    return [cls.__name__ for _, cls in note.listed[: note.least]]


def _place(callback: Any, note: _Note | None) -> int | None:
    """Index of a callback in the trainer's list before anything was moved; None if it came later."""
    if note is None:
        return None
    return next((index for index, (noted, _) in enumerate(note.listed) if noted() is callback), None)


def _origin(callback: Any, place: int | None, note: _Note | None, trainer: Any) -> str | None:
    if is_tracer(callback):
        return "tracer"
    if note is None:
        is_default = any(type(callback).__name__ in names for names in _DEFAULTS.values())
        unknown = is_default or _foreign_entry_points() or _model_adds(trainer)
        return None if unknown else "trainer"
    if place is None:
        return "model" if _model_adds(trainer) else "trainer"
    if place < note.least:
        return "trainer"
    if place < note.most:
        return None
    return "default" if _is_default(place, note) else "entry point"


def _model_adds(trainer: Any) -> bool:
    return is_overridden(trainer.lightning_module, "configure_callbacks") is True


def _is_default(place: int, note: _Note) -> bool:
    """Whether the trainer added what stands there: it adds what none before it is."""
    cls = note.listed[place][1]
    kind = next((kind for kind, names in _DEFAULTS.items() if cls.__name__ in names), None)
    return kind is not None and not any(
        kind in (base.__name__ for base in before.__mro__) for _, before in note.listed[:place]
    )


def _reason(callback: Any, origin: str | None, place: int | None, note: _Note | None, trainer: Any) -> str:
    reason = _ORIGINS[origin]
    if origin == "trainer" and place is None and note is not None:
        reason = "added after the trainer was made"
    if origin == "model" and note is not None:
        replaced = dict.fromkeys(_replaced_by(callback, note, trainer))
        reason += f", in place of {', '.join(replaced)}" if replaced else ""
    move = _MOVES.get(_group(callback))
    return f"{reason}; {move}" if move else reason


def _replaced_by(callback: Any, note: _Note, trainer: Any) -> Iterator[str]:
    there = [id(other) for other in trainer.callbacks]
    for noted, cls in note.listed:
        if issubclass(type(callback), cls) and (noted() is None or id(noted()) not in there):
            yield cls.__name__


def _group(callback: Any) -> str:
    if _is_a(callback, "BatchSizeFinder") or _is_a(callback, "LearningRateFinder"):
        return "tuner"
    return "checkpoint" if _is_a(callback, "Checkpoint") else ""
