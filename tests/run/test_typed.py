"""JSON back into dataclasses: what went out comes back, and anything else is refused."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.run.typed import built


@dataclass(frozen=True)
class Inner:
    name: str
    share: float | None


@dataclass(frozen=True)
class Outer:
    number: int
    flag: bool
    inner: tuple[Inner, ...]
    turns: Mapping[str, int]


OUTER = st.builds(
    Outer,
    number=st.integers(),
    flag=st.booleans(),
    inner=st.lists(st.builds(Inner, st.text(), st.none() | st.floats(allow_nan=False))).map(tuple),
    turns=st.dictionaries(st.text(), st.integers()),
)


@given(OUTER)
def test_what_went_out_comes_back(value: Outer) -> None:
    assert built(Outer, json.loads(json.dumps(asdict(value)))) == value


GOOD: dict[str, Any] = {"number": 1, "flag": True, "inner": [{"name": "a", "share": None}], "turns": {"x": 1}}


@pytest.mark.parametrize(
    "change",
    [
        {"number": "1"},
        {"number": True},
        {"number": None},
        {"flag": 1},
        {"inner": {}},
        {"inner": [{"name": "a"}]},
        {"inner": [{"name": "a", "share": "much"}]},
        {"turns": {"x": 1.5}},
        {"more": 1},
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    assert built(Outer, GOOD).number == 1
    with pytest.raises(ValueError, match="no "):
        built(Outer, GOOD | change)
    with pytest.raises(ValueError, match="no Outer"):
        built(Outer, [GOOD])
