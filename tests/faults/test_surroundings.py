"""What a training loses around it: the disk, its rights, its descriptors, the time. It ends as it would have.

Each training is forked off this process, so that what is taken from it is taken from nobody else.
"""

import json
import os
import resource
import shutil
import subprocess
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, seed_everything

from tests.record.models import Plain, trainer, weights
from tracer import HookTracer, open_run
from tracer.cli import main
from tracer.record import session
from tracer.run.layout import events_file
from tui.live import LiveFeed

_BATCHES = 12
_NOBODY = 65534


class _Losing(Callback):
    """Takes something away in the middle of the training."""

    def __init__(self, run_dir: Path, lose: Callable[[], None]) -> None:
        self._stream = run_dir / events_file(0, 0)
        self._lose = lose

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == _BATCHES // 2 and trainer.current_epoch == 0:
            while not self._stream.stat().st_size:
                sleep(0.01)  # until the recorder has written for the first time
            self._lose()


def _trained(root: Path, callbacks: list[Callback]) -> dict[str, Any]:
    """What a training comes to: its weights, how far it went, and how often we complained."""
    seed_everything(1, verbose=False)
    torch.set_num_threads(1)
    run = trainer(root, callbacks, limit_train_batches=_BATCHES, max_epochs=2, logger=False, enable_checkpointing=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run.fit(model := Plain())
    ours = [str(warning.message) for warning in caught if "hooktrace" in str(warning.message)]
    content = [weight.tolist() for weight in weights(model)]
    return {"weights": content, "steps": run.global_step, "state": run.state.status.value, "warnings": ours}


def _apart(train: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `train` returns in a process that is forked off."""
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writes, json.dumps(train()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    result: dict[str, Any] = json.loads(said)
    return result


def _lose_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    with suppress(OSError):
        while True:
            os.dup(1)


def _lose_room(stream: Path) -> None:
    most = stream.stat().st_size + 404  # the next write ends in the middle of a record
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _lose_rights(path: Path) -> None:
    path.chmod(0o500)
    if not os.geteuid():
        os.seteuid(_NOBODY)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of a megabyte."""
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


def _fill(path: Path) -> None:
    with suppress(OSError), (path / "full").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


def _check(run_dir: Path, lost: dict[str, Any], says: str) -> None:
    """The training ended as one without us, complained once, and the recording says how it ended and what it lacks."""
    untraced = _apart(lambda: _trained(run_dir.parent, []))
    assert lost | {"warnings": []} == untraced
    assert lost["state"] == "finished"
    assert len(lost["warnings"]) == 1
    run = open_run(run_dir)
    assert (run.state, run.info.ended_at is not None) == ("finished", True)
    assert says in str(run.info.dropped)
    assert run.info.dropped in lost["warnings"][0]
    trace = run.trace()
    assert trace.gap == run.info.dropped
    assert len(trace) > 50
    moment = LiveFeed(run_dir).poll()
    assert moment.state == "finished"
    assert moment.trace is not None
    assert moment.trace.gap == trace.gap


def test_no_descriptor_left(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    lost = _apart(lambda: _trained(tmp_path, [_Losing(run_dir, _lose_descriptors), HookTracer(run_dir)]))
    _check(run_dir, lost, "OSError: [Errno 24]")


def test_no_right_to_the_directory_left(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    lost = _apart(lambda: _trained(tmp_path, [_Losing(run_dir, lambda: _lose_rights(run_dir)), HookTracer(run_dir)]))
    run_dir.chmod(0o700)
    _check(run_dir, lost, "PermissionError: [Errno 13]")


def test_no_room_left_for_the_stream(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    lose = _Losing(run_dir, lambda: _lose_room(run_dir / events_file(0, 0)))
    _check(run_dir, _apart(lambda: _trained(tmp_path, [lose, HookTracer(run_dir)])), "OSError: [Errno 27]")
    assert (run_dir / events_file(0, 0)).stat().st_size % 8 == 4


@pytest.mark.mount
def test_no_room_left_on_the_disk(tmp_path: Path, small_disk: Path) -> None:
    run_dir = small_disk / "run"
    lost = _apart(lambda: _trained(tmp_path, [_Losing(run_dir, lambda: _fill(small_disk)), HookTracer(run_dir)]))
    assert shutil.disk_usage(small_disk).free == 0
    _check(run_dir, lost, "OSError: [Errno 28]")
    assert json.loads((run_dir / "run.json").read_bytes())["state"] == "running", "the disk was not full after all"


class _Backwards(datetime):
    """A clock that somebody sets back by a day while the training runs."""

    asked = 0

    @classmethod
    def now(cls, tz: Any = None) -> "_Backwards":
        cls.asked += 1
        return cls(2026, 1, 20, tzinfo=UTC) - timedelta(days=cls.asked)


def test_a_clock_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(session, "datetime", _Backwards)
    untraced = _trained(tmp_path, [])
    assert _trained(tmp_path, [HookTracer(tmp_path / "runs" / "run")]) == untraced
    run = open_run(tmp_path / "runs" / "run")
    assert run.state == "finished"
    assert run.info.ended_at is not None
    assert run.info.ended_at < run.info.started_at
    trace = run.trace()
    assert (trace.duration_ns >= 0).all()
    assert LiveFeed(run.path).poll().now_ns == trace.now_ns
    assert main(["list", "--json", "--runs-dir", str(tmp_path / "runs")]) == 0
    assert json.loads(capsys.readouterr().out)[0]["duration_s"] == 0
