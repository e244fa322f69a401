"""What is left of the folded loop when somebody asks for a part of it."""

from dataclasses import replace

import pytest

from tests.analyze.streams import script_actions, taken_in
from tests.builders import records, script
from tracer.analyze.fold_lines import FoldedLine, explain_lines
from tracer.analyze.fold_select import owner_labels, stages, unknown_owners
from tracer.run.trace import Trace


@pytest.fixture
def trace() -> Trace:
    play = script(test_batches=2, callbacks=("EarlyStopping", "ModelCheckpoint"))
    actions = (replace(action, overridden=action.owner_kind == "callback") for action in script_actions(play))
    return taken_in(records(play.events), tuple(actions))[0]


def calls(lines: tuple[FoldedLine, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(line.text, line.owners) for line in lines if line.kind == "call"]


def heads(lines: tuple[FoldedLine, ...]) -> list[str]:
    return [line.text for line in lines if line.kind == "loop"]


def test_stage_train_leaves_out_what_is_evaluated_in_between(trace: Trace) -> None:
    lines = explain_lines(trace, {}, stage="train")
    assert heads(lines) == ["trainer.fit:", "for epoch in range(2):", "for batch in range(4):"]
    hooks = {text for text, _ in calls(lines)}
    assert {"setup", "on_train_epoch_end", "optimizer_step", "teardown"} <= hooks
    assert not any("validation" in hook or "test" in hook for hook in hooks)


def test_stage_validate_keeps_the_loops_around(trace: Trace) -> None:
    lines = explain_lines(trace, {}, stage="validate")
    assert heads(lines) == ["trainer.fit:", "for epoch in range(2):", "validation:", "for batch in range(2):"]
    assert all("train" not in text for text, _ in calls(lines)[:-1])
    assert calls(lines)[-1] == ("on_validation_model_train", ("TinyModel",))


def test_stage_sanity_check_is_written_out(trace: Trace) -> None:
    lines = explain_lines(trace, {}, stage="sanity_check")
    assert "sanity check:" in heads(lines)
    assert any(text == "on_validation_batch_start" for text, _ in calls(lines))


def test_times_are_those_of_the_whole_loop(trace: Trace) -> None:
    whole = {line.text: line for line in explain_lines(trace, {}, 100) if line.text == "for epoch in range(2):"}
    part = {line.text: line for line in explain_lines(trace, {}, 100, owners=["EarlyStopping"])}
    for text, line in whole.items():
        assert part[text] == line


@pytest.mark.parametrize("name", ["EarlyStopping", "earlystopping", "EARLYSTOPPING#0"])
def test_an_owner_by_name(trace: Trace, name: str) -> None:
    lines = explain_lines(trace, {}, owners=[name])
    assert ("on_train_batch_start", ("EarlyStopping*",)) in calls(lines)
    others = {text for text, owners in calls(lines) if owners and owners != ("EarlyStopping*",)}
    assert others == {"optimizer_step", "backward"}  # they enclose some of its calls


def test_owners_by_kind_are_joined_in_order(trace: Trace) -> None:
    lines = explain_lines(trace, {}, owners=["callback"])
    assert ("on_fit_start", ("EarlyStopping*", "ModelCheckpoint*")) in calls(lines)
    assert ("configure_optimizers", ("TinyModel",)) not in calls(lines)


def test_the_module_has_its_steps_through_the_strategy(trace: Trace) -> None:
    lines = explain_lines(trace, {}, owners=["module"])
    assert ("training_step", ("SingleDeviceStrategy",)) in calls(lines)
    assert ("on_train_start", ("TinyModel",)) in calls(lines)
    assert ("training_step", ("SingleDeviceStrategy",)) not in calls(explain_lines(trace, {}, owners=["callback"]))


def test_overridden_only_leaves_who_does_something(trace: Trace) -> None:
    lines = explain_lines(trace, {}, overridden_only=True)
    assert ("on_train_start", ("EarlyStopping*", "ModelCheckpoint*")) in calls(lines)
    assert ("training_step", ("SingleDeviceStrategy",)) in calls(lines)
    assert "configure_optimizers" not in {text for text, _ in calls(lines)}


def test_all_asked_for_must_hold(trace: Trace) -> None:
    lines = explain_lines(trace, {}, stage="test", owners=["TinyModel"], overridden_only=True)
    assert calls(lines) == [("test_step", ("SingleDeviceStrategy",))]
    assert explain_lines(trace, {}, stage="predict") == ()


def test_what_there_is_to_ask_for(trace: Trace) -> None:
    assert stages(trace) == ("sanity_check", "train", "validate", "test")
    assert owner_labels(trace)[:3] == ("EarlyStopping", "ModelCheckpoint", "TinyModel")
    assert unknown_owners(trace, ["tinymodel", "Callback", "datamodule", "EarlyStopping#1", "Nobody"]) == (
        "EarlyStopping#1",
        "Nobody",
    )
