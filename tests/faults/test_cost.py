"""What a span costs stays what it is, by counts that no machine changes; and the page says what was measured."""

from dataclasses import asdict, replace

import pytest
from lightning.pytorch.profilers import PassThroughProfiler

from benchmarks.instructions import our_profile, processor_instructions, python_instructions
from benchmarks.render import PAGE, page, read_results
from benchmarks.report import Figure
from benchmarks.suite import HERE, SUITE

_BYTECODE = 44
"""Instructions of a span with its `with` statement; versions of Python differ by some."""
_PROCESSOR = 4_030


def test_a_span_takes_few_instructions() -> None:
    ours = python_instructions(our_profile())
    assert 0 < ours <= _BYTECODE * 1.2
    assert ours <= 0.5 * python_instructions(PassThroughProfiler().profile)


@pytest.mark.soak
def test_a_span_takes_few_instructions_of_the_processor() -> None:
    counted = processor_instructions()
    assert counted is None or 0 < counted <= _PROCESSOR * 1.2


def test_every_benchmark_is_in_the_suite() -> None:
    apart = {"__init__", "generate", "live", "render", "report", "suite", "viewer_process"}
    assert {path.stem for path in HERE.glob("*.py")} - apart == set(SUITE)


def test_the_page_is_made_of_the_results_that_are_kept() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_results())


def test_a_goal_that_is_missed_is_said() -> None:
    machine = dict.fromkeys(("processor", "cores", "memory_gib", "system", "python", "lightning"), "x")
    machine |= dict.fromkeys(("torch", "numpy", "textual"), "x")
    figure = Figure("a span", median=0.361, low=0.3, high=0.5, goal=0.35, digits=2)
    result = {"title": "T", "machine": {**machine, "others": 0.8}, "figures": [asdict(figure)], "lines": ["  a line"]}
    text = page({"spans": result})
    assert "| a span | 0.36 | 0.30 to 0.50 | 0.35 | **no** |" in text
    assert "others used the machine while these were measured: spans" in text
    assert not figure.met
    assert replace(figure, median=0.354).met
