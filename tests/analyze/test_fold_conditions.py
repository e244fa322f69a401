"""A condition is named only if it says exactly which turns they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.analyze.fold_conditions import Counter, condition, ranges


def counter(turns: int) -> Counter:
    """One loop over so many batches."""
    index = np.arange(turns)
    return Counter("batch", index, index == turns - 1)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([3, 7, 11], "(batch + 1) % 4 == 0"),
        ([0, 4, 8, 12], "batch % 4 == 0"),
        ([3, 7, 11, 13], "(batch + 1) % 4 == 0 or last batch"),
        ([0], "batch == 0"),
        ([13], "last batch"),
        ([0, 1, 2], "batch < 3"),
        ([1, 2, 6, 9], "batch in [1-2, 6, 9]"),
        ([6], "batch == 6"),
        ([11, 12, 13], "batch >= 11"),
    ],
)
def test_turns_in_the_terms_of_the_loop(turns: list[int], expected: str) -> None:
    assert condition(np.isin(np.arange(14), turns), [counter(14)]).text == expected


def test_one_that_an_argument_explains_comes_first() -> None:
    present = np.isin(np.arange(4), [3])
    found = condition(present, [counter(4)], lambda one: "accumulate_grad_batches=4" if one.every == 4 else None)
    assert (found.text, found.reason) == ("(batch + 1) % 4 == 0", "accumulate_grad_batches=4")


def two_loops(epochs: int, batches: int) -> list[Counter]:
    """Batches in epochs."""
    batch, epoch = np.tile(np.arange(batches), epochs), np.repeat(np.arange(epochs), batches)
    return [Counter("batch", batch, batch == batches - 1), Counter("epoch", epoch, epoch == epochs - 1)]


def test_a_condition_on_both_loops() -> None:
    batch, epoch = two_loops(4, 6)
    present = (epoch.index % 2 == 1) & ((batch.index + 1) % 3 == 0)
    assert condition(present, [batch, epoch]).text == "(epoch + 1) % 2 == 0 and (batch + 1) % 3 == 0"
    reasons = {"epoch": "check_val_every_n_epoch=2", "batch": "val_check_interval=3"}
    found = condition(present, [batch, epoch], lambda one: reasons.get(one.counter))
    assert found.reason == "check_val_every_n_epoch=2; val_check_interval=3"


def test_what_counts_through_all_epochs_comes_after_the_loops() -> None:
    batch, epoch = two_loops(3, 7)
    total = Counter("total_batch", np.arange(21))
    present = (total.index + 1) % 5 == 0
    assert condition(present, [batch, epoch, total]).text == "(total_batch + 1) % 5 == 0"
    assert condition(batch.index == 4, [batch, epoch, total]).text == "batch == 4"


def test_what_no_loop_decides_is_listed() -> None:
    present = np.isin(np.arange(12), [1, 5, 6])
    assert condition(present, two_loops(2, 6)).text == "epoch 0: batch in [1, 5]; epoch 1: batch in [0]"


@given(st.lists(st.booleans(), min_size=2, max_size=30))
def test_what_is_said_holds_for_every_turn(present: list[bool]) -> None:
    where = np.array(present)
    text = condition(where, [counter(len(where))]).text
    if "last" in text or "[" in text or not where.any():
        return
    assert [eval(text, {"batch": batch}) for batch in range(len(where))] == present


@given(st.sets(st.integers(0, 60), min_size=1))
def test_ranges_name_each_number_once(numbers: set[int]) -> None:
    named: list[int] = []
    for part in ranges(np.array(sorted(numbers))).split(", "):
        low, _, high = part.partition("-")
        named += range(int(low), int(high or low) + 1)
    assert named == sorted(numbers)
