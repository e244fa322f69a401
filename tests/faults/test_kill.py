"""Killed at any moment, a training leaves a run that opens, tells all but the last moment, and says where it died."""

import json
from pathlib import Path
from random import Random
from time import perf_counter, sleep

import pytest

from tests.faults.victims import HOOKS, Call, Truth, kill, start
from tracer import open_run
from tracer.errors import NotARunError, NotFoundError
from tracer.run.layout import RUN_FILE
from tracer.run.trace import Trace

_AT_ONCE = 5
_LATEST_S = 0.9


def _recorded(trace: Trace, hook: str, base_ns: int) -> list[Call]:
    """The calls of a hook as the recording tells them, in the clock of the truth."""
    wanted = [action.id for action in trace.actions if (action.hook, action.owner_kind) == (hook, HOOKS[hook])]
    spans = (trace.span(row) for row in range(len(trace)) if trace.action[row] in wanted)
    return [
        Call(
            hook,
            base_ns + span.start_ns,
            None if span.duration_ns is None else base_ns + span.start_ns + span.duration_ns,
        )
        for span in spans
    ]


def _check(run_dir: Path, truth: Truth, killed_ns: int, lost_ns: int) -> int:
    """Checks what a victim has left behind; returns how many calls there were old enough to be there."""
    calls = truth.calls()
    known_ns = killed_ns - lost_ns - truth.starved_ns(killed_ns - 2 * lost_ns, killed_ns)
    try:
        run = open_run(run_dir)
    except (NotARunError, NotFoundError):
        assert not [call for call in calls if call.began_ns < known_ns]  # it was killed before it had begun
        return 0
    assert run.state == "died"
    base_ns = json.loads((run_dir / RUN_FILE).read_bytes())["base_ns"]
    trace = run.trace() if run.span_estimate() else None
    assert trace is None or trace.gap is None
    for hook in HOOKS:
        real = [call for call in calls if call.hook == hook]
        recorded = [] if trace is None else _recorded(trace, hook, base_ns)
        assert len(recorded) >= sum(call.began_ns < known_ns for call in real)
        assert sum(call.ended_ns is not None for call in recorded) >= sum(
            call.ended_ns is not None and call.ended_ns < known_ns for call in real
        )
        for told, was in zip(recorded, real, strict=False):
            assert told.began_ns < was.began_ns
            assert told.ended_ns is None or (was.ended_ns is not None and was.ended_ns < told.ended_ns)
    if trace is not None:
        assert _stack(trace, base_ns) == _real_stack(calls, base_ns + trace.now_ns)
    return sum(call.began_ns < known_ns for call in calls)


def _stack(trace: Trace, base_ns: int) -> list[str]:
    """The hooks of the truth that are open where the recording ends; one that begins right there is not in yet."""
    spans = [trace.span(row) for row in trace.open_rows]
    return [
        span.action.hook
        for span in spans
        if HOOKS.get(span.action.hook) == span.action.owner_kind and span.start_ns < trace.now_ns
    ]


def _real_stack(calls: list[Call], now_ns: int) -> list[str]:
    return [
        call.hook for call in calls if call.began_ns <= now_ns and (call.ended_ns is None or call.ended_ns > now_ns)
    ]


def _kill_some(count: int, seed: int, directory: Path, held_s: float, lost_ns: int) -> int:
    """Kills so many victims at random moments, a few at a time; returns how many calls were told of."""
    random, told = Random(seed), 0
    for first in range(0, count, _AT_ONCE):
        began = perf_counter()
        victims = []
        for index in range(first, min(first + _AT_ONCE, count)):
            truth, run_dir = Truth(), directory / f"run{index}"
            moment = began + random.uniform(0, _LATEST_S + 3 * held_s)
            victims.append((moment, start(run_dir, truth, held_s), truth, run_dir))
        for moment, pid, truth, run_dir in sorted(victims, key=lambda victim: victim[0]):
            sleep(max(0.0, moment - perf_counter()))
            told += _check(run_dir, truth, kill(pid), lost_ns)
    return told


def test_killed_at_any_moment_a_run_tells_all_but_the_last_200_ms(tmp_path: Path) -> None:
    assert _kill_some(20, 1, tmp_path, 0.0, 200_000_000) > 100


@pytest.mark.soak
def test_killed_at_any_of_200_moments_a_run_tells_all_but_the_last_200_ms(tmp_path: Path) -> None:
    assert _kill_some(200, 2, tmp_path, 0.0, 200_000_000) > 1000


@pytest.mark.soak
def test_killed_while_the_loop_holds_the_lock_a_run_tells_all_but_the_last_second(tmp_path: Path) -> None:
    assert _kill_some(50, 3, tmp_path, 0.6, 1_000_000_000) > 100
