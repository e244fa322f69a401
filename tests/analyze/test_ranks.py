"""Several ranks as one: which calls are the same, by which clock, who is late, where they parted."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analyze.ranks import HOOKS, Cost, Ranks, jitter, trained
from tests.builders import MS
from tracer.analyze.ranks_clock import Offset, estimated, offsets
from tracer.analyze.ranks_findings import Together, rank_findings
from tracer.analyze.ranks_late import lateness, lateness_grown
from tracer.analyze.ranks_match import match
from tracer.analyze.ranks_parting import parting
from tracer.run.trace import Trace

S = 1_000_000_000


def _same_clock(ranks: Ranks) -> tuple[Offset, ...]:
    return offsets(ranks.traces(), ranks.infos(["clock"] * ranks.world_size))


def _together(ranks: Ranks, *states: str) -> Together:
    return Together(ranks.traces(), states or ("finished",) * ranks.world_size, _same_clock(ranks))


def _slow(rank: int, hook: str, by_ns: int, seed: int = 1) -> Cost:
    usual = jitter(seed)
    return lambda one, name, batch: usual(one, name, batch) + by_ns * ((one, name) == (rank, hook))


def _names(trace: Trace, rows: Sequence[int]) -> list[tuple[str, int | None]]:
    return [(trace.span(row).action.label, trace.span(row).batch) for row in rows]


# -- the same call


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.sampled_from(("extra", "log"))), max_size=12),
    st.integers(2, 3),
)
def test_what_a_rank_does_alone_disturbs_no_match(alone: list[tuple[int, int, str]], world_size: int) -> None:
    ranks = Ranks(world_size)
    for index in range(6):
        for rank, batch, hook in alone:
            if batch == index and rank < world_size:
                ranks.call(rank, f"{hook}{rank}", MS)
        ranks.batch(index)
    matched = match(ranks.traces())
    everyone = [(f"TinyModel.{hook}", batch) for batch in range(6) for hook in HOOKS]
    for trace, rows, others in zip(matched.traces, matched.rows, matched.alone, strict=True):
        assert [name for name in _names(trace, rows) if not name[0].startswith("DDP")] == everyone
        assert len(rows) + len(others) == len(trace)
        assert all(one < other for one, other in pairwise(rows.tolist()))
        assert len(others) == sum(rank == trace.rank for rank, _, _ in alone)


def test_calls_in_another_order_are_nobodys_match() -> None:
    ranks = Ranks()
    ranks.batch(0)
    for rank, order in ((0, ("a", "b", "c")), (1, ("b", "a", "c"))):
        for hook in order:
            ranks.call(rank, hook, MS)
    matched = match(ranks.traces())
    assert [label for label, _ in _names(matched.traces[0], matched.rows[0])][-2:] in (
        ["TinyModel.a", "TinyModel.c"],
        ["TinyModel.b", "TinyModel.c"],
    )


# -- one clock


def test_ranks_on_one_host_need_no_estimate() -> None:
    first, other = _same_clock(trained(behind_ns=(0, 3 * S)))
    assert (first.add_ns, first.how, other.add_ns, other.plus_minus_ns, other.how) == (
        0,
        "same clock",
        3 * S,
        0,
        "same clock",
    )


@settings(max_examples=15)
@given(st.integers(-5 * S, 5 * S), st.integers(0, 99))
def test_another_hosts_clock_is_estimated_from_what_ranks_leave_together(behind_ns: int, seed: int) -> None:
    ranks = trained(cost=jitter(seed), behind_ns=(0, behind_ns), leaves_ns=MS // 10, seed=seed)
    _, offset = offsets(ranks.traces(), ranks.infos(["one", "other"]))
    assert (offset.how, offset.label) == ("calls left together", "DDPStrategy.backward")
    assert abs(offset.add_ns - behind_ns) <= MS // 10
    assert offset.plus_minus_ns is not None and offset.plus_minus_ns <= MS // 10


def test_ranks_with_nothing_in_common_are_laid_beside_each_other_by_wall_time() -> None:
    ranks = Ranks(behind_ns=(0, 2 * S))
    ranks.call(0, "setup", MS)
    ranks.call(1, "other", MS)
    assert estimated(*ranks.traces()) is None
    offset = offsets(ranks.traces(), ranks.infos([None, None]))[1]
    assert (offset.add_ns, offset.plus_minus_ns, offset.how) == (2 * S, None, "wall clock")


# -- who is late


@settings(max_examples=15)
@given(st.integers(0, 3), st.sampled_from(HOOKS), st.integers(2, 40), st.integers(0, 99))
def test_who_keeps_the_others_waiting_is_named_with_hook_and_size(rank: int, hook: str, ms: int, seed: int) -> None:
    ranks = trained(30, world_size=4, cost=_slow(rank, hook, ms * MS, seed), behind_ns=(0, S, 2 * S, -S))
    worst = lateness(match(ranks.traces()), _same_clock(ranks))[0]
    assert (worst.rank, worst.label, worst.stage, worst.calls) == (rank, f"TinyModel.{hook}", "train", 30)
    assert worst.mean_ns == pytest.approx(ms * MS, rel=0.1, abs=MS // 4)


def test_a_hook_that_waits_is_not_taken_for_a_slow_one() -> None:
    ranks = trained(cost=lambda rank, hook, batch: MS + 20 * MS * ((rank, hook) == (1, HOOKS[0])))
    assert [
        (late.rank, late.label, late.behind_ns) for late in lateness(match(ranks.traces()), _same_clock(ranks))
    ] == [(1, f"TinyModel.{HOOKS[0]}", 20 * 20 * MS)]


@settings(max_examples=10)
@given(st.integers(0, 99), st.integers(2, 4))
def test_what_is_gained_and_lost_adds_up_to_where_ranks_end(seed: int, world_size: int) -> None:
    ranks = trained(5, world_size=world_size, cost=jitter(seed))
    for rank in range(world_size):
        ranks.call(rank, "on_train_end", ranks.cost(rank, "on_train_end", 0))
    grown, _ = lateness_grown(match(ranks.traces()), _same_clock(ranks))
    ends = np.array([play.now_ns for play in ranks.plays])
    assert grown.sum(axis=1) == pytest.approx(ends - ends.min(), abs=len(HOOKS) * 10)


def test_ranks_that_keep_step_have_no_findings() -> None:
    assert rank_findings(_together(trained(60, cost=jitter(3), world_size=3))) == ()


def test_a_straggler_is_a_finding_with_its_size() -> None:
    (found,) = rank_findings(_together(trained(cost=_slow(1, HOOKS[0], 20 * MS))))
    assert (found.id, found.title) == ("straggling-rank", f"rank 1 is late: TinyModel.{HOOKS[0]}")
    assert found.time_ns == pytest.approx(400 * MS, rel=0.1)


def test_what_only_rank_0_does_while_others_wait_is_told_as_such() -> None:
    def cost(rank: int, hook: str, batch: int) -> int:
        return 1000 if hook == "on_train_batch_start" and rank else MS + 9 * MS * (hook == "on_train_batch_start")

    found = rank_findings(_together(trained(cost=cost)))
    assert [one.id for one in found] == ["rank-zero-work"]


# -- where they stand


def test_ranks_that_went_on_to_different_calls_have_parted() -> None:
    ranks = trained(3)
    ranks.call(0, "all_gather", MS)
    ranks.call(1, "on_train_batch_end", MS)
    together = _together(ranks, "running", "running")
    assert together.parting.last is not None and together.parting.last.action.label == "DDPStrategy.backward"
    assert together.parting.differs
    (found,) = rank_findings(together)
    assert (found.id, found.sure) == ("ranks-parted", "likely")
    assert "rank 0 went on to TinyModel.all_gather (1 call since)" in found.evidence


def test_a_rank_that_is_still_in_a_call_which_others_have_left_is_seen() -> None:
    ranks = trained(3)
    ranks.plays[0].events.pop()
    found = parting(match(ranks.traces()), _same_clock(ranks))
    assert [standing.inside for standing in found.standings] == [True, False]
    assert found.parted and not found.differs
    assert found.standings[0].open == ("DDPStrategy.backward",)


def test_a_dead_rank_is_named_with_the_call_it_died_in() -> None:
    ranks = trained(3)
    ranks.plays[1].events.pop()
    found = rank_findings(_together(ranks, "running", "died"))
    assert [one.id for one in found] == ["rank-died", "ranks-parted"]
    assert found[0].title == "rank 1 died in DDPStrategy.backward"
    assert "rank 0 stood in no hook" in found[0].evidence


def test_work_that_one_rank_does_alone_is_told_unless_it_is_lightnings_own() -> None:
    ranks = Ranks()
    ranks.call(0, "prepare_data", MS)
    ranks.call(0, "dump", MS)
    ranks.batch(0)
    (found,) = rank_findings(_together(ranks))
    assert (found.id, found.evidence) == ("different-calls", ("TinyModel.dump: 1",))


@pytest.mark.parametrize("records", [0, 1, 2, 9])
def test_ranks_of_which_nearly_nothing_is_there_break_nothing(records: int) -> None:
    ranks = trained(2)
    del ranks.plays[1].events[records:]
    together = _together(ranks, "running", "running")
    assert len(together.parting.standings) == 2
    assert together.late == () or records == 9
    assert all(finding.id == "ranks-parted" for finding in rank_findings(together))
