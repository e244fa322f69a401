"""Which panes there is room for: laws of the layout."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from tui.layout import BOTTOMS, PANES, VIEWS, Layout


def consistent(layout: Layout) -> Layout:
    """Only a paused training has something to show of itself."""
    if layout.usual is not None:
        return layout
    pane = "hooks" if layout.pane == "paused" else layout.pane
    return replace(layout, pane=pane, bottom="hooks" if layout.bottom == "paused" else layout.bottom)


LAYOUTS = st.builds(
    Layout,
    width=st.integers(80, 300),
    height=st.integers(24, 100),
    view=st.sampled_from(VIEWS),
    pane=st.sampled_from(tuple(PANES)),
    inspector=st.booleans(),
    bottom=st.sampled_from(BOTTOMS),
    usual=st.none() | st.sampled_from(("hooks", "output")),
).map(consistent)


def shown(layout: Layout) -> list[str]:
    return [name for name in PANES if layout.classes()[f"on-{name}"]]


@given(LAYOUTS, st.sampled_from(tuple(PANES)))
def test_a_pane_that_one_goes_to_is_there(layout: Layout, name: str) -> None:
    assume(name != "paused" or layout.usual is not None)
    there = layout.going_to(name)
    assert there.pane == name
    assert name in shown(there)
    assert name in there.panes


@given(LAYOUTS)
def test_tab_goes_through_every_pane_there_is_and_comes_back(layout: Layout) -> None:
    here = layout.going_to(layout.panes[0])
    names = [(here := here.step(1)).pane for _ in here.panes]
    assert sorted(names) == sorted(here.panes)
    assert here.step(1).step(-1).pane == here.pane


@given(LAYOUTS)
def test_a_narrow_screen_shows_one_pane_and_a_wide_one_no_two_in_one_place(layout: Layout) -> None:
    visible = shown(layout)
    if layout.narrow:
        assert visible == [layout.pane]
    else:
        assert sum(name in BOTTOMS for name in visible) == 1
        assert layout.view in visible


@given(LAYOUTS)
def test_the_view_key_comes_around(layout: Layout) -> None:
    here = layout.going_to(layout.view)
    names = [(here := here.next_view()).pane for _ in VIEWS]
    assert sorted(names) == sorted(VIEWS)
    assert here.view == layout.view


@given(LAYOUTS)
def test_a_pause_leaves_no_trace(layout: Layout) -> None:
    before = layout.pause(False)
    paused = before.pause(True)
    assert paused.usual == before.bottom
    assert "paused" in paused.panes
    assert paused.pause(True) == paused
    assert paused.pause(False) == before
    assert paused.going_to("paused").pause(False).pane in before.panes


def test_turning_the_output_on_a_wide_and_a_narrow_screen() -> None:
    wide = Layout(120, 40)
    assert wide.turn_output().bottom == "output"
    assert wide.turn_output().turn_output().bottom == "hooks"
    narrow = replace(wide, width=80)
    assert narrow.turn_output().pane == "output"
    assert narrow.turn_output().turn_output().pane == "hooks"
    assert Layout(79, 40).too_small and Layout(80, 23).too_small and not Layout(80, 24).too_small
