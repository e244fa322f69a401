"""How a run ended, and what it lacks, where only the control page could be told."""

from pathlib import Path
from random import Random

import pytest

from tests.builders import LiveRun, make_run
from tracer.run import open_run
from tracer.run.control import ControlPage
from tracer.run.layout import CONTROL_FILE
from tracer.run.page import MAGIC, PAGE_BYTES
from tui.live import LiveFeed


@pytest.mark.parametrize("state", ["finished", "failed", "interrupted", "stopped"])
def test_the_page_says_what_run_json_could_not_be_told(state: str, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", state="died", until=200))
    assert run.state == "died"
    page = ControlPage(run.path)
    assert run.state == "died"
    page.say_state("running", None, "recording stopped: OSError")
    assert (run.state, run.info.dropped, run.info.ended_at) == ("died", "recording stopped: OSError", None)
    page.say_state(state, "RuntimeError: é" + "x" * 400, "recording stopped: OSError")
    page.close()
    info = run.info
    assert (run.state, info.dropped) == (state, "recording stopped: OSError")
    assert str(info.exception).startswith("RuntimeError: éx")
    assert info.ended_at is not None
    assert info.ended_at > info.started_at
    assert run.trace().gap == "recording stopped: OSError"


def test_run_json_has_the_last_word_where_it_could_be_told(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", state="failed"))
    ControlPage(run.path).say_state("finished", "of the page", "of the page")
    assert (run.state, run.info.exception, run.info.dropped) == ("failed", "RuntimeError: boom", None)


def test_a_live_screen_hears_it_although_run_json_stays_as_it_was(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run")
    page = ControlPage(live.path)
    live.advance(100)
    feed = LiveFeed(live.path)
    assert feed.poll().state == "running"
    page.say_state("finished", None, "recording stopped: OSError")
    moment = feed.poll()
    assert moment.state == "finished"
    assert moment.trace is not None
    assert moment.trace.gap == "recording stopped: OSError"


@pytest.mark.parametrize("seed", range(20))
def test_a_page_with_anything_on_it_does_no_harm(seed: int, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", state="died"))
    content = MAGIC.to_bytes(8, "little") + Random(seed).randbytes(PAGE_BYTES - 8)
    if seed % 2:  # a state that there is, at a time that makes no sense
        content = content[: 26 * 8] + (1 + seed % 5).to_bytes(8, "little") + content[27 * 8 :]
    (run.path / CONTROL_FILE).write_bytes(content[: PAGE_BYTES - (seed == 4)])
    assert run.state in ("died", "finished", "failed", "interrupted", "stopped")
    assert "\n" not in repr(run.info.dropped)
