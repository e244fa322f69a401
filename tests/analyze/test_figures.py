"""Statistics of one action: against numpy on the same durations, however the stream was cut; pauses are no work."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.streams import ACTIONS, STARTED_AT, script_actions, streams, taken_in
from tests.builders import MS, Script, make_run, mark, records
from tracer.analyze.figures import ActionFigures, ActionStats
from tracer.analyze.histogram import RELATIVE_ERROR, TREND_BUCKETS, DurationHistogram, TrendBuckets
from tracer.analyze.pauses import Pauses
from tracer.analyze.stats import hook_stats
from tracer.run import open_run
from tracer.run.build import TraceBuilder
from tracer.run.events import Action, Int64Array
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER, Mark
from tracer.run.trace import Trace

DURATIONS = st.lists(st.one_of(st.integers(0, 100), st.integers(0, 2**52 - 1)), min_size=1, max_size=80)


def figures_of(trace: Trace, action: int) -> ActionFigures:
    stats, pauses = ActionStats(action), Pauses()
    pauses.advance(trace)
    stats.advance(trace, pauses)
    return stats.figures()


def in_portions(events: Int64Array, actions: tuple[Action, ...], cuts: list[int], number: int) -> ActionFigures:
    builder, stats, pauses = TraceBuilder(0, STARTED_AT), ActionStats(number), Pauses()
    for portion in np.split(events, sorted(min(cut, len(events)) for cut in cuts)):
        builder.feed(portion, actions)
        trace = builder.trace()
        pauses.advance(trace)
        stats.advance(trace, pauses)
    return stats.figures()


@given(DURATIONS, st.floats(0, 1))
def test_a_quantile_is_that_of_numpy_to_within_the_stated_error(durations: list[int], share: float) -> None:
    histogram = DurationHistogram()
    histogram.add(np.array(durations, np.int64))
    exact = float(np.quantile(np.array(durations, np.float64), share))
    found = histogram.quantile_ns(share)
    assert found is not None
    assert abs(found - exact) <= exact * (RELATIVE_ERROR + 1e-6) + 1e-6


@given(DURATIONS, st.integers(1, 30))
def test_the_spread_loses_no_call(durations: list[int], columns: int) -> None:
    histogram = DurationHistogram()
    histogram.add(np.array(durations, np.int64))
    spread = histogram.spread(columns)
    assert sum(spread) == len(durations) == histogram.count
    assert 1 <= len(spread) <= columns
    assert spread[0] > 0 and spread[-1] > 0
    assert (histogram.min_ns, histogram.max_ns) == (min(durations), max(durations))


def test_nothing_has_no_figures() -> None:
    histogram = DurationHistogram()
    histogram.add(np.empty(0, np.int64))
    assert histogram.quantile_ns(0.5) is None
    assert histogram.spread(8) == ()
    assert TrendBuckets().trend().mean_ns == ()


@given(st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**10)), min_size=1, max_size=60), st.integers(0, 60))
def test_the_trend_holds_every_call_in_its_time(calls: list[tuple[int, int]], cut: int) -> None:
    start_ns, duration_ns = (np.array(column, np.int64) for column in zip(*calls, strict=True))
    buckets, at_once = TrendBuckets(), TrendBuckets()
    buckets.add(start_ns[:cut], duration_ns[:cut])
    buckets.add(start_ns[cut:], duration_ns[cut:])
    at_once.add(start_ns, duration_ns)
    trend = buckets.trend()
    assert repr(trend) == repr(at_once.trend())
    assert len(trend.mean_ns) <= TREND_BUCKETS
    for bucket, mean_ns in enumerate(trend.mean_ns):
        own = duration_ns[start_ns // trend.bucket_ns == bucket]
        assert math.isnan(mean_ns) if not len(own) else mean_ns == pytest.approx(own.mean())


@given(streams(), st.lists(st.integers(0, 150), max_size=6), st.integers(0, len(ACTIONS) - 1))
def test_the_figures_are_those_of_the_whole_trace_however_it_came(
    events: Int64Array, cuts: list[int], number: int
) -> None:
    trace, _ = taken_in(events)
    figures = in_portions(events, ACTIONS, cuts, number)
    assert repr(figures) == repr(figures_of(trace, number))
    whole = {stat.label: stat for stat in hook_stats(trace)}.get(ACTIONS[number].label)
    assert figures.calls == (whole.count if whole else 0)
    if whole:
        exact = (whole.open, whole.errors, whole.total_ns, whole.self_ns, whole.mean_ns, whole.max_ns)
        found = (figures.open, figures.errors, figures.total_ns, figures.self_ns, figures.mean_ns, figures.max_ns)
        assert found == exact


@pytest.mark.parametrize("cut", range(7))
def test_a_failed_call_is_counted_once_wherever_its_mark_comes(cut: int) -> None:
    play = Script()
    play.mark(call=0)
    play.span("callback", "A", "on_fit_start")
    play.events.append(mark(Mark.ERROR, None))
    play.span("callback", "A", "on_fit_start")
    actions = script_actions(play)
    number = next(action.id for action in actions if action.hook == "on_fit_start")
    figures = in_portions(records(play.events), actions, [cut, cut, cut + 1], number)
    assert (figures.calls, figures.errors) == (2, 1)


def paused_script() -> Script:
    """Two batches of a loop; in the second one somebody pauses for a second."""
    play = Script()
    play.mark(call=0)
    for pause_ns in (0, 1000 * MS):
        play.span("loop", "", "run_training_batch", _batch(play, pause_ns))
    return play


def _batch(play: Script, pause_ns: int) -> Iterator[None]:
    play.span("module", "Model", "training_step")
    if pause_ns:
        play.hook_ns = pause_ns
        play.span("loop", PAUSE_OWNER, PAUSE_HOOK)
        play.hook_ns = MS
    yield


def test_a_pause_is_no_work() -> None:
    play = paused_script()
    trace, _ = taken_in(records(play.events), script_actions(play))
    number = play.actions["loop", "", "run_training_batch"]
    figures = figures_of(trace, number)
    assert (figures.calls, figures.total_ns, figures.max_ns) == (2, 4 * MS, 2 * MS)
    assert figures.self_ns == 2 * MS


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), max_size=8),
    st.lists(st.integers(0, 500), min_size=1, max_size=8),
)
def test_paused_time_is_counted_to_the_nanosecond(gaps: list[tuple[int, int]], times: list[int]) -> None:
    play, intervals, now = Script(), [], 0
    play.mark(call=0)
    for gap, length in gaps:
        now += gap
        play.now_ns, play.hook_ns = now, length
        play.span("loop", PAUSE_OWNER, PAUSE_HOOK)
        intervals.append((now, now + length))
        now += length
    trace, _ = taken_in(records(play.events), script_actions(play))
    pauses = Pauses()
    pauses.advance(trace)
    expected = [sum(max(0, min(end, time) - start) for start, end in intervals) for time in times]
    assert pauses.until(np.array(times, np.int64)).tolist() == expected


def test_a_whole_run_at_once(tmp_path: Path) -> None:
    trace = open_run(make_run(tmp_path / "run")).trace()
    for stat in hook_stats(trace):
        number = next(action.id for action in trace.actions if action.label == stat.label)
        figures = figures_of(trace, number)
        assert (figures.calls, figures.total_ns, figures.self_ns) == (stat.count, stat.total_ns, stat.self_ns)
