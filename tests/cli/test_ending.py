"""What is said when a screen is closed."""

from pathlib import Path

import pytest

from tests.builders import make_run
from tracer.verbs.ending import report_watched

Captured = pytest.CaptureFixture[str]


def _call(function: str, state: str) -> dict[str, object]:
    return {"function": function, "started_ns": 0, "ended_ns": None, "state": state}


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([("fit", "running")], "the run goes on in"),
        ([("fit", "stopped"), ("test", "running")], "the training was stopped; its program goes on in"),
        ([("fit", "stopped"), ("fit", "running")], "the run goes on in"),
    ],
)
def test_a_run_that_goes_on_after_it_was_stopped_says_so(
    calls: list[tuple[str, str]], said: str, tmp_path: Path, capsys: Captured
) -> None:
    path = make_run(tmp_path / "run", state="running", calls=[_call(*call) for call in calls])
    report_watched(path)
    assert capsys.readouterr().out.startswith(f"{said} {path}\n")


def test_a_run_that_is_over_says_how_it_ended(tmp_path: Path, capsys: Captured) -> None:
    report_watched(make_run(tmp_path / "run", state="stopped"))
    assert "\nstate  stopped after" in capsys.readouterr().out
