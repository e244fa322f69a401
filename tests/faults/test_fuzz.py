"""Whatever stands in a run directory: a trace, a part of one with its gap named, or one line that says what is wrong.

A mutant is opened by all readers and by one of the verbs in turn; in the long form by every verb.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _fuzz(*arguments: str) -> None:
    """Opens mutants in a process of its own, whose memory is limited; fails with the findings."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    assert f"{arguments[0]} mutants, 0 findings" in done.stdout


def test_no_mutant_of_a_run_does_harm() -> None:
    _fuzz("2000")


@pytest.mark.soak
def test_none_of_ten_thousand_does_harm() -> None:
    _fuzz("10000", "--seed", "2")


@pytest.mark.soak
def test_none_does_harm_to_any_verb_nor_through_the_copies_that_readers_keep() -> None:
    _fuzz("2000", "--seed", "3", "--all")


@pytest.mark.soak
def test_no_decoder_is_harmed_by_what_coverage_leads_to() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.guided", "2000"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
