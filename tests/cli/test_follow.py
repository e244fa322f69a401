"""Progress as plain lines: what is said, when, and that it ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import LiveRun, make_run
from tracer.cli import main
from tracer.errors import NotARunError
from tracer.verbs.follow import Reporter, follow
from tui.live import LiveFeed

Captured = pytest.CaptureFixture[str]


def writing(live: LiveRun, portion: int, state: str = "finished") -> Callable[[float], None]:
    """What to do while waiting: the run goes on, and at last it ends."""

    def pause(seconds: float) -> None:
        if live.written < live.total:
            live.advance(portion)
        else:
            live.finish(state)

    return pause


def test_a_line_for_every_stage_and_epoch_and_one_for_the_end(tmp_path: Path, capsys: Captured) -> None:
    live = LiveRun(tmp_path / "run", epochs=2, batches=6, val_batches=3, sanity=2, test_batches=3)

    follow(live.path, pause=writing(live, 5), now_s=lambda: 0.0)

    lines = capsys.readouterr().out.splitlines()
    words = [line.split(maxsplit=1)[1] for line in lines]
    assert [" · ".join(text.split(" · ")[:-1]) for text in words[:1]] == ["fit · sanity check"]
    stages = [[part for part in text.split(" · ") if part[0].isalpha() and part[-1].isalpha()] for text in words]
    assert [stage[:2] for stage in stages[:-1]] == [
        ["fit", "sanity check"],
        ["fit", "train"],
        ["fit", "validate"],
        ["fit", "train"],
        ["fit", "validate"],
        ["test"],
    ]
    assert words[-1].startswith("finished")
    assert "epoch 1/2 · batch 1/6" in words[1]
    assert "epoch 2/2" in words[3]


def test_a_line_every_few_seconds_in_between(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "run", epochs=1, batches=50, val_batches=0, sanity=0)
    feed, reporter = LiveFeed(live.path), Reporter(line_s=5)
    said: list[int] = []
    for second in range(40):
        live.advance(40)
        if list(reporter.lines(feed.poll(), float(second))):
            said.append(second)

    assert said == list(range(said[0], 40, 5))


def test_metrics_are_told_once_with_their_latest_value(tmp_path: Path, capsys: Captured) -> None:
    live = LiveRun(tmp_path / "run", epochs=2, batches=4, val_batches=2)

    follow(live.path, pause=writing(live, 10), now_s=lambda: 0.0)

    out = capsys.readouterr().out
    assert out.count("val_loss 1.5") == 1
    assert "val_loss 0.75" in out


@pytest.mark.parametrize("state", ["failed", "interrupted", "stopped"])
def test_the_last_line_says_how_it_ended(state: str, tmp_path: Path, capsys: Captured) -> None:
    live = LiveRun(tmp_path / "run")

    follow(live.path, pause=writing(live, 500, state), now_s=lambda: 0.0)

    assert f"  {state}" in capsys.readouterr().out.splitlines()[-1]


def test_a_run_that_died_is_not_waited_for(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run", state="died", until=200)

    assert main(["watch", "run"]) == 0

    out = capsys.readouterr().out
    assert "  died in " in out.splitlines()[0]
    assert "\nstate  died after " in out
    assert "hooktrace replay run" in out


def test_watch_finds_a_run_whose_program_still_loads(tmp_path: Path, capsys: Captured) -> None:
    starting = tmp_path / "runs" / "starting"
    starting.mkdir(parents=True)
    (starting / "output.log").touch()
    live: list[LiveRun] = []

    def pause(seconds: float) -> None:
        if live:
            live[0].finish()
        else:
            live.append(LiveRun(starting))

    follow(starting, pause=pause, now_s=lambda: 0.0)

    assert capsys.readouterr().out.splitlines()[0].startswith("starting: ")


class Twice:
    """A process that trains twice."""

    pid = 1

    def __init__(self, *runs: Path) -> None:
        self.runs = list(runs)
        self.ended = False

    def poll(self) -> int | None:
        return 0 if self.ended else None

    def recordings(self) -> list[Path]:
        return self.runs

    def interrupt(self) -> None:
        raise AssertionError


def test_lines_go_on_with_the_next_run_of_the_program(tmp_path: Path, capsys: Captured) -> None:
    first, second = make_run(tmp_path / "run"), LiveRun(tmp_path / "run-2", epochs=1)
    child = Twice(first)

    def pause(seconds: float) -> None:
        if second.path not in child.runs:
            child.runs.append(second.path)
        elif second.written < second.total:
            second.advance(20)
        else:
            second.finish("stopped")
            child.ended = True

    follow(first, child, pause, lambda: 0.0)

    lines = capsys.readouterr().out.splitlines()
    after = lines[lines.index(f"the next run of the program: {second.path}") :]
    assert "  finished" in lines[0]
    assert any("train · epoch 1/1" in line for line in after)
    assert "  stopped" in after[-1]


class Stubborn:
    """A process that ends after it was interrupted twice."""

    pid = 1

    def __init__(self) -> None:
        self.interrupts = 0

    def poll(self) -> int | None:
        return 1 if self.interrupts == 2 else None

    def recordings(self) -> list[Path]:
        return []

    def interrupt(self) -> None:
        self.interrupts += 1


def test_ctrl_c_is_passed_on_and_the_end_is_waited_for(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "run", state="running", until=100)
    child = Stubborn()

    def pause(seconds: float) -> None:
        raise KeyboardInterrupt

    follow(run, child, pause, lambda: 0.0)

    assert child.interrupts == 2
    assert "interrupting the training" in capsys.readouterr().out


def test_a_run_that_cannot_be_read_does_not_end_our_training(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "run")
    (run / "run.json").write_text("{", encoding="utf-8")
    child = Stubborn()

    follow(run, child, lambda seconds: child.interrupt(), lambda: 0.0)

    assert "no progress to show" in capsys.readouterr().err
    with pytest.raises(NotARunError):
        follow(run)
