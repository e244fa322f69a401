"""Feeds that show the past: of long runs while they are read, of live runs while they go on."""

from pathlib import Path

import pytest

from tests.builders import MS, LiveRun, make_run
from tests.tui.driving import WALL, Hands
from tests.tui.test_feed import spans
from tracer.errors import HooktraceError, NotFoundError
from tracer.run.reader import open_run
from tui import intake
from tui.clock import Clock
from tui.feed import Moment
from tui.live import LiveFeed
from tui.replay import ReplayFeed
from tui.seek import parse_target


def replay(path: Path) -> ReplayFeed:
    return ReplayFeed(path, lambda end_ns: Clock(end_ns, Hands(), playing=False))


def rewound(path: Path, hands: Hands) -> tuple[LiveFeed, Clock]:
    """A live feed that shows the past, and its clock."""
    feed = LiveFeed(path, wall=lambda: WALL, steady=hands)
    feed.poll()
    clock = feed.rewind()
    assert clock is not None
    return feed, clock


def length(moment: Moment) -> int:
    assert moment.trace is not None
    return len(moment.trace)


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_RECORDS", 100)


@pytest.mark.usefixtures("small_portions")
def test_a_long_run_is_there_at_once_and_fills_in(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", epochs=3)
    whole = open_run(run).trace()
    feed = replay(run)
    assert feed.clock.end_ns == whole.now_ns, "the end is known before it is read"
    feed.clock.seek(feed.clock.end_ns)
    moments = [feed.poll()]
    while feed.reading is not None:
        moments.append(feed.poll())
    shares = [moment.reading for moment in moments[:-1]]
    assert len(shares) > 5
    assert shares == sorted(shares, key=lambda share: share or 0) and all(0 < (share or 0) < 1 for share in shares)
    assert {moment.state for moment in moments[:-1]} == {"running"}
    assert all(len(moment.metrics) < len(moments[-1].metrics) for moment in moments[:-1]), "nothing of what comes"
    last = moments[-1]
    assert (last.state, last.now_ns, last.generation) == ("finished", whole.now_ns, 0)
    assert spans(last.trace) == spans(whole)


def test_all_rows_are_there_where_the_last_portion_adds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveRun(tmp_path / "run")
    live.finish()
    monkeypatch.setattr(intake, "MOST_RECORDS", live.total)
    feed = replay(live.path)
    feed.clock.seek(feed.clock.end_ns)
    assert feed.reading is not None
    assert len(feed.poll().metrics) == len(live.rows)


@pytest.mark.usefixtures("small_portions")
def test_a_place_to_begin_at_is_read_up_to(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", epochs=3)
    feed = replay(run)
    with pytest.raises(NotFoundError):
        feed.places.find(parse_target("e3b2"), 0)
    feed.begin_at(parse_target("e3b2"))
    moment = feed.poll()
    assert moment.trace is not None
    assert (moment.trace.contexts.epoch[-1], moment.trace.contexts.batch[-1]) == (2, 1)
    with pytest.raises(NotFoundError, match="it has 3"):
        feed.begin_at(parse_target("e9"))


@pytest.mark.usefixtures("small_portions")
def test_a_screen_that_comes_late_to_a_live_run_catches_up(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", epochs=3)
    live.advance(500)
    feed = LiveFeed(live.path, wall=lambda: WALL)
    moments = [feed.poll()]
    while moments[-1].reading is not None:
        moments.append(feed.poll())
    assert len(moments) > 4
    assert spans(moments[-1].trace) == spans(open_run(live.path).trace())


def test_a_live_run_is_rewound_while_it_goes_on(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    live.advance(300)
    feed, clock = rewound(live.path, Hands())
    latest = feed.poll()
    clock.seek(50 * MS)
    past = feed.poll()
    assert past.generation == latest.generation + 1, "the trace went backwards"
    assert past.now_ns == 50 * MS
    early = spans(past.trace)
    live.advance(100)
    again = feed.poll()
    assert (spans(again.trace), again.generation) == (early, past.generation)
    assert feed.whole is not None and len(feed.whole) > length(latest), "what is written is read meanwhile"
    assert clock.end_ns == feed.whole.now_ns
    feed.to_end()
    now = feed.poll()
    assert now.generation == past.generation, "going on makes nothing void"
    assert spans(now.trace) == spans(open_run(live.path).trace())
    assert now.delta is not None and now.delta.first_row == len(early)


def test_a_clock_that_plays_to_the_latest_is_live_again(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    live.advance(300)
    hands = Hands()
    feed, clock = rewound(live.path, hands)
    clock.seek(clock.end_ns - 30 * MS)
    clock.play()
    assert feed.poll().now_ns == clock.end_ns - 30 * MS
    hands.seconds = 0.02
    assert feed.poll().now_ns == clock.end_ns - 10 * MS
    hands.seconds = 0.04
    feed.poll()
    assert feed.clock is None


def test_metrics_of_the_past_are_those_of_then(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", epochs=2, batches=4)
    live.advance(live.total)
    feed, clock = rewound(live.path, Hands())
    clock.seek(feed.places.find(parse_target("e1b3"), 0))
    assert feed.poll().metrics.series("train_loss_step").rows.tolist() == [0, 1]
    feed.to_end()
    assert len(feed.poll().metrics) == len(live.rows)


def test_a_run_that_says_nothing_yet_cannot_be_rewound(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path, wall=lambda: WALL)
    feed.poll()
    assert feed.rewind() is None
    with pytest.raises(HooktraceError, match="nothing was recorded yet"):
        _ = feed.places
