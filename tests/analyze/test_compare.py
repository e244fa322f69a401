"""What changed between two runs: settings, the order and the number of calls, and what cannot be compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.comparing import calls_of, compared, time_of
from tests.analyze.streams import ACTIONS, streams, taken_in
from tests.builders import MS, make_run, run_json, write_metrics
from tracer.analyze.compare import Comparison, Subject, compare
from tracer.analyze.compare_calls import Rate
from tracer.analyze.compare_order import hunks, order_lines
from tracer.analyze.compare_owners import Owners
from tracer.analyze.compare_verdict import verdict
from tracer.analyze.config import ConfigChange
from tracer.analyze.digest import digest
from tracer.analyze.fold_lines import FoldedLine
from tracer.digests import subject
from tracer.errors import NotFoundError
from tracer.run import open_run
from tracer.run.layout import RUN_FILE, TIME_BITS, events_file


def test_a_run_compared_with_itself_differs_in_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", test_batches=2, batches=30)

    comparison = compared(run, run)

    assert comparison.same
    assert (comparison.notes, comparison.config, comparison.order_changed) == ((), (), ())
    assert (comparison.calls_changed, comparison.beyond_noise, comparison.metrics_changed) == ((), (), ())
    assert {hook.verdict for unit in comparison.units for hook in unit.hooks} == {"within noise", "too few"}
    assert verdict(comparison) == "nothing differs beyond noise"


def test_settings_that_differ_are_named_with_both_values(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", trainer={"max_epochs": 2, "gradient_clip_val": None, "default_root_dir": "a"})
    b = make_run(
        tmp_path / "b",
        trainer={"max_epochs": 2, "gradient_clip_val": 0.5, "default_root_dir": "b", "new": True},
        model={"class": "Other", "hparams": {"lr": 0.01, "_instantiator": "x"}, "parameters": 66},
        host="elsewhere",
        world_size=2,
    )

    comparison = compared(a, b)

    assert comparison.config[:4] == (
        ConfigChange("trainer", "gradient_clip_val", "null", "0.5"),
        ConfigChange("trainer", "new", None, "true"),
        ConfigChange("model", "class", "TinyModel", "Other"),
        ConfigChange("hyperparameters", "lr", "0.001", "0.01"),
    )
    assert [(change.section, change.name, change.b) for change in comparison.config[4:]] == [
        ("machine", "host", "elsewhere"),
        ("machine", "processes", "2"),
    ]
    assert comparison.notes == ("the runs come from different machines: a difference in time may be the machine's",)


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


def test_another_length_is_no_other_order_and_no_other_rate(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a", epochs=2), make_run(tmp_path / "b", epochs=5, batches=7)

    comparison = compared(a, b)

    assert (comparison.order_changed, comparison.calls_changed) == ((), ())
    assert not comparison.same
    lengths = {length.path: (length.a, length.b) for length in comparison.lengths_changed}
    assert lengths == {
        "fit > epoch": (2, 5),
        "fit > epoch > batch": (8, 35),
        "fit > epoch > validation": (2, 5),
        "fit > epoch > validation > batch": (4, 10),
    }


def test_a_callback_that_comes_in_is_marked_on_every_line_and_counted(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", callbacks=("EarlyStopping",))
    b = make_run(tmp_path / "b", callbacks=("EarlyStopping", "Extra"))

    comparison = compared(a, b)

    lines = {line.text: line for line in comparison.order_changed if line.owner_kind}
    assert {line.mark for line in lines.values()} == {"~"}
    end = lines["on_train_batch_end"]
    marks = [(owner.mark, owner.name) for owner in end.owners]
    assert marks == [(" ", "EarlyStopping"), ("+", "Extra"), (" ", "TinyModel")]
    assert {change.key.owner for change in comparison.calls_changed} == {"Extra"}
    assert {hook.key.owner for unit in comparison.units for hook in unit.hooks if hook.verdict == "added"} == {"Extra"}


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


def test_a_rate_that_changed_shows_per_batch_epoch_and_run_and_as_a_condition(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", epochs=1, batches=4, val_batches=0, sanity=0)
    b = thinned(tmp_path / "b", "TinyModel.transfer_batch_to_device")

    comparison = compared(a, b)

    (change,) = comparison.calls_changed
    assert change.key.label == "TinyModel.transfer_batch_to_device"
    assert change.rates == (
        Rate("fit > epoch > batch", 1.0, 0.5),
        Rate("fit > epoch", 4.0, 2.0),
        Rate("fit", 4.0, 2.0),
        Rate("", 4.0, 2.0),
    )
    (line,) = comparison.order_changed
    assert (line.mark, line.text) == ("+", "if batch % 2 == 0:")
    assert [shown.text for shown in hunks(comparison.order)][-2:] == ["if batch % 2 == 0:", "transfer_batch_to_device"]


@pytest.mark.parametrize(("batches_a", "batches_b"), [(4, 8), (10, 11), (100, 37)])
def test_every_fourth_batch_is_the_same_rate_however_many_there_are(batches_a: int, batches_b: int) -> None:
    def calls(batches: int) -> dict[str, Any]:
        return {"turns": {"fit": 1, "fit > epoch": 2, "fit > epoch > batch": 2 * batches}, "count": 2 * (batches // 4)}

    from tracer.analyze.compare_calls import _change
    from tracer.analyze.compare_owners import HookKey

    a, b = calls(batches_a), calls(batches_b)
    key = HookKey("module", "Model", "optimizer_step")
    change = _change(key, "fit > epoch > batch", (a["count"], b["count"]), a["turns"], b["turns"])
    assert not change.differs
    every = _change(key, "fit > epoch > batch", (a["count"], 2 * batches_b), a["turns"], b["turns"])
    assert every.differs


def test_stages_of_one_run_alone_are_named(tmp_path: Path) -> None:
    comparison = compared(
        make_run(tmp_path / "a", sanity=0), make_run(tmp_path / "b", sanity=0, val_batches=0, test_batches=2)
    )

    assert comparison.notes == (
        "only A ran: validate; there is nothing to compare it with",
        "only B ran: test; there is nothing to compare it with",
    )


def test_one_stage_can_be_asked_for(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a", test_batches=3), make_run(tmp_path / "b", epochs=3, test_batches=3)

    assert {unit.kind for unit in compared(a, b, "test").units} == {"test batch", "run"}
    assert compared(a, b, "test").lengths_changed == ()
    with pytest.raises(NotFoundError, match="a has nothing of the stage predict"):
        compared(a, b, "predict")


def test_an_empty_run_cannot_be_compared(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", until=0))

    with pytest.raises(NotFoundError, match="run has no spans: nothing was recorded"):
        subject(run)


def test_what_a_hook_takes_more_is_found_by_its_name(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a", batches=30), make_run(tmp_path / "b", batches=30, hook_ns=3 * MS)

    comparison = compared(a, b)

    change = time_of(comparison, "TinyModel.on_after_backward")
    assert change.ratio is not None
    assert change.ratio.value == pytest.approx(3)
    assert change.change_ns == pytest.approx(2 * MS)
    assert change.verdict == "slower"
    assert comparison.main_unit is not None
    assert comparison.main_unit.load_beyond_noise  # everything takes three times as long


def test_modules_of_different_classes_are_the_same_owner(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    actions = b / "actions-0.jsonl"
    actions.write_text(actions.read_text(encoding="utf-8").replace("TinyModel", "ManualModel"), encoding="utf-8")

    comparison = compared(a, b)

    assert (comparison.order_changed, comparison.calls_changed) == ((), ())
    assert comparison.notes == ("the module of A is a TinyModel, that of B a ManualModel: they are compared as one",)
    assert calls_of(comparison, "module.optimizer_step", "fit > epoch > batch").b == 8


def test_metrics_are_compared_at_equal_steps(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    rows = [{"step": step, "epoch": 0, "loss": 1 / (1 + step)} for step in range(10)]
    write_metrics(a / "metrics" / "metrics.csv", [*rows, {"step": 3, "odd": 1.0}])
    changed = [row | {"loss": 2.0} if row["step"] == 7 else row for row in rows[:8]]
    write_metrics(b / "metrics" / "metrics.csv", [*changed, {"step": 4, "odd": 1.0}])

    comparison = compared(a, b)

    (change,) = comparison.metrics
    assert (change.name, change.step, change.b, change.steps, change.different) == ("loss", 7, 2.0, 8, 1)
    assert change.a == pytest.approx(1 / 8)
    assert comparison.notes == ("no common step: odd",)


@pytest.mark.parametrize("content", [{}, {"trainer": 3, "model": [], "callbacks": "x", "versions": None}])
def test_a_run_json_that_says_little_can_be_compared(tmp_path: Path, content: dict[str, Any]) -> None:
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    (b / RUN_FILE).write_text(json.dumps({"schema": 1, **content}), encoding="utf-8")

    removed = {(change.section, change.name) for change in compared(a, b).config if change.b is None}

    assert ("trainer", "max_epochs") in removed


SWAPPED = {"-": "+", "+": "-", " ": " ", "~": "~"}
OPPOSITE = {"slower": "faster", "faster": "slower", "added": "gone", "gone": "added"}


def mirrored(one: Comparison, other: Comparison) -> None:
    """That one comparison says the opposite of the other."""
    assert {(c.section, c.name, c.a, c.b) for c in one.config} == {(c.section, c.name, c.b, c.a) for c in other.config}
    assert {(c.path, c.a, c.b) for c in one.lengths} == {(c.path, c.b, c.a) for c in other.lengths}
    marks = [sorted((line.a, line.b, line.mark) for line in one.order if line.mark == " ")]
    assert marks == [sorted((line.b, line.a, line.mark) for line in other.order if line.mark == " ")]
    for mark in "-+":
        here = sorted((line.a if line.a is not None else line.b or 0) for line in one.order if line.mark == mark)
        there = [line for line in other.order if line.mark == SWAPPED[mark]]
        assert here == sorted((line.a if line.a is not None else line.b or 0) for line in there)
    assert {(c.key, c.path, c.a, c.b, c.differs) for c in one.calls} == {
        (c.key, c.path, c.b, c.a, c.differs) for c in other.calls
    }
    for unit, twin in zip(one.units, other.units, strict=True):
        verdicts = {hook.key: hook.verdict for hook in unit.hooks}
        assert verdicts == {hook.key: OPPOSITE.get(hook.verdict, hook.verdict) for hook in twin.hooks}
        assert unit.verdict == OPPOSITE.get(twin.verdict, twin.verdict)


def read(events: Any) -> Subject:
    from tests.analyze.simulated import parse_info

    trace, _ = taken_in(events)
    return Subject("run", parse_info(run_json()), digest(trace, {}))


@given(streams(), streams())
def test_comparing_the_other_way_round_says_the_opposite(left: Any, right: Any) -> None:
    a, b = read(left), read(right)
    mirrored(compare(a, b), compare(b, a))


@given(streams())
def test_nothing_differs_from_itself(events: Any) -> None:
    side = read(events)
    assert compare(side, side).same


LINES = st.lists(
    st.builds(
        FoldedLine,
        depth=st.integers(0, 3),
        kind=st.sampled_from(["call", "loop", "condition"]),
        text=st.sampled_from(["a", "b", "for batch in range(3):", "for batch in range(70):"]),
        owners=st.lists(st.sampled_from(["X", "Y*", "Y", "Z"]), max_size=3).map(tuple),
    ),
    max_size=12,
)


@given(LINES, LINES)
def test_the_aligned_loop_holds_both_loops_in_their_order(a: list[FoldedLine], b: list[FoldedLine]) -> None:
    lines = order_lines(a, b, Owners(ACTIONS, ACTIONS))

    for side, found in ((a, [line.a for line in lines]), (b, [line.b for line in lines])):
        places = [place for place in found if place is not None]
        assert sorted(set(places)) == list(range(len(side)))
        assert places == sorted(places)
    assert all(line.mark == " " for line in order_lines(a, a, Owners(ACTIONS, ACTIONS)))
