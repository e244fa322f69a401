"""Noise is noise, and a hook that became slower is found: on repeats of one training whose times are made up."""

import numpy as np
import pytest

from tests.analyze.repeats import ACTIONS, BATCH, repeat
from tracer.analyze.compare_owners import Owners
from tracer.analyze.compare_times import UnitChange, unit_changes
from tracer.analyze.digest import Digest, digest
from tracer.analyze.resample import block_count, drawn_typical, draws, t_quantile, typical

LARGE = [call.label for call in BATCH if call.cost_ms >= 0.2]


def run(seed: int, slower: str | None = None, factor: float = 1.1, batches: int = 500, noise: float = 1.0) -> Digest:
    return digest(repeat(seed, {slower: factor} if slower else {}, batches, noise), {})


def judged(a: Digest, b: Digest) -> UnitChange:
    (unit,) = [unit for unit in unit_changes(a, b, Owners(ACTIONS, ACTIONS)) if unit.kind == "training batch"]
    return unit


def is_noise(unit: UnitChange) -> bool:
    alarms = [hook for hook in unit.hooks if hook.verdict != "within noise"]
    return not alarms and unit.verdict == "within noise" and not unit.load_beyond_noise


def finds(unit: UnitChange, label: str) -> bool:
    """Whether that hook is slower, and named first."""
    return unit.hooks[0].key.label == label and unit.hooks[0].verdict == "slower"


def test_two_repeats_are_within_noise_and_a_slower_hook_is_found() -> None:
    quiet = found = 0
    for trial in range(40):
        a = run(2 * trial)
        quiet += is_noise(judged(a, run(2 * trial + 1)))
        found += finds(judged(a, run(2 * trial + 1, LARGE[trial % len(LARGE)])), LARGE[trial % len(LARGE)])
    # Of trials that succeed with 99 %, 38 of 40 do in 99 of 100 such tests; the seeds are fixed.
    assert quiet >= 38
    assert found >= 38


@pytest.mark.soak
@pytest.mark.parametrize("batches", [60, 150, 500, 2000])
def test_a_hundred_repeats_are_within_noise(batches: int) -> None:
    quiet = [
        is_noise(judged(run(2 * seed, batches=batches), run(2 * seed + 1, batches=batches))) for seed in range(100)
    ]
    assert sum(quiet) >= 95


@pytest.mark.soak
@pytest.mark.parametrize("label", LARGE)
def test_ten_percent_are_found_in_a_hundred_trials(label: str) -> None:
    assert sum(finds(judged(run(2 * seed), run(2 * seed + 1, label)), label) for seed in range(100)) >= 95


@pytest.mark.parametrize("factor", [1.5, 0.5])
def test_what_changes_all_hooks_is_no_load(factor: float) -> None:
    a, b = run(1, noise=0.3), run(2, noise=0.3)
    slowed = digest(repeat(2, {call.label: factor for call in BATCH}, 500, 0.3), {})

    assert is_noise(judged(a, b))
    unit = judged(a, slowed)
    expected = "slower" if factor > 1 else "faster"
    assert unit.load_beyond_noise
    assert unit.load == pytest.approx(factor, rel=0.05)
    assert unit.verdict == expected
    assert {hook.verdict for hook in unit.hooks if hook.key.label in LARGE} == {expected}


def test_without_noise_the_ratio_is_exact_and_a_small_change_is_none() -> None:
    quiet = run(1, noise=0)
    larger = judged(quiet, run(1, "ConvNet.backward", 1.2, noise=0)).hooks[0]
    smaller = judged(quiet, run(1, "ConvNet.backward", 1.04, noise=0))

    assert larger.ratio is not None
    assert larger.ratio.value == pytest.approx(1.2, rel=1e-3)
    assert larger.change_ns == pytest.approx(0.2 * 4.8e6, rel=1e-3)
    assert is_noise(smaller)


def test_few_batches_are_too_few_to_judge() -> None:
    unit = judged(run(1, batches=19), run(2, batches=19))

    assert {hook.verdict for hook in unit.hooks} == {"too few"}
    assert unit.verdict == "too few"


def test_the_interval_holds_the_truth_nineteen_times_of_twenty() -> None:
    random = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        values = (1e6 * random.lognormal(0, 0.3, 400)).astype(np.int64)
        blocks = block_count(len(values))
        block = np.arange(len(values)) * blocks // len(values)
        error = np.std(drawn_typical(values, block, draws(blocks)), ddof=1)
        held += abs(np.log(typical(values) / 1e6)) <= t_quantile(0.95, blocks - 1) * error
    assert 180 <= held <= 199


def test_t_reaches_further_the_less_is_known() -> None:
    assert t_quantile(0.95, 9) == pytest.approx(2.262, abs=0.01)
    assert t_quantile(0.95, 31) == pytest.approx(2.040, abs=0.005)
    assert t_quantile(0.99, 31) == pytest.approx(2.744, abs=0.01)
