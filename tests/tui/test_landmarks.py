"""What there is along a recording does not depend on how it was read; and it is what the run has."""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.streams import script_actions
from tests.builders import Script, records, script
from tracer.run.build import TraceBuilder
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER, STAGES
from tui.landmarks import LandmarkFinder, Landmarks

SECOND = 1_000_000_000


def found(play: Script, cuts: list[int] | None = None) -> Landmarks:
    """The landmarks of a script that was read in portions that end at `cuts`."""
    builder, finder = TraceBuilder(0, datetime(2026, 1, 2, tzinfo=UTC)), LandmarkFinder()
    for portion in np.split(records(play.events), sorted(cuts or [])):
        builder.feed(portion, script_actions(play))
        finder.advance(builder.trace())
    return finder.found


def plain(landmarks: Landmarks) -> list[object]:
    arrays = (landmarks.silent_from, landmarks.silent_to, landmarks.paused_from, landmarks.paused_to)
    return [landmarks.chapters, *(array.tolist() for array in arrays)]


def slow_script() -> Script:
    """A training with a pause at the gate, a slow hook, and checkpoints."""
    play = script(epochs=2, batches=2, val_batches=1, test_batches=1)
    play.mark(call=0, stage=STAGES.index("train"), epoch=2, step=9)
    play.span("callback", "ModelCheckpoint", "on_train_epoch_end", _saving(play))
    play.hook_ns = 3 * SECOND
    play.span("loop", PAUSE_OWNER, PAUSE_HOOK)
    play.span("module", "TinyModel", "backward")
    return play


def _saving(play: Script) -> Iterator[None]:
    play.span("strategy", "SingleDeviceStrategy", "save_checkpoint")
    play.span("callback", "ModelCheckpoint", "on_save_checkpoint")
    yield


def test_the_chapters_of_a_run() -> None:
    chapters = found(slow_script()).chapters
    assert [chapter.label for chapter in chapters] == [
        "fit",
        "epoch 1",
        "validation 1",
        "epoch 2",
        "validation 2",
        "test",
        "fit",
        "epoch 3",
        "checkpoint 9",
    ]
    times = [chapter.time_ns for chapter in chapters]
    assert times == sorted(times)


def test_pauses_and_silences() -> None:
    play = slow_script()
    landmarks = found(play)
    end = play.now_ns
    assert landmarks.paused_from.tolist() == [end - 6 * SECOND]
    assert landmarks.paused_to.tolist() == [end - 3 * SECOND]
    assert landmarks.silent_from.tolist() == [end - 6 * SECOND, end - 3 * SECOND]
    assert landmarks.silent_to.tolist() == [end - 3 * SECOND, end]


def test_a_silence_in_which_something_ended_is_two() -> None:
    play = Script(hook_ns=2 * SECOND)
    play.mark(call=0)
    play.span("module", "M", "a")
    play.now_ns += 3 * SECOND
    play.hook_ns = 1
    play.span("module", "M", "b")
    assert found(play).silent_to.tolist() == [2 * SECOND, 5 * SECOND]


@given(st.lists(st.integers(0, 400), max_size=6))
def test_any_portions_give_the_same(cuts: list[int]) -> None:
    play = slow_script()
    assert plain(found(play, cuts)) == plain(found(play))
