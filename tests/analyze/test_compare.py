"""What changed between two runs: settings, hooks, calls per turn of a loop, time."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders import MS, make_run
from tracer.analyze.compare import Comparison, HookChange, RateChange, compare
from tracer.analyze.config import ConfigChange
from tracer.run import open_run
from tracer.run.layout import RUN_FILE, TIME_BITS, events_file


def compared(a: Path, b: Path) -> Comparison:
    runs = open_run(a), open_run(b)
    return compare(runs[0].trace(), runs[1].trace(), runs[0].info, runs[1].info)


def hook(comparison: Comparison, label: str) -> HookChange:
    return next(change for change in comparison.hooks if change.label == label)


def test_a_run_compared_with_itself_differs_in_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", test_batches=2)

    comparison = compared(run, run)

    assert comparison.same
    assert (comparison.config, comparison.only_a, comparison.only_b) == ((), (), ())
    assert (comparison.calls, comparison.times) == ((), ())
    assert all(change.mean_ratio == change.self_ratio == 1 for change in comparison.hooks)


def test_settings_that_differ_are_named_with_both_values(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", trainer={"max_epochs": 2, "gradient_clip_val": None, "default_root_dir": "a"})
    b = make_run(
        tmp_path / "b",
        trainer={"max_epochs": 2, "gradient_clip_val": 0.5, "default_root_dir": "b", "new": True},
        model={"class": "Other", "hparams": {"lr": 0.01, "_instantiator": "x"}, "parameters": 66},
    )

    assert compared(a, b).config == (
        ConfigChange("trainer", "gradient_clip_val", "null", "0.5"),
        ConfigChange("trainer", "new", None, "true"),
        ConfigChange("model", "class", "TinyModel", "Other"),
        ConfigChange("hyperparameters", "lr", "0.001", "0.01"),
    )


def with_callbacks(path: Path, *callbacks: tuple[str, str]) -> Path:
    run = make_run(path, until=9)
    content = json.loads((run / RUN_FILE).read_text(encoding="utf-8"))
    content["callbacks"] = [{"class": name, "state_key": key, "origin": "trainer"} for name, key in callbacks]
    (run / RUN_FILE).write_text(json.dumps(content), encoding="utf-8")
    return run


def test_callbacks_differ_by_presence_by_setup_and_by_order(tmp_path: Path) -> None:
    a = with_callbacks(tmp_path / "a", ("Stop", "Stop{1}"), ("Save", "Save"), ("Save", "Save"))
    b = with_callbacks(tmp_path / "b", ("Save", "Save"), ("Stop", "Stop{2}"))
    c = with_callbacks(tmp_path / "c", ("Save", "Save"), ("Stop", "Stop{1}"), ("Save", "Save"))

    assert compared(a, b).config == (
        ConfigChange("callbacks", "Stop", "Stop{1}", "Stop{2}"),
        ConfigChange("callbacks", "Save#1", "Save", None),
    )
    assert compared(a, c).config == (ConfigChange("callbacks", "order", "Stop, Save, Save#1", "Save, Stop, Save#1"),)


def test_more_epochs_change_the_length_and_not_the_rate_of_calls(tmp_path: Path) -> None:
    comparison = compared(make_run(tmp_path / "a", epochs=2), make_run(tmp_path / "b", epochs=5))

    assert not comparison.same
    assert comparison.calls == ()
    lengths = {length.path: (length.a, length.b) for length in comparison.lengths}
    assert lengths["fit > epoch"] == (2, 5)
    assert lengths["fit > epoch > batch"] == (8, 20)
    step = hook(comparison, "TinyModel.optimizer_step")
    assert step.a is not None
    assert step.b is not None
    assert (step.a.count, step.b.count) == (8, 20)
    assert step.self_change_ns == 0


def test_hooks_and_loops_that_only_one_run_has(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", callbacks=("EarlyStopping",), sanity=0)
    b = make_run(tmp_path / "b", callbacks=("ModelCheckpoint",), sanity=1)

    comparison = compared(a, b)

    assert {change.label.split(".")[0] for change in comparison.only_a} == {"EarlyStopping"}
    assert {change.label.split(".")[0] for change in comparison.only_b} == {"ModelCheckpoint"}
    lengths = {length.path: (length.a, length.b) for length in comparison.lengths}
    assert lengths["fit > sanity check"] == (None, 1)
    assert comparison.calls == ()  # that a validation hook also runs in the sanity check is no other rate


def thinned(path: Path, label: str) -> Path:
    """A run of which every other call of an action was left out."""
    run = make_run(path, epochs=1, batches=4, val_batches=0, sanity=0)
    number = next(action.id for action in open_run(run).trace().actions if action.label == label)
    events = run / events_file(0, 0)
    words = memoryview(events.read_bytes()).cast("q").tolist()
    calls = [index for index, word in enumerate(words) if word >> TIME_BITS in (number, ~number)]
    dropped = {index for nth, index in enumerate(calls) if nth // 2 % 2}
    kept = [word for index, word in enumerate(words) if index not in dropped]
    events.write_bytes(b"".join(word.to_bytes(8, "little", signed=True) for word in kept))
    return run


def test_a_changed_rate_names_the_loop(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", epochs=1, batches=4, val_batches=0, sanity=0)
    b = thinned(tmp_path / "b", "TinyModel.transfer_batch_to_device")

    (change,) = compared(a, b).calls

    assert change.label == "TinyModel.transfer_batch_to_device"
    assert change.rate_changes == (RateChange("fit > epoch > batch", 1.0, 0.5),)


def test_hooks_in_other_places_have_another_rate(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", epochs=1, val_batches=2, sanity=1)
    b = make_run(tmp_path / "b", epochs=2, val_batches=0, sanity=1)

    change = hook(compared(a, b), "TinyModel.on_validation_start")

    assert change.a is not None
    assert {place.path for place in change.a.places} == {"fit > sanity check", "fit > epoch > validation"}
    assert change.rate_changes == ()


def test_times_are_compared_for_as_many_calls(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", epochs=2, hook_ns=MS)
    b = make_run(tmp_path / "b", epochs=1, hook_ns=3 * MS)

    change = hook(compared(a, b), "TinyModel.on_train_epoch_end")

    assert change.mean_ratio == 3
    assert change.self_ratio == 1.5
    assert change.self_change_ns == 2 * MS


def test_largest_change_comes_first(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a", hook_ns=MS), make_run(tmp_path / "b", hook_ns=2 * MS)

    changes = [abs(change.self_change_ns) for change in compared(a, b).times]

    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 0


def test_modules_of_different_classes_are_the_same_owner(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    actions = b / "actions-0.jsonl"
    actions.write_text(actions.read_text(encoding="utf-8").replace("TinyModel", "ManualModel"), encoding="utf-8")

    comparison = compared(a, b)

    assert (comparison.only_a, comparison.only_b) == ((), ())
    assert hook(comparison, "module.optimizer_step").owner_kind == "module"


@pytest.mark.parametrize("content", [{}, {"trainer": 3, "model": [], "callbacks": "x", "versions": None}])
def test_a_run_json_that_says_little_can_be_compared(tmp_path: Path, content: dict[str, Any]) -> None:
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    (b / RUN_FILE).write_text(json.dumps({"schema": 1, **content}), encoding="utf-8")

    removed = {(change.section, change.name) for change in compared(a, b).config if change.b is None}

    assert ("trainer", "max_epochs") in removed
