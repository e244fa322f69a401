"""Whose an action is, and where each callback came from: against what the test itself has put there."""

import functools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import (
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    ModelSummary,
    Timer,
    TQDMProgressBar,
)
from lightning.pytorch.callbacks.lr_finder import LearningRateFinder

from tests.builders import make_run
from tests.record.models import Mixed, Plain, trainer
from tracer import HookTracer, open_run
from tracer.record.defined import definition
from tracer.record.roster import describe_callbacks
from tracer.run.events import Action
from tracer.run.info import CallbackInfo


class Chatty(Callback):
    """A callback of which there can be several."""


def _info(path: Path) -> dict[str, CallbackInfo]:
    callbacks = open_run(path).info.callbacks
    return {f"{callback.name}{callback.instance or ''}": callback for callback in callbacks}


def _described(*callbacks: Callback, **options: Any) -> tuple[dict[str, tuple[Any, ...]], Any]:
    """Origin and place given of each callback of a trainer, by class; and the classes in the order given."""
    settings: dict[str, Any] = {"logger": False, "accelerator": "cpu"} | options
    run: Any = Trainer(callbacks=list(callbacks), **settings)
    run.strategy._lightning_module = Plain()
    found = describe_callbacks(run)
    assert [entry["class"] for entry in found["callbacks"]] == [type(callback).__name__ for callback in run.callbacks]
    return {entry["class"]: (entry["origin"], entry["given"]) for entry in found["callbacks"]}, found["callbacks_given"]


def test_order_as_resolved_beside_the_order_given(tmp_path: Path) -> None:
    saving, finding = ModelCheckpoint(tmp_path / "ckpt"), LearningRateFinder(num_training_steps=2)
    given = [saving, Chatty(), HookTracer(tmp_path / "run"), finding, Chatty()]
    options = {"enable_model_summary": True, "max_time": "00:01:00:00", "limit_train_batches": 2}
    run = trainer(tmp_path, given, **options)
    run.validate(Plain(), verbose=False)
    found = open_run(tmp_path / "run").info
    assert [callback.name for callback in found.callbacks] == [type(callback).__name__ for callback in run.callbacks]
    assert found.callbacks_given == tuple(type(callback).__name__ for callback in given)
    assert [(callback.name, callback.instance, callback.origin, callback.given) for callback in found.callbacks] == [
        ("LearningRateFinder", 0, "trainer", 3),
        ("Chatty", 0, "trainer", 1),
        ("HookTracer", 0, "tracer", 2),
        ("Chatty", 1, "trainer", 4),
        ("Timer", 0, "default", None),
        (type(run.callbacks[5]).__name__, 0, "default", None),
        ("ModelCheckpoint", 0, "trainer", 0),
    ]
    assert [callback.reason for callback in found.callbacks] == [
        "given; tuners run first",
        "given",
        "records the run",
        "given",
        "added by default, after those given",
        "added by default, after those given",
        "given; checkpoints run last",
    ]


def test_a_default_and_the_same_given_are_told_apart() -> None:
    bar, summary = TQDMProgressBar(), ModelSummary()
    found, given = _described(HookTracer(), ModelCheckpoint(), bar, summary)
    assert given == ["HookTracer", "ModelCheckpoint", "TQDMProgressBar", "ModelSummary"]
    assert {origin for name, (origin, _) in found.items() if name != "HookTracer"} == {"trainer"}
    found, given = _described(HookTracer(), ModelCheckpoint())
    assert given == ["HookTracer", "ModelCheckpoint"]
    assert found.pop("HookTracer") == ("tracer", 0)
    assert found.pop("ModelCheckpoint") == ("trainer", 1)
    assert list(found.values()) == [("default", None)] * 2


def test_what_cannot_be_known_is_not_claimed() -> None:
    found, given = _described(Chatty(), TQDMProgressBar(), Timer("00:01:00:00"))
    assert given is None
    assert found["Chatty"] == ("trainer", None)
    assert found["TQDMProgressBar"] == found["ModelCheckpoint"] == (None, None)


def test_callbacks_of_the_model(tmp_path: Path) -> None:
    class Bringing(Plain):
        def configure_callbacks(self) -> Any:
            return [EarlyStopping("loss", patience=9), Chatty()]

    given = [EarlyStopping("loss"), HookTracer(tmp_path / "run")]
    run = trainer(tmp_path, given, enable_checkpointing=True)
    run.fit(Bringing())
    found = _info(tmp_path / "run")
    assert list(found) == ["HookTracer", "EarlyStopping", "Chatty", "ModelCheckpoint"]
    assert [callback.origin for callback in found.values()] == ["tracer", "model", "model", "default"]
    assert (
        found["EarlyStopping"].reason == "from configure_callbacks, after the trainer's own, in place of EarlyStopping"
    )
    assert found["Chatty"].reason == "from configure_callbacks, after the trainer's own"
    assert open_run(tmp_path / "run").info.callbacks_given == ("EarlyStopping", "HookTracer")


def test_added_after_the_trainer_was_made(tmp_path: Path) -> None:
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")], enable_checkpointing=False)
    run.callbacks.append(Chatty())
    run.fit(Plain())
    found = _info(tmp_path / "run")["Chatty"]
    assert (found.origin, found.given, found.reason) == ("trainer", None, "added after the trainer was made")


