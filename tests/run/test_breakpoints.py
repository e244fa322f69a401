"""Breakpoints: what people write, what lies on the control page, where they match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.errors import UsageError
from tracer.run.breakpoints import (
    EXAMPLE,
    PLACES,
    SLOT_BYTES,
    Breakpoint,
    Condition,
    Where,
    pack,
    parse_breakpoint,
    unpack,
)
from tracer.run.layout import STAGES

_NAMES = st.from_regex(r"[a-zA-Z_é][a-zA-Z_0-9é]{0,20}", fullmatch=True)
_CONDITIONS = st.tuples(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "%"]), st.integers(0, 10**15 - 1))
_BREAKPOINTS = st.builds(
    lambda hook, owner, stage, conditions: Breakpoint(
        hook, owner, stage, tuple(Condition(place, *conditions[place]) for place in PLACES if place in conditions)
    ),
    _NAMES,
    st.none() | _NAMES,
    st.none() | st.sampled_from(STAGES),
    st.dictionaries(st.sampled_from(PLACES), _CONDITIONS),
)


@given(_BREAKPOINTS)
def test_text_and_slot_keep_all_of_it(made: Breakpoint) -> None:
    assert parse_breakpoint(str(made)) == made
    assert len(pack(made)) == SLOT_BYTES
    assert unpack(pack(made)) == made


@given(st.binary(min_size=SLOT_BYTES, max_size=SLOT_BYTES))
def test_a_slot_with_anything_in_it_is_a_breakpoint_or_none(slot: bytes) -> None:
    found = unpack(slot)
    assert found is None or found.hook
    if found is not None:
        found.matches("Owner", found.hook, Where("train", 1, 2, 3))


def test_an_empty_slot_is_none() -> None:
    assert unpack(bytes(SLOT_BYTES)) is None


@pytest.mark.parametrize(
    ("text", "where", "matches"),
    [
        ("on_train_batch_end", Where(), True),
        ("EarlyStopping.on_train_batch_end", Where(), True),
        ("Timer.on_train_batch_end", Where(), False),
        ("on_train_batch_start", Where(), False),
        ("on_train_batch_end stage=train", Where("train"), True),
        ("on_train_batch_end stage=train", Where("validate"), False),
        ("on_train_batch_end batch>=10 epoch=2", Where("train", 2, 10, 77), True),
        ("on_train_batch_end batch>=10 epoch=2", Where("train", 2, 9, 77), False),
        ("on_train_batch_end batch>=10 epoch=2", Where("train", 1, 10, 77), False),
        ("on_train_batch_end step%100", Where(step=300), True),
        ("on_train_batch_end step%100", Where(step=301), False),
        ("on_train_batch_end step%0", Where(step=300), False),
        ("on_train_batch_end batch!=3", Where(batch=4), True),
        ("on_train_batch_end batch<3", Where(), False),
    ],
)
def test_where_it_matches(text: str, where: Where, matches: bool) -> None:
    assert parse_breakpoint(text).matches("EarlyStopping", "on_train_batch_end", where) is matches


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "OWNER"),
        ("3rd", "no name of a hook"),
        ("hook batch", "no condition"),
        ("hook batch>=ten", "a number"),
        ("hook batch>=-1", "a number"),
        ("hook turn=1", "about stage, epoch, batch, step"),
        ("hook stage=trian", "sanity_check, train"),
        ("hook stage>train", "stage=NAME"),
        ("h" * 69, "longer than 68 bytes"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_breakpoint(text)


def test_the_example_is_one() -> None:
    assert str(parse_breakpoint(EXAMPLE)) == EXAMPLE
