"""The progress of any moment is what it was then, wherever the copies lie."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.streams import script_actions
from tests.builders import records, script
from tests.tui.measuring import progress_of
from tui import meters
from tui.meters import Meters
from tui.recording import Recording


@pytest.fixture(autouse=True)
def _copies_close_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "_APART", 20)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.lists(st.integers(0, 700), max_size=5))
def test_any_moments_in_any_order(shares: list[float], cuts: list[int]) -> None:
    play = script(epochs=3, batches=4, val_batches=2, test_batches=3)
    recording, kept = Recording(datetime(2026, 1, 2, tzinfo=UTC)), Meters()
    for portion in np.split(records(play.events), sorted(cuts)):
        recording.feed(portion, script_actions(play))
        kept.advance(recording.whole)
    for share in shares:
        now_ns = round(share * play.now_ns)
        trace = recording.at(now_ns).trace
        assert kept.at(trace).progress(None, now_ns) == progress_of(trace, None, now_ns)
    assert kept.latest.progress(None, play.now_ns) == progress_of(recording.whole, None, play.now_ns)
