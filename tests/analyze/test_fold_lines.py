"""What the folded loop says: conditions as a program has them, the arguments behind them, and where a run was cut."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.streams import script_actions, taken_in
from tests.builders import Script, records, script
from tracer.analyze.fold_blocks import blocks
from tracer.analyze.fold_conditions import Condition
from tracer.analyze.fold_cut import FAILED, UNFINISHED
from tracer.analyze.fold_lines import FoldedLine, explain_lines
from tracer.analyze.fold_reasons import Reasons
from tracer.run.info import CallbackInfo
from tracer.run.layout import FUNCTIONS, STAGES
from tracer.run.trace import ERROR, Trace


def trace_of(play: Script, until: int | None = None) -> Trace:
    return taken_in(records(play.events[:until]), script_actions(play))[0]


def shown(lines: tuple[FoldedLine, ...]) -> list[str]:
    """Loops, conditions and calls, indented, with comments."""
    return ["  " * line.depth + line.text + (f"  # {line.comment}" if line.comment else "") for line in lines]


def accumulating(every: int, batches: int, epochs: int = 2) -> Script:
    """A training that steps its optimizer now and then."""
    play = Script(callbacks=())
    play.mark(call=FUNCTIONS.index("fit"), stage=STAGES.index("train"), step=0, planned=batches)
    for epoch in range(epochs):
        play.mark(epoch=epoch)
        for batch in range(batches):
            play.mark(batch=batch)
            play.span("loop", "", "train_dataloader_next")
            if (batch + 1) % every and batch + 1 < batches:
                play.span("strategy", "Single", "training_step")
                if batch % every == 0:
                    play.span("module", "Net", "optimizer_zero_grad")
                play.span("strategy", "Single", "backward")
            else:
                play.span("module", "Net", "optimizer_step")
            play.span("module", "Net", "on_train_batch_end")
        play.mark(batch=None)
    play.mark(epoch=None)
    play.span("module", "Net", "on_train_end")
    return play


def test_conditions_are_nested_and_have_an_else() -> None:
    lines = explain_lines(trace_of(accumulating(4, 8)), {"accumulate_grad_batches": 4, "max_epochs": 2})
    assert shown(lines) == [
        "trainer.fit:",
        "  for epoch in range(2):  # max_epochs=2",
        "    for batch in range(8):",
        "      train_dataloader_next",
        "      if (batch + 1) % 4 != 0:  # accumulate_grad_batches=4",
        "        training_step",
        "        if batch % 4 == 0:  # accumulate_grad_batches=4",
        "          optimizer_zero_grad",
        "        backward",
        "      else:",
        "        optimizer_step",
        "      on_train_batch_end",
        "  on_train_end",
    ]


@pytest.mark.parametrize(
    ("every", "batches", "expected"),
    [
        (3, 8, "if not ((batch + 1) % 3 == 0 or last batch):  # accumulate_grad_batches=3"),
        (9, 4, "if not last batch:  # accumulate_grad_batches=9"),
    ],
)
def test_the_last_batch_ends_what_adds_up(every: int, batches: int, expected: str) -> None:
    lines = explain_lines(trace_of(accumulating(every, batches)), {"accumulate_grad_batches": every})
    assert expected in [text.strip() for text in shown(lines)]


def test_a_nested_condition_is_about_the_turns_that_come_to_it() -> None:
    """Batch 12 of 13 is a fourth one too, but it steps at once: it is in the other branch."""
    lines = shown(explain_lines(trace_of(accumulating(4, 13)), {"accumulate_grad_batches": 4}))
    outer = lines.index("      if not ((batch + 1) % 4 == 0 or last batch):  # accumulate_grad_batches=4")
    assert lines[outer + 2] == "        if batch % 4 == 0:  # accumulate_grad_batches=4"


@pytest.mark.parametrize(
    ("hook", "reason"), [("optimizer_step", "accumulate_grad_batches=4"), ("lr_scheduler_step", None)]
)
def test_the_end_of_an_epoch_steps_a_scheduler_by_itself(hook: str, reason: str | None) -> None:
    found = Condition("last batch", "batch", last=True)
    assert Reasons({"accumulate_grad_batches": 4}, ()).of_step(found, hook, 4) == reason


def test_no_argument_is_named_that_does_not_say_so() -> None:
    lines = explain_lines(trace_of(accumulating(4, 8)), {"accumulate_grad_batches": 2, "max_epochs": 7})
    assert not any(line.comment for line in lines)


@given(st.lists(st.integers(0, 255), max_size=8))
def test_blocks_say_when_each_runs(numbers: list[int]) -> None:
    masks = [np.array([number >> bit & 1 for bit in range(8)], np.bool_) for number in numbers]
    ran: list[np.ndarray[Any, Any] | None] = [None] * len(masks)

    def walk(start: int, stop: int, within: np.ndarray[Any, Any]) -> None:
        before = None
        for block in blocks(masks[start:stop], within):
            inside = block.present
            if inside is None:
                assert block.stop == block.start + 1
                ran[start + block.start] = within
            else:
                if block.otherwise:
                    assert before is not None
                    assert (inside == (within & ~before)).all()
                walk_or_take(start + block.start, start + block.stop, inside, within)
            before = inside

    def walk_or_take(start: int, stop: int, inside: np.ndarray[Any, Any], within: np.ndarray[Any, Any]) -> None:
        assert not (inside & ~within).any() or not inside.any()
        walk(start, stop, inside)

    walk(0, len(masks), np.ones(8, np.bool_))
    for mask, found in zip(masks, ran, strict=True):
        assert found is not None
        assert (mask == found).all()


BATCHES = Condition("(batch + 1) % 2 == 0", "batch", 2, seen=4)


@pytest.mark.parametrize(
    ("trainer", "found", "batches", "expected"),
    [
        ({"val_check_interval": 0.25}, BATCHES, 8, "val_check_interval=0.25: every 0.25 epoch"),
        ({"val_check_interval": 0.3}, BATCHES, 8, "val_check_interval=0.3"),
        ({"val_check_interval": 0.25}, BATCHES, 16, None),
        ({"val_check_interval": 2}, BATCHES, 9, "val_check_interval=2"),
        ({"val_check_interval": 2}, Condition("batch % 2 == 0", "batch", 2, first=True), 9, None),
        ({"val_check_interval": 2}, Condition("(batch + 1) % 2 != 0", "batch", 2, negated=True), 9, None),
        (
            {"val_check_interval": 2, "check_val_every_n_epoch": None},
            Condition("(total_batch + 1) % 2 == 0", "total_batch", 2),
            9,
            "val_check_interval=2",
        ),
        (
            {"check_val_every_n_epoch": 3},
            Condition("(epoch + 1) % 3 == 0", "epoch", 3),
            9,
            "check_val_every_n_epoch=3",
        ),
    ],
)
def test_why_validation_runs(trainer: dict[str, Any], found: Condition, batches: int, expected: str | None) -> None:
    assert Reasons({"check_val_every_n_epoch": 1} | trainer, ()).of_validation(found, batches) == expected


LIMITS: list[tuple[dict[str, Any], list[str], int, str | None]] = [
    ({"limit_train_batches": 5}, ["fit", "epoch"], 5, "limit_train_batches=5"),
    ({"limit_train_batches": 1.0}, ["fit", "epoch"], 1, None),
    ({"limit_val_batches": 5}, ["fit", "epoch", "validation"], 5, "limit_val_batches=5"),
    ({"limit_val_batches": 5}, ["validate", "dataloader"], 5, "limit_val_batches=5"),
    ({"limit_test_batches": 5}, ["test"], 5, "limit_test_batches=5"),
    ({"limit_predict_batches": 5}, ["predict"], 4, None),
    ({"num_sanity_val_steps": 2, "limit_val_batches": 5}, ["fit", "sanity check"], 2, "num_sanity_val_steps=2"),
    ({"num_sanity_val_steps": 2, "limit_val_batches": 1}, ["fit", "sanity check"], 1, "limit_val_batches=1"),
    ({"fast_dev_run": True, "limit_train_batches": 1}, ["fit", "epoch"], 1, "fast_dev_run=True"),
    ({"overfit_batches": 3, "limit_train_batches": 3}, ["fit", "epoch"], 3, "overfit_batches=3"),
]


@pytest.mark.parametrize(("trainer", "loops", "length", "expected"), LIMITS)
def test_why_a_loop_is_that_long(trainer: Mapping[str, Any], loops: list[str], length: int, expected: str) -> None:
    assert Reasons(trainer, ()).of_batches(loops, length) == expected


def test_why_training_ends() -> None:
    reasons = Reasons({"max_epochs": 4, "max_steps": 11, "fast_dev_run": False}, ())
    assert reasons.of_epochs(4, 9) == "max_epochs=4"
    assert reasons.of_epochs(2, 11) == "max_steps=11"
    assert reasons.of_epochs(2, 9) is None  # somebody stopped it early
    assert Reasons({"max_epochs": 1, "fast_dev_run": 3}, ()).of_epochs(1, 3) == "fast_dev_run=3"


def test_a_checkpoint_has_its_own_arguments() -> None:
    key = "ModelCheckpoint{'monitor': None, 'every_n_train_steps': 5, 'every_n_epochs': 2}"
    reasons = Reasons({}, [CallbackInfo("ModelCheckpoint", key, "trainer")])
    action = script_actions(script())[1]
    epochs = Condition("(epoch + 1) % 2 == 0", "epoch", 2)
    steps = Condition("global_step % 5 == 0", "global_step", 5, first=True)
    assert reasons.of_checkpoint(epochs, action) == "ModelCheckpoint(every_n_epochs=2)"
    assert reasons.of_checkpoint(steps, action) == "ModelCheckpoint(every_n_train_steps=5)"
    assert reasons.of_checkpoint(Condition("(epoch + 1) % 5 == 0", "epoch", 5), action) is None


@given(st.integers(0, 560))
def test_where_a_run_breaks_off_makes_no_condition(until: int) -> None:
    play = script(epochs=3, batches=2, val_batches=2, callbacks=("Stopping",))
    trace = trace_of(play, until)
    lines = explain_lines(trace, {})
    assert [line.text for line in lines if line.kind == "condition"] == []
    told = any(UNFINISHED in (line.comment or "") for line in lines)
    assert told or not trace.open_rows


@given(st.integers(0, 500))
def test_a_run_that_breaks_off_has_the_conditions_of_the_whole(until: int) -> None:
    trainer = {"accumulate_grad_batches": 4}
    whole = shown(explain_lines(trace_of(accumulating(4, 16)), trainer))
    conditions = {text.strip() for text in whole if "if " in text}
    conditions.add("if (batch + 1) % 4 == 0:  # accumulate_grad_batches=4")  # the other half may come first
    cut = explain_lines(trace_of(accumulating(4, 16), until), trainer)
    named = {line.text for line in cut if line.kind == "condition" and line.comment}
    assert {f"{text}  # accumulate_grad_batches=4" for text in named} <= conditions


def test_an_error_that_ends_a_call_is_told() -> None:
    play = accumulating(4, 8, epochs=1)
    trace = trace_of(play)
    status = np.where(np.arange(len(trace)) == len(trace) - 1, ERROR, trace.status).astype(np.int8)
    assert shown(explain_lines(replace(trace, status=status), {}))[-1] == f"  on_train_end  # {FAILED}"
