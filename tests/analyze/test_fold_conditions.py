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
    ],
)
def test_turns_in_the_terms_of_the_loop(turns: list[int], expected: str) -> None:
    assert condition(np.isin(np.arange(14), turns), [counter(14)]).text == expected


def test_one_that_an_argument_explains_comes_first() -> None:
    present = np.isin(np.arange(4), [3])
    found = condition(present, [counter(4)], lambda one: "accumulate_grad_batches=4" if one.every == 4 else None)
    assert (found.text, found.reason) == ("(batch + 1) % 4 == 0", "accumulate_grad_batches=4")


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
