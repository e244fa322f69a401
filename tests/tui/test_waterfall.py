"""The waterfall's plain modules: which bars there are, which rows a window shows, what a row looks like."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, Script, make_run
from tests.tui.looking import Look, line_text, line_width, look_at, look_at_script
from tracer.analyze.stretches import STRETCH_SCOPES, StretchScope
from tracer.run.layout import FUNCTIONS, PAUSE_HOOK, PAUSE_OWNER, STAGES
from tui.outline import Bars, BarsFinder, BarsWish
from tui.text import Line
from tui.waterfall import axis_line, bars_title, compared_text, ticks, waterfall_line
from tui.window import Window, longest, rows_in

_BAR_ROLES = {"batch", "validation", "callback", "module", "strategy", "loop", "bad"}
WINDOWS = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: Window().around(min(pair), max(pair)))


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    path = tmp_path_factory.mktemp("runs") / "run"
    return look_at(make_run(path, epochs=3, batches=60, val_batches=10, callbacks=("A", "B", "C"), test_batches=3))


def bars_of(look: Look, scope: StretchScope, compare: bool = False, pin_ns: int | None = None) -> Bars:
    bars = look.bars(BarsWish(scope, pin_ns, compare))
    assert bars is not None
    return bars


def a_train_batch(look: Look, compare: bool = False) -> Bars:
    contexts = look.trace.contexts
    index = int(np.flatnonzero((contexts.stage == STAGES.index("train")) & (contexts.batch == 30))[-1])
    return bars_of(look, "batch", compare, int(contexts.start_ns[index]))


def lines(bars: Bars, window: Window, width: int, grouped: bool = True) -> list[Line]:
    rows = rows_in(bars, window, 10, grouped)
    return [waterfall_line(bars, rows, index, window, width) for index in range(len(rows))]


def test_a_training_batch_is_one_batch(look: Look) -> None:
    bars = a_train_batch(look)
    hooks = [bars.actions[number].hook for number in bars.action.tolist()]
    assert hooks[0] == "train_dataloader_next"
    assert hooks.count("run_training_batch") == 1
    assert hooks[-1] == "on_train_batch_end"
    assert bars_title(bars).startswith("pinned batch: train · epoch 3 · batch 31 · ")
    assert bars.start_ns[0] == 0
    assert int((bars.start_ns + bars.duration_ns).max()) == bars.length_ns
    assert bars.depth.min() == 0


def test_an_epoch_is_its_hooks_its_batches_and_its_validations(look: Look) -> None:
    bars = bars_of(look, "epoch")
    hooks = [bars.actions[number].hook for number in bars.action.tolist()]
    assert hooks == ["on_train_epoch_start"] * 4 + ["run_training_epoch"] + ["on_train_epoch_end"] * 4
    assert bars.batch_count == 60
    assert bars.parts.batches.tolist() == [0] * 60 + [10]
    assert (np.diff(bars.parts.start_ns) > 0).all()
    assert (bars.parts.start_ns[1:] >= (bars.parts.start_ns + bars.parts.duration_ns)[:-1]).all()
    shown = [line_text(line) for line in lines(bars, Window(), 80)]
    assert [text.split()[0] for text in shown] == ["C", "M", "L", *["batches"] * 6, "validation", "C", "M"]
    assert shown[3].lstrip().startswith("batches 1–10")
    assert bars_title(bars).startswith("last epoch: epoch 3 · 60 batches · ")


def test_a_validation_is_its_hooks_and_its_batches(look: Look) -> None:
    bars = bars_of(look, "validation")
    assert bars_title(bars).startswith("last validation: test · 3 batches · ")
    assert len(bars.parts) == bars.batch_count == 3
    assert bars.parts.number.tolist() == [1, 2, 3]


def test_zooming_in_takes_the_folds_apart_down_to_single_batches(look: Look) -> None:
    bars = bars_of(look, "epoch")
    parts = bars.parts
    first, last = (float(value / bars.length_ns) for value in (parts.start_ns[20] + 1, parts.start_ns[23] - 1))
    rows = rows_in(bars, Window(first, last), 10, grouped=True)
    runs = [rows.of(index) for index in range(len(rows))]
    assert [run.first for run in runs if run.is_parts and run.single] == [20, 21, 22]


@given(WINDOWS, st.integers(1, 40), st.booleans())
def test_rows_show_everything_in_the_window_once_and_little_else(
    look: Look, window: Window, room: int, grouped: bool
) -> None:
    for scope in STRETCH_SCOPES:
        bars = bars_of(look, scope)
        rows = rows_in(bars, window, room, grouped)
        start_ns, stop_ns = window.first * bars.length_ns, window.last * bars.length_ns
        for is_parts, times in ((False, bars), (True, bars.parts)):
            covered = [
                index
                for row in range(len(rows))
                if rows.of(row).is_parts is is_parts
                for index in range(rows.of(row).first, rows.of(row).behind)
            ]
            assert len(set(covered)) == len(covered)
            overlapping = (times.start_ns < stop_ns) & (times.start_ns + times.duration_ns > start_ns)
            assert set(np.flatnonzero(overlapping).tolist()) <= set(covered)
        assert int(rows.is_parts.sum()) <= 2 * max(4, room) + 2
        starts = [(bars.parts if run.is_parts else bars).start_ns[run.first] for run in map(rows.of, range(len(rows)))]
        assert starts == sorted(starts)


@given(WINDOWS, st.floats(0.1, 10), st.floats(0, 1), st.floats(-2, 2))
def test_a_window_stays_inside(window: Window, factor: float, centre: float, by: float) -> None:
    for moved in (window.zoomed(factor, centre), window.moved(by), window.zoomed(factor, centre).moved(by)):
        assert 0 <= moved.first < moved.last <= 1
    assert window.moved(by).last - window.moved(by).first == pytest.approx(window.last - window.first)


def test_zooming_keeps_what_is_looked_at_in_its_place() -> None:
    closer = Window(0.2, 0.6).zoomed(0.5, 0.3)
    assert (closer.first, closer.last) == pytest.approx((0.25, 0.45))
    further = closer.zoomed(2, 0.3)
    assert (further.first, further.last) == pytest.approx((0.2, 0.6))
    assert Window(0.2, 0.6).zoomed(100, 0.3).is_whole


@pytest.mark.parametrize("width", [52, 76, 118])
@pytest.mark.parametrize("scope", STRETCH_SCOPES)
@pytest.mark.parametrize("compare", [False, True])
def test_every_row_fills_its_width_and_its_bar_is_visible(
    look: Look, width: int, scope: StretchScope, compare: bool
) -> None:
    bars = bars_of(look, scope, compare)
    for window in (Window(), Window(0.4, 0.41)):
        assert line_width(axis_line(bars, window, width)) == width
        for grouped in (True, False):
            for line in lines(bars, window, width, grouped):
                assert line_width(line) == width
                drawn = [text for text, role in line[2:] if role in _BAR_ROLES and text.strip()]
                assert drawn, "a bar that cannot be seen"


def test_callbacks_that_are_asked_for_the_same_hook_are_one_row(look: Look) -> None:
    bars = a_train_batch(look)
    grouped, apart = lines(bars, Window(), 100), lines(bars, Window(), 100, grouped=False)
    starts = [text for text in map(line_text, grouped) if "on_train_batch_start" in text]
    assert "×3" in starts[0] and len(starts) == 3
    assert len([text for text in map(line_text, apart) if "on_train_batch_start" in text]) == 5
    assert f"{3 * MS / 1e6:.2f} ms" in starts[0]


def test_the_longest_spans_keep_their_order(look: Look) -> None:
    bars = a_train_batch(look)
    kept = longest(bars, 4).first
    assert len(kept) == 4
    assert (np.diff(kept) > 0).all()
    assert bars.duration_ns[kept].min() >= np.sort(bars.duration_ns)[-4]
    assert len(longest(bars, 10_000)) == len(bars)


@given(st.floats(0, 1e9), st.floats(1e-3, 1e9), st.integers(2, 12))
def test_ticks_are_round_few_and_inside(first: float, length: float, count: int) -> None:
    found = ticks(first, first + length, count)
    assert len(found) <= count
    assert all(first - length * 1e-6 <= tick <= first + length * (1 + 1e-6) for tick in found)


def test_the_axis_follows_the_window(look: Look) -> None:
    bars = a_train_batch(look)
    whole, part = (line_text(axis_line(bars, window, 100)) for window in (Window(), Window(0.5, 0.6)))
    assert "┆0" in whole and whole.rstrip().endswith("ms")
    assert "┆0 " not in part and part.count("┆") >= 2


def a_run(slow_batch: int, batches: int = 12, pause_ns: int = 0) -> Look:
    """Training batches of two hooks, of which one has a slow `training_step` and maybe a pause."""
    play = Script(callbacks=())
    play.mark(call=FUNCTIONS.index("fit"), stage=STAGES.index("train"), epoch=0)
    for index in range(batches):
        play.mark(batch=index)
        slow = index == slow_batch
        play.span("loop", "", "run_training_batch", _batch(play, 10 if slow else 1, pause_ns if slow else 0))
    play.mark(batch=None)
    play.span("module", "Model", "on_train_epoch_end")
    return look_at_script(play)


def _batch(play: Script, times: int, pause_ns: int) -> Iterator[None]:
    play.hook_ns = times * MS
    play.span("module", "Model", "training_step")
    if pause_ns:
        play.hook_ns = pause_ns
        play.span("loop", PAUSE_OWNER, PAUSE_HOOK)
    play.hook_ns = MS
    play.span("module", "Model", "backward")
    yield


def test_what_is_slower_than_usual_is_said(look: Look) -> None:
    slow = a_run(slow_batch=11)
    bars = bars_of(slow, "batch", compare=True)
    assert compared_text(bars) == "vs median of 11 batches"
    batch, step, backward = map(line_text, lines(bars, Window(), 118))
    assert "▲+9.0ms" in step and "×10.0" in step and "▒" in step
    assert "▲+9.0ms" in batch
    assert "▲" not in backward and "=" in backward and "▒" not in backward
    assert "differs" in line_text(axis_line(bars, Window(), 118))
    usual = bars_of(a_run(slow_batch=0), "batch", compare=True)
    assert not any("▲" in line_text(line) for line in lines(usual, Window(), 118))


def test_batches_are_compared_with_the_median_batch() -> None:
    bars = bars_of(a_run(slow_batch=5), "epoch", compare=True)
    assert compared_text(bars) == "nothing to compare"
    rows = rows_in(bars, Window(), 20, grouped=True)
    texts = [line_text(waterfall_line(bars, rows, index, Window(), 118)) for index in range(len(rows))]
    assert [text for text in texts if "▲" in text] == [text for text in texts if "batch 6 " in text]


def test_of_few_batches_none_is_called_slower() -> None:
    bars = bars_of(a_run(slow_batch=1, batches=4), "epoch", compare=True)
    shown = [line_text(line) for line in lines(bars, Window(), 118)]
    assert any("×4.0" in text for text in shown) and not any("▲" in text for text in shown)


def test_a_pause_is_a_mark_and_takes_no_time() -> None:
    paused, straight = (a_run(slow_batch=11, pause_ns=pause) for pause in (60_000 * MS, 0))
    bars, same = bars_of(paused, "batch", compare=True), bars_of(straight, "batch", compare=True)
    assert bars.length_ns == same.length_ns
    assert bars.duration_ns.tolist() == same.duration_ns.tolist()
    assert bars.typical is not None and same.typical is not None
    assert bars.typical.slower.tolist() == same.typical.slower.tolist()
    assert "‖ 1:00 m paused" in bars_title(bars)
    assert "‖" in line_text(axis_line(bars, Window(), 100))
    batch, step, backward = map(line_text, lines(bars, Window(), 118))
    assert "‖" in batch and "‖" not in step + backward and "paused" not in batch + step + backward
    epoch = bars_of(paused, "epoch")
    assert epoch.paused_ns == 60_000 * MS
    assert epoch.length_ns == bars_of(straight, "epoch").length_ns


def test_a_pinned_stretch_stays_while_others_come_and_go(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    early, late = look_at(run, 300), look_at(run)
    finder = BarsFinder()
    first = finder.find(early.trace, early.tree, early.pauses, BarsWish(), False)
    assert first is not None
    pin = BarsWish(pin_ns=first.began_ns)
    assert finder.is_new(pin)
    pinned = finder.find(early.trace, early.tree, early.pauses, pin, False)
    assert pinned is not None and pinned.pinned and pinned.stretch == first.stretch
    assert not finder.is_new(pin)
    assert finder.find(late.trace, late.tree, late.pauses, pin, True) is pinned
    before, compared = look_at(run, 60), BarsWish(pin_ns=pin.pin_ns, compare=True)
    assert finder.find(before.trace, before.tree, before.pauses, compared, False) is pinned
    following = finder.find(late.trace, late.tree, late.pauses, BarsWish(), True)
    assert following is not None and following.stretch.rows[0] > first.stretch.rows[0]
    again = finder.find(late.trace, late.tree, late.pauses, BarsWish(), True)
    assert again is following, "nothing changed: nothing to paint"
    around = finder.find(late.trace, late.tree, late.pauses, BarsWish("epoch", pin.pin_ns), True)
    assert around is not None
    assert around.stretch.rows[0] < first.stretch.rows[0] < around.stretch.rows[1]


def test_before_anything_is_complete_there_is_nothing(tmp_path: Path) -> None:
    look = look_at(make_run(tmp_path / "run", sanity=0), 40)
    for scope in STRETCH_SCOPES:
        assert look.bars(BarsWish(scope), ended=False) is None