def test_the_tracer_of_the_mixin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKTRACE_DIR", str(tmp_path / "run"))
    trainer(tmp_path, [LearningRateMonitor()], enable_checkpointing=False).fit(Mixed())
    assert [(callback.name, callback.origin) for callback in _info(tmp_path / "run").values()] == [
        ("LearningRateMonitor", "trainer"),
        ("HookTracer", "tracer"),
    ]


def test_an_entry_points_callback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lightning.pytorch.trainer.connectors.callback_connector as connector

    monkeypatch.setattr(connector, "_load_external_callbacks", lambda group: [Chatty(), ModelSummary()])
    found, _ = _described(HookTracer())
    assert (found["Chatty"], found["ModelCheckpoint"]) == (("entry point", None), ("default", None))
    monkeypatch.setattr(connector, "_load_external_callbacks", lambda group: [HookTracer()])
    quiet = {"enable_model_summary": False, "enable_checkpointing": False}
    for given, bar, expected in (
        ((), True, []),
        ((LearningRateMonitor(),), True, None),  # the bar may be anybody's
        ((LearningRateMonitor(),), False, ["LearningRateMonitor"]),
    ):
        found, order = _described(*given, enable_progress_bar=bar, **quiet)
        assert order == expected
        assert found["HookTracer"] == ("tracer", None)
        assert [found[type(callback).__name__] for callback in given] == [("trainer", 0)] * len(given)


class Base(Plain):
    def on_train_start(self) -> None:
        """Says so at the start."""


def _decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


class Derived(Base):
    @_decorated
    def on_train_end(self) -> None:
        """Says so at the end."""

    on_train_epoch_start = functools.partialmethod(print, "epoch", end="")
    on_train_epoch_end = functools.partialmethod(Plain.on_train_epoch_end)
    on_fit_start = staticmethod(functools.partial(math.floor, 1.5))  # no Python code


def _line(function: Any) -> str:
    return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"


def _actions(path: Path) -> dict[str, Action]:
    return {action.label: action for action in open_run(path).trace().actions}


def test_where_a_hook_comes_from(tmp_path: Path) -> None:
    class Assigned(Chatty):
        def on_train_batch_end(self, *args: Any) -> None:
            """The class's."""

    def mine(*args: Any) -> None:
        """Mine alone."""

    first, second = Assigned(), Assigned()
    second.on_train_batch_end = mine  # type: ignore[method-assign]
    trainer(tmp_path, [first, second, HookTracer(tmp_path / "run")]).fit(Derived())
    found = _actions(tmp_path / "run")
    inherited, decorated = found["Derived.on_train_start"], found["Derived.on_train_end"]
    assert (inherited.overridden, inherited.defined_by) == (True, "Base")
    assert inherited.defined_at == _line(Base.on_train_start)
    assert inherited.doc == "Says so at the start."
    assert decorated.defined_at == _line(Derived.on_train_end.__wrapped__)  # type: ignore[attr-defined]
    assert (decorated.doc, decorated.defined_by) == ("Says so at the end.", "Derived")
    assert (found["Derived.on_fit_start"].overridden, found["Derived.on_fit_start"].defined_at) == (True, None)
    assert (found["Derived.on_train_epoch_start"].overridden, found["Derived.on_train_epoch_start"].defined_at) == (
        True,
        None,
    )
    assert found["Derived.on_train_epoch_end"].overridden is False  # a detour to the default
    ours, own = found["Assigned.on_train_batch_end"], found["Assigned#1.on_train_batch_end"]
    assert (ours.defined_by, ours.doc) == ("Assigned", "The class's.")
    assert (own.defined_by, own.doc, own.overridden, own.defined_at) == (None, "Mine alone.", True, _line(mine))


def test_what_calls_itself_a_hook_may_be_anything() -> None:
    class Strange:
        on_train_start = 3
        on_train_end = property(lambda self: 1 / 0)

        def on_fit_start(self) -> None: ...

        on_fit_end = on_fit_start

    Strange.on_fit_start.__wrapped__ = Strange.on_fit_start  # type: ignore[attr-defined]  # a ring
    assert definition(Strange(), "on_train_start") is None
    assert definition(Strange(), "nothing") is None
    for hook in ("on_fit_start", "on_train_end"):
        found = definition(Strange(), hook)
        assert found is not None
        assert (found.overridden, found.defined_by) == (True, "Strange")


def test_hostile_descriptions_read_as_absent(tmp_path: Path) -> None:
    strange = {"class": "A", "state_key": "A", "origin": "the moon", "instance": -1, "given": True, "reason": [1]}
    sound = {"class": "B", "state_key": "B", "origin": "default", "instance": 2, "given": 0, "reason": "so"}
    make_run(tmp_path / "a", callbacks_given=["A", 3])
    content = json.loads((tmp_path / "a" / "run.json").read_text())
    (tmp_path / "a" / "run.json").write_text(json.dumps(content | {"callbacks": [strange, sound]}))
    found = open_run(tmp_path / "a").info
    assert found.callbacks == (CallbackInfo("A", "A", None), CallbackInfo("B", "B", "default", 2, 0, "so"))
    assert found.callbacks_given is None
    assert open_run(make_run(tmp_path / "b", callbacks_given=["A"])).info.callbacks_given == ("A",)
