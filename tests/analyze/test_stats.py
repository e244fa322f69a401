"""Where the time went: tables for a whole trace, and the same while it grows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyze.streams import ACTIONS, STARTED_AT, script_actions, streams, taken_in
from tests.builders import MS, Script, enter, leave, make_run, records, script
from tracer.analyze.stats import HookStat, LiveStats, StatsBy, hook_stats, paused_ns, ranks_stats
from tracer.run import open_run
from tracer.run.build import Delta, TraceBuilder
from tracer.run.events import Int64Array
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER

EVERY_BY: tuple[StatsBy, ...] = ("action", "hook", "owner", "instance", "stage")


def labelled(stats: tuple[HookStat, ...]) -> dict[str, HookStat]:
    return {stat.label: stat for stat in stats}


def three_calls(*durations_ns: int) -> Script:
    play = Script()
    for duration in durations_ns:
        play.hook_ns = duration
        play.span("callback", "A", "on_fit_start")
    return play


def test_figures_of_one_hook() -> None:
    play = three_calls(10, 30, 20)
    trace, _ = taken_in(records(play.events), script_actions(play))

    (stat,) = hook_stats(trace)

    assert (stat.label, stat.owner_kind, stat.count, stat.open, stat.errors) == ("A.on_fit_start", "callback", 3, 0, 0)
    assert (stat.total_ns, stat.self_ns, stat.mean_ns, stat.p50_ns, stat.max_ns) == (60, 60, 20, 20, 30)
    assert stat.p95_ns == pytest.approx(29)
    assert stat.share == 1


def test_total_includes_what_was_called_and_self_does_not(tmp_path: Path) -> None:
    trace = open_run(make_run(tmp_path / "run")).trace()

    stat = labelled(hook_stats(trace))["SingleDeviceStrategy.batch_to_device"]

    assert stat.total_ns == 2 * stat.self_ns == 2 * MS * stat.count


@pytest.mark.parametrize(
    ("by", "label", "count"),
    [
        ("action", "EarlyStopping.on_validation_start", 3),
        ("hook", "on_validation_start", 3 * 4),
        ("owner", "(trainer)", 2 + 2 * 4),
        ("stage", "sanity_check", 1 + 4 + (1 + 2 + 3 + 1 + 3) + 4 + 1 + 2),
    ],
)
def test_groups(tmp_path: Path, by: StatsBy, label: str, count: int) -> None:
    trace = open_run(make_run(tmp_path / "run", callbacks=("EarlyStopping", "ModelCheckpoint"))).trace()

    assert labelled(hook_stats(trace, by))[label].count == count


def test_open_and_failed_calls_are_counted_apart(tmp_path: Path) -> None:
    trace = open_run(make_run(tmp_path / "run", until=3)).trace()

    (stat,) = hook_stats(trace)

    assert (stat.count, stat.open, stat.mean_ns, stat.p95_ns, stat.max_ns) == (1, 1, None, None, None)
    assert (stat.self_ns, stat.share) == (0, 0)


def test_a_pause_is_nobodys_time() -> None:
    play = Script()

    def held() -> Iterator[None]:
        play.hook_ns = 70
        play.span("loop", PAUSE_OWNER, PAUSE_HOOK)
        play.hook_ns = 10
        play.span("module", "TinyModel", "log")
        yield

    play.span("callback", "A", "on_fit_start", held())
    trace, _ = taken_in(records(play.events), script_actions(play))

    stats = labelled(hook_stats(trace))

    assert set(stats) == {"A.on_fit_start", "TinyModel.log"}
    assert (stats["A.on_fit_start"].total_ns, stats["A.on_fit_start"].max_ns) == (20, 20)
    assert [stat.share for stat in stats.values()] == [0.5, 0.5]
    assert paused_ns(trace) == 70


def test_owners_of_one_class_together_or_apart() -> None:
    play = three_calls(10, 30)
    actions = (script_actions(play)[0], replace(script_actions(play)[0], id=1, instance=1))
    events = [*play.events, enter(1, 40), leave(1, 45)]
    trace, _ = taken_in(records(events), actions)

    assert {stat.label: stat.self_ns for stat in hook_stats(trace, "owner")} == {"A": 45}
    assert {stat.label: stat.self_ns for stat in hook_stats(trace, "instance")} == {"A": 40, "A#1": 5}


@given(streams(), st.sampled_from(EVERY_BY))
def test_every_call_and_every_moment_belongs_to_one_group(events: Int64Array, by: StatsBy) -> None:
    trace, _ = taken_in(events)

    stats = hook_stats(trace, by)

    self_ns = trace.self_ns[trace.self_ns >= 0].sum()
    assert sum(stat.count for stat in stats) == len(trace)
    assert sum(stat.self_ns for stat in stats) == self_ns
    assert sum(stat.share for stat in stats) == pytest.approx(1 if self_ns else 0)
    assert [stat.self_ns for stat in stats] == sorted((stat.self_ns for stat in stats), reverse=True)


@given(streams(), st.lists(st.integers(0, 150), max_size=6))
def test_live_figures_are_those_of_the_whole_trace(events: Int64Array, cuts: list[int]) -> None:
    builder, live = TraceBuilder(0, STARTED_AT), LiveStats()
    for portion in np.split(events, sorted(min(cut, len(events)) for cut in cuts)):
        delta = builder.feed(portion, ACTIONS)
        live.advance(builder.trace(), delta)
    whole = labelled(hook_stats(builder.trace()))

    for stat in live.top(100):
        expected = whole[stat.action.label]
        assert (stat.count, stat.self_ns) == (expected.count - expected.open, expected.self_ns)
        assert stat.share == pytest.approx(expected.share)
        assert stat.count * stat.mean_ns == pytest.approx(stat.self_ns)


def live_of(durations_ns: list[int], portion: int) -> LiveStats:
    play = three_calls(*durations_ns)
    builder, live = TraceBuilder(0, STARTED_AT), LiveStats()
    for start in range(0, len(play.events), portion):
        delta = builder.feed(records(play.events[start : start + portion]), script_actions(play))
        live.advance(builder.trace(), delta)
    return live


@pytest.mark.parametrize("portion", [7, 1200, 10_000])
def test_live_percentile_and_trend_look_at_the_last_512_calls(portion: int) -> None:
    durations = [1_000_000] * 800 + list(range(512))

    (stat,) = live_of(durations, portion).top(5)

    assert stat.p95_ns == pytest.approx(np.percentile(range(512), 95))
    assert stat.trend == tuple(64 * i + 31.5 for i in range(8))
    assert stat.mean_ns == pytest.approx(np.mean(durations))


def test_trend_of_few_calls_has_a_point_for_each() -> None:
    (stat,) = live_of([10, 30], 2).top(1)

    assert stat.trend == (10, 30)


def test_top_names_the_most_expensive_first_and_no_more_than_asked_for() -> None:
    play = script()
    builder, live = TraceBuilder(0, STARTED_AT), LiveStats()
    assert live.top(3) == ()

    delta = builder.feed(records(play.events), script_actions(play))
    live.advance(builder.trace(), delta)

    figures = [stat.self_ns for stat in live.top(3)]
    assert len(figures) == 3
    assert figures == sorted(figures, reverse=True)


def test_a_pause_is_none_of_the_slowest_and_has_no_share() -> None:
    play = three_calls(10, 30)
    play.hook_ns = 10**9
    play.span("loop", PAUSE_OWNER, PAUSE_HOOK)
    trace, _ = taken_in(records(play.events), script_actions(play))
    live = LiveStats()
    live.advance(trace, Delta(0, len(trace), np.arange(len(trace))))

    (stat,) = live.top(5)

    assert (stat.action.owner, stat.self_ns, stat.share) == ("A", 40, 1)


@given(st.lists(streams(), min_size=1, max_size=3), st.sampled_from(EVERY_BY))
def test_the_statistics_of_several_ranks_are_those_of_all_their_spans(parts: list[Int64Array], by: StatsBy) -> None:
    traces = [taken_in(events)[0] for events in parts]
    together = {(stat.label, stat.owner_kind): stat for stat in ranks_stats(traces, by)}
    alone = [{(stat.label, stat.owner_kind): stat for stat in hook_stats(trace, by)} for trace in traces]
    assert together.keys() == {group for stats in alone for group in stats}
    for group, stat in together.items():
        own = [stats[group] for stats in alone if group in stats]
        for name in ("count", "open", "errors", "total_ns", "self_ns"):
            assert getattr(stat, name) == sum(getattr(one, name) for one in own)
        assert stat.max_ns == max((one.max_ns for one in own if one.max_ns is not None), default=None)
    assert sum(stat.share for stat in together.values()) in (0, pytest.approx(1))
