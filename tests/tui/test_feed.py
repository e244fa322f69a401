"""Feeds: live and replay tell the same story; and progress, which both are shown with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import MS, LiveRun, make_run
from tests.tui.driving import WALL, Hands
from tests.tui.measuring import progress_of
from tracer.errors import HooktraceError
from tracer.run.reader import open_run
from tracer.run.trace import Trace
from tui.clock import Clock
from tui.feed import STARTING, Moment
from tui.frame import Frame, Session
from tui.live import LiveFeed
from tui.progress import Bar, Progress
from tui.replay import ReplayFeed
from tui.seek import parse_target


def live_feed(path: Path) -> LiveFeed:
    return LiveFeed(path, wall=lambda: WALL)


def replay_feed(path: Path, hands: Hands) -> ReplayFeed:
    return ReplayFeed(path, lambda end_ns: Clock(end_ns, hands))


def settled(session: Session) -> Frame:
    """What a session says once nothing more comes: slow parts follow at the next quiet poll."""
    session.poll()
    return session.poll()


def spans(trace: Trace | None) -> list[tuple[int, ...]]:
    assert trace is not None
    columns = (trace.action, trace.parent, trace.depth, trace.start_ns, trace.duration_ns, trace.self_ns)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_before_there_is_a_run_it_is_starting(tmp_path: Path) -> None:
    feed = live_feed(tmp_path)
    moment = feed.poll()
    assert (moment.state, moment.info, moment.trace, len(moment.metrics)) == (STARTING, None, None, 0)
    LiveRun(tmp_path).advance(40)
    moment = feed.poll()
    assert moment.state == "running"
    assert moment.trace is not None and len(moment.trace) > 0


def test_a_live_run_is_followed_to_its_end(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", test_batches=2)
    feed = live_feed(live.path)
    rows = 0
    while live.written < live.total:
        live.advance(37)
        moment = feed.poll()
        assert moment.trace is not None and moment.delta is not None
        assert moment.delta.first_row == rows
        rows = moment.delta.rows
        assert len(moment.trace) == rows
    live.finish()
    moment = feed.poll()
    assert moment.state == "finished"
    assert spans(moment.trace) == spans(open_run(live.path).trace())
    assert len(moment.metrics) == len(live.rows)


def test_a_live_clock_goes_on_between_events_and_stops_at_the_end(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    live.advance(50)
    feed = LiveFeed(live.path, wall=lambda: WALL + 60)
    assert feed.poll().now_ns == pytest.approx(60e9, abs=1000)
    live.finish()
    moment = feed.poll()
    assert moment.trace is not None
    assert moment.now_ns == moment.trace.now_ns


def test_a_run_whose_process_is_gone_has_died(tmp_path: Path) -> None:
    assert live_feed(make_run(tmp_path / "run", until=200, state="died")).poll().state == "died"


def test_what_cannot_be_read_is_our_own_error(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(HooktraceError, match="no valid JSON"):
        live_feed(run)
    with pytest.raises(HooktraceError, match="no valid JSON"):
        replay_feed(run, Hands())


def test_a_run_without_events_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(HooktraceError, match="has no events"):
        replay_feed(make_run(tmp_path / "run", until=0), Hands())


def test_a_replay_is_the_trace_up_to_its_clock(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", test_batches=2)
    whole = open_run(run).trace()
    hands = Hands()
    feed = replay_feed(run, hands)
    while hands.seconds * 1e9 < whole.now_ns:
        moment = feed.poll()
        assert moment.trace is not None
        assert len(moment.trace) == int((whole.start_ns <= moment.now_ns).sum())
        ended = whole.start_ns + whole.duration_ns <= moment.now_ns
        assert (moment.trace.duration_ns >= 0).tolist() == ended[: len(moment.trace)].tolist()
        assert moment.state == "running"
        hands.seconds += 0.0171
    moment = feed.poll()
    assert (moment.state, moment.generation) == ("finished", 0)
    assert spans(moment.trace) == spans(whole)


def test_going_backwards_starts_a_new_generation_with_the_same_story(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    feed = replay_feed(run, Hands())
    feed.clock.pause()
    feed.clock.seek(100 * MS)
    first = feed.poll()
    early = spans(first.trace)
    feed.clock.seek(250 * MS)
    moment = feed.poll()
    assert (moment.generation, moment.jumped, feed.poll().jumped) == (0, True, False)
    feed.clock.seek(100 * MS)
    moment = feed.poll()
    assert moment.generation == 1
    assert spans(moment.trace) == early


def metrics_at(feed: ReplayFeed, time_ns: int) -> set[str]:
    """Names with a value at a time of the replay."""
    feed.clock.seek(time_ns)
    metrics = feed.poll().metrics
    return {f"{name}:{len(metrics.series(name).rows)}" for name in metrics.names if len(metrics.series(name).rows)}


def test_curves_follow_the_clock_of_a_replay(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", epochs=2, batches=4, val_batches=2, test_batches=2)
    feed = replay_feed(run, Hands())
    feed.clock.pause()
    whole = feed.whole

    def end_of(hook: str, nth: int) -> int:
        rows = [r for r in range(len(whole)) if whole.actions[whole.action[r]].hook == hook]
        last_of_group = [r for i, r in enumerate(rows) if i + 1 == len(rows) or rows[i + 1] > r + 1]
        row = last_of_group[nth]
        return int(whole.start_ns[row] + whole.duration_ns[row])

    assert metrics_at(feed, feed.places.find(parse_target("e1b1"), 0)) == set()
    second = feed.places.find(parse_target("e1b2"), 0)
    assert metrics_at(feed, second) == {"train_loss_step:1"}
    validation_ends = end_of("on_validation_model_train", 1)  # the first is the sanity check's
    assert "val_loss:1" not in metrics_at(feed, validation_ends - 2 * MS)
    assert metrics_at(feed, validation_ends + MS) == {"train_loss_step:4", "val_loss:1", "val_acc:1"}
    epoch_ends = end_of("on_train_epoch_end", 0)
    assert "train_loss_epoch:1" not in metrics_at(feed, epoch_ends - MS)
    assert "train_loss_epoch:1" in metrics_at(feed, epoch_ends)
    fit_ends = end_of("on_fit_end", 0)
    assert "test_loss:1" not in metrics_at(feed, fit_ends)
    everything = open_run(run).metrics()
    assert metrics_at(feed, whole.now_ns) == {
        f"{name}:{len(everything.series(name).rows)}" for name in everything.names
    }


def test_rows_without_a_step_are_there_at_the_end(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "metrics" / "metrics.csv").write_text("val_loss,other\n0.5,\n,1.0\n", encoding="utf-8")
    feed = replay_feed(run, Hands())
    feed.clock.seek(0)
    assert len(feed.poll().metrics) == 0
    feed.clock.seek(feed.clock.end_ns)
    assert len(feed.poll().metrics) == 2


def progress_at(path: Path, events: int, **changes: object) -> Progress:
    live = LiveRun(path, epochs=3, batches=10, val_batches=4, test_batches=5)
    live.advance(events)
    moment = live_feed(path).poll()
    assert moment.info is not None
    info = replace(moment.info, trainer={**moment.info.trainer, **changes})
    return progress_of(moment.trace, info, moment.now_ns)


def events_until(hook: str, nth: int = 0) -> int:
    """How many records there are before the nth call of a hook by the module or the loop."""
    play = LiveRun(Path("scratch"), epochs=3, batches=10, val_batches=4, test_batches=5).play
    number = next(
        n for (kind, _, name), n in play.actions.items() if name == hook and kind in ("module", "loop", "strategy")
    )
    places = [index for index, event in enumerate(play.events) if event >> 52 == number]
    return places[nth] + 1


def test_there_is_no_progress_before_there_is_a_run() -> None:
    assert progress_of(None, None, 0) == Progress()


def test_training_makes_progress_in_epoch_and_fit(tmp_path: Path) -> None:
    progress = progress_at(tmp_path, events_until("run_training_batch", 13))
    assert (progress.function, progress.stage) == ("fit", "train")
    assert (progress.epoch, progress.max_epochs) == (2, 3)
    assert (progress.batch, progress.batches, progress.step) == (4, 10, 13)
    epoch, fit = progress.bars
    assert (epoch.label, epoch.done, epoch.total) == ("epoch", 4, 10)
    assert (fit.label, fit.done, fit.total) == ("fit", 14, 30)
    assert epoch.share == 0.4
    batch_s = 25 * MS / 1e9  # the builder's training batch has 25 calls of a millisecond
    assert epoch.rate_per_s == pytest.approx(1 / batch_s, rel=0.3)
    assert epoch.left_s == pytest.approx(6 / (epoch.rate_per_s or 0))
    assert fit.left_s is not None and epoch.left_s is not None and fit.left_s > epoch.left_s


def test_validation_shows_beside_the_epoch_it_interrupts(tmp_path: Path) -> None:
    progress = progress_at(tmp_path, events_until("validation_step", 6))
    assert progress.stage == "validate"
    assert [(bar.label, bar.done, bar.total) for bar in progress.bars] == [
        ("validation", 2, 4),
        ("epoch", 10, 10),
        ("fit", 20, 30),
    ]


def test_sanity_check_and_test_have_their_own_bar(tmp_path: Path) -> None:
    sanity = progress_at(tmp_path / "a", events_until("validation_step", 0))
    assert [(bar.label, bar.done, bar.total) for bar in sanity.bars] == [("sanity check", 1, 1)]
    tested = progress_at(tmp_path / "b", events_until("test_step", 2))
    assert (tested.function, tested.stage, tested.epoch) == ("test", "test", None)
    assert [(bar.label, bar.done, bar.total) for bar in tested.bars] == [("test", 3, 5)]


def test_endless_training_has_no_total(tmp_path: Path) -> None:
    progress = progress_at(tmp_path, events_until("run_training_batch", 13), max_epochs=-1)
    assert progress.max_epochs is None
    fit = progress.bars[-1]
    assert (fit.done, fit.total, fit.left_s, fit.share) == (14, None, None, None)


def test_max_steps_ends_a_fit_before_its_epochs(tmp_path: Path) -> None:
    progress = progress_at(
        tmp_path, events_until("run_training_batch", 13), max_steps=5, accumulate_grad_batches=4, max_epochs=-1
    )
    assert progress.bars[-1].total == 10 + 8, "the last batch of an epoch steps in any case"


def test_a_batch_that_hangs_slows_the_rate(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", batches=50)
    live.advance(1500)
    moment = live_feed(live.path).poll()
    calm, hanging = (progress_of(moment.trace, moment.info, moment.now_ns + wait) for wait in (0, 60 * 10**9))
    assert calm.bars[0].rate_per_s is not None and hanging.bars[0].rate_per_s is not None
    assert hanging.bars[0].rate_per_s < calm.bars[0].rate_per_s / 10


def test_progress_is_known_at_every_moment(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", epochs=2, batches=5, test_batches=3)
    feed = live_feed(live.path)
    done = 0
    for _ in range(0, live.total, 11):
        live.advance(11)
        moment = feed.poll()
        progress = progress_of(moment.trace, moment.info, moment.now_ns)
        for bar in progress.bars:
            assert bar.total is None or 0 <= bar.done <= bar.total
            assert bar.left_s is None or bar.left_s >= 0
        fit = next((bar for bar in progress.bars if bar.label == "fit"), Bar("fit", done, None, None, None))
        assert fit.done >= done
        done = fit.done if progress.function == "fit" else 0


def test_a_session_says_the_same_live_and_replayed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", test_batches=2)
    hands = Hands(seconds=0)
    live, replayed = Session(live_feed(run), run), Session(replay_feed(run, hands), run)
    seen = live.poll()
    frame = Frame()
    for step in range(40):
        hands.seconds = step * 0.05
        frame = replayed.poll()
    for _ in range(2):
        frame, seen = replayed.poll(), live.poll()
    assert (frame.state, frame.now_ns, frame.progress) == (seen.state, seen.now_ns, seen.progress)
    assert frame.loop == seen.loop
    assert [(s.action, s.count, s.self_ns) for s in frame.stats] == [(s.action, s.count, s.self_ns) for s in seen.stats]
    assert frame.bars is not None and seen.bars is not None
    assert np.array_equal(frame.bars.start_ns, seen.bars.start_ns)


def test_a_session_starts_over_when_a_replay_goes_back(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    feed = replay_feed(run, Hands())
    session = Session(feed, run)
    feed.clock.pause()
    feed.clock.seek(150 * MS)
    early = settled(session)
    feed.clock.seek(feed.clock.end_ns)
    late = settled(session)
    feed.clock.seek(150 * MS)
    again = settled(session)
    assert late.loop != early.loop
    assert again.loop == early.loop
    assert again.progress == early.progress
    assert again.generation == 1


class _Broken:
    """A feed whose polls fail."""

    def poll(self) -> Moment:
        raise HooktraceError("gone")


def test_a_session_hands_its_feeds_errors_on(tmp_path: Path) -> None:
    with pytest.raises(HooktraceError, match="gone"):
        Session(_Broken(), tmp_path).poll()
