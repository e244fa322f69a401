"""Whoever does something at a hook is named, however little room there is."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tracer.analyze.fold_lines import FoldedLine
from tracer.analyze.fold_owners import fitted

KINDS = ("callback", "module", "strategy", "loop")
NAMES = st.text("ABCdef_", min_size=1, max_size=30)
KNOWN = {"TinyNet": "module", "SingleDevice": "strategy"}


def call(*owners: str, comment: str | None = None) -> FoldedLine:
    """A hook on callbacks and on what is in `KNOWN`."""
    kinds = tuple(KNOWN.get(owner.rstrip("*"), "callback") for owner in owners)
    return FoldedLine(0, "call", "on_fit_start", owners, kinds[0], comment, owner_kinds=kinds)


ALL = ("Stopping", "Bar*", "Summary", "Checkpoint*", "TinyNet", "SingleDevice")


def test_all_are_named_where_there_is_room() -> None:
    assert fitted(call(*ALL), 80, 100) == ("on_fit_start: Stopping, Bar*, Summary, Checkpoint*, TinyNet, SingleDevice",)


def test_callbacks_that_do_nothing_become_a_number_first() -> None:
    assert fitted(call(*ALL, comment="unfinished"), 72, 100) == (
        "on_fit_start: Bar*, Checkpoint*, TinyNet, SingleDevice +2  # unfinished",
    )


def test_the_module_and_the_strategy_are_there_by_kind_at_least() -> None:
    assert fitted(call(*ALL), 52, 100) == ("on_fit_start: Bar*, Checkpoint*, module, strategy +2",)


def test_callbacks_alone_are_counted() -> None:
    assert fitted(call("Stopping", "Summary"), 25, 100) == ("on_fit_start: 2 callbacks",)


def test_what_is_still_too_long_goes_on_below() -> None:
    assert fitted(call("Stopping*", "Bar*", "Summary", "Checkpoint*", "TinyNet*"), 34, 60) == (
        "on_fit_start: Stopping*, Bar*,",
        "    Summary, Checkpoint*, TinyNet*",
    )


def test_lines_without_owners_are_as_they_are() -> None:
    assert fitted(FoldedLine(1, "condition", "if epoch == 0:", comment="x=1"), 10, 20) == ("if epoch == 0:  # x=1",)


@given(
    st.lists(st.tuples(NAMES, st.booleans(), st.sampled_from(KINDS)), min_size=1, max_size=12),
    st.integers(20, 90),
    st.none() | st.just("2 times in a row"),
)
def test_nobody_who_does_something_is_lost(
    called: list[tuple[str, bool, str]], width: int, comment: str | None
) -> None:
    owners = tuple(name + "*" * own for name, own, _ in called)
    line = FoldedLine(0, "call", "setup", owners, "", comment, owner_kinds=tuple(kind for *_, kind in called))
    rows = fitted(line, width, 100)
    assert all(len(row) <= 100 for row in rows[1:])
    assert len(rows[0]) <= width or len(rows[0].split()) == 2  # a single name that is longer than that
    text, _, said = " ".join(rows).partition("  # ")
    assert said == (comment or "")
    words = re.findall(r"[^\s,]+", text.removeprefix("setup:"))
    assert [word for word in words if word.endswith("*")] == [owner for owner in owners if owner.endswith("*")]
    hidden = re.search(r"\+(\d+)$|(\d+) callbacks$", text)
    named = len(words) - (0 if hidden is None else len(hidden[0].split()))
    assert named + (0 if hidden is None else int(hidden[1] or hidden[2])) == len(owners)
