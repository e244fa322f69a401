"""One rank after another on the real screen: at the same moment, each by its own recording."""

from pathlib import Path

from tests.analyze.ranks import Ranks, trained, write
from tests.builders import DEAD_PID, MS, make_run
from tests.tui.driving import Hands, line, live_app, notices, press, replay_app, rows, settle

S = 1_000_000_000
SIZE = (120, 40)


def _ranks() -> Ranks:
    """Three ranks; the second began two seconds after the first, the third a second before it."""
    ranks = trained(30, world_size=3, behind_ns=(0, 2 * S, -S))
    ranks.call(1, "on_exception", MS)
    return ranks


async def test_keys_go_from_rank_to_rank_and_around(tmp_path: Path) -> None:
    app = replay_app(write(tmp_path / "run", _ranks()), Hands())
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert "rank 0 of 3" in line(app, "header")
        seen = []
        for _ in range(3):
            await press(app, pilot, ">")
            seen.append(app.frame.rank)
        await press(app, pilot, "<")
        assert [*seen, app.frame.rank] == [1, 2, 0, 2]


async def test_another_rank_is_shown_at_the_same_moment_by_its_own_clock(tmp_path: Path) -> None:
    ranks = _ranks()
    app = replay_app(write(tmp_path / "run", ranks), Hands(), start="e1b10")
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        now_ns, batch = app.frame.now_ns, app.frame.progress.batch
        for rank in (1, 2, 0):
            await press(app, pilot, ">")
            assert (app.frame.rank, app.frame.progress.batch) == (rank, batch)
            assert app.frame.now_ns == now_ns - ranks.behind_ns[rank]


async def test_the_end_of_each_rank_is_its_own(tmp_path: Path) -> None:
    app = replay_app(write(tmp_path / "run", _ranks()), Hands())
    async with app.run_test(size=SIZE) as pilot:
        await press(app, pilot, "end")
        assert "on_exception" not in rows(app, "loop")
        await press(app, pilot, ">", "end")
        assert "on_exception" in rows(app, "loop")


async def test_a_live_run_shows_how_each_rank_stands(tmp_path: Path) -> None:
    ranks = _ranks()
    ranks.plays[2].events.pop()
    path = write(tmp_path / "run", ranks, "running", pid=DEAD_PID, process_start=None)
    app = live_app(path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert (app.frame.rank, app.frame.state) == (0, "running")
        await press(app, pilot, "<")
        assert (app.frame.rank, app.frame.state, app.frame.open_hook) == (2, "died", "DDPStrategy.backward")
        assert line(app, "header").rstrip().endswith("✗ died")
        await press(app, pilot, ">")
        assert (app.frame.rank, app.frame.state) == (0, "running")


async def test_a_run_of_one_rank_says_so(tmp_path: Path) -> None:
    app = replay_app(make_run(tmp_path / "run"), Hands())
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert "rank" not in line(app, "header")
        await press(app, pilot, ">")
        assert notices(app) == ["this run has one rank"]
