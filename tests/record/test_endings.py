"""However a run ends, its recording opens and says how; and no fault of the tracer ends a run."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder, ModelCheckpoint

from tests.record.models import Manual, Mixed, Plain, trainer
from tracer import HookTracer, open_run
from tracer.run.control import ControlViewer
from tracer.run.layout import CONTROL_FILE


class Raising(Callback):
    """Raises in the second batch."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == 1:
            raise self.error


@pytest.mark.parametrize("last", [[], [ModelCheckpoint()]], ids=["tracer last", "others after it"])
@pytest.mark.parametrize(
    ("error", "raised", "state"),
    [
        (RuntimeError("no\nluck"), RuntimeError, "failed"),
        (KeyboardInterrupt(), SystemExit, "interrupted"),
        (SystemExit(3), SystemExit, "failed"),
    ],
)
def test_exceptions(
    error: BaseException, raised: type[BaseException], state: str, last: list[Any], tmp_path: Path
) -> None:
    run = trainer(tmp_path, [Raising(error), HookTracer(tmp_path / "run"), *last], enable_checkpointing=bool(last))
    profiler = run.profiler
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(raised):
        run.fit(Plain())
    signal.signal(signal.SIGINT, before)  # Lightning ignores it after Ctrl-C
    recorded = open_run(tmp_path / "run")
    assert run.profiler is profiler
    assert recorded.state == state
    assert recorded.info.exception == {"RuntimeError": "RuntimeError: no"}.get(
        type(error).__name__, f"{type(error).__name__}: {error}".rstrip(": ")
    )
    trace = recorded.trace()
    failed = [trace.actions[trace.action[row]].label for row in (trace.status == 1).nonzero()[0]]
    assert failed == ["run_training_epoch", "Raising.on_train_batch_end"]
    assert trace.open_rows == ()
    hooks = [trace.actions[number].label for number in trace.action]
    assert ("ModelCheckpoint.on_exception" in hooks) == bool(last)


def test_sigterm(tmp_path: Path) -> None:
    class Terminating(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 1:
                os.kill(os.getpid(), signal.SIGTERM)  # Lightning lets the batch end, then raises

    run = trainer(tmp_path, [Terminating(), HookTracer(tmp_path / "run")])
    with pytest.raises(SystemExit):
        run.fit(Plain())
    recorded = open_run(tmp_path / "run")
    assert run.global_step == 2
    assert (recorded.state, recorded.info.exception) == ("interrupted", "SIGTERMException")
    trace = recorded.trace()
    assert trace.open_rows == ()
    assert [trace.actions[trace.action[row]].hook for row in (trace.status == 1).nonzero()[0]] == ["run_training_epoch"]


class FailingInLoop(Mixed):
    """Fails in its first training step."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error, self.lr, self.batch_size = error, 0.1, 1

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        raise self.error


@pytest.mark.parametrize("finder", [LearningRateFinder, BatchSizeFinder])
@pytest.mark.parametrize(
    ("error", "raised", "state"),
    [(ValueError("no luck"), ValueError, "failed"), (KeyboardInterrupt(), SystemExit, "interrupted")],
)
def test_exceptions_while_lightning_has_put_the_callbacks_aside(
    error: BaseException, raised: type[BaseException], state: str, finder: type[Callback], tmp_path: Path
) -> None:
    run = trainer(tmp_path, [finder(), HookTracer(tmp_path / "run")])
    profiler = run.profiler
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(raised):
        run.fit(FailingInLoop(error))
    signal.signal(signal.SIGINT, before)  # Lightning ignores it after Ctrl-C
    recorded = open_run(tmp_path / "run")
    assert run.profiler is profiler
    assert (recorded.state, recorded.info.exception) == (state, f"{type(error).__name__}: {error}".rstrip(": "))
    trace = recorded.trace()
    assert trace.open_rows == ()
    assert "on_fit_start" in [trace.actions[trace.action[row]].hook for row in (trace.status == 1).nonzero()[0]]


def test_exception_while_an_exception_is_told(tmp_path: Path) -> None:
    class Worse(Callback):
        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            raise LookupError

    run = trainer(tmp_path, [Raising(RuntimeError("first")), Worse(), HookTracer(tmp_path / "run")])
    profiler = run.profiler
    with pytest.raises(LookupError):
        run.fit(Plain())
    recorded = open_run(tmp_path / "run")
    assert run.profiler is profiler
    assert (recorded.state, recorded.info.exception) == ("failed", "RuntimeError: first")
    assert recorded.trace().open_rows == ()


def test_a_run_after_a_failed_one(tmp_path: Path) -> None:
    raising = Raising(RuntimeError())
    run = trainer(tmp_path, [raising, HookTracer(tmp_path / "run")])
    with pytest.raises(RuntimeError):
        run.fit(Plain())
    run.validate(Plain(), verbose=False)
    recorded = open_run(tmp_path / "run")
    assert [call.state for call in recorded.info.calls] == ["failed", "finished"]
    assert recorded.state == "finished"


def test_span_that_lightning_leaks_is_closed(tmp_path: Path) -> None:
    class Leaking(Manual):
        def on_before_optimizer_step(self, optimizer: Any) -> None:
            raise RuntimeError

    run = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    with pytest.raises(RuntimeError):
        run.fit(Leaking())
    trace = open_run(tmp_path / "run").trace()
    assert trace.open_rows == ()
    failed = [trace.actions[trace.action[row]].hook for row in (trace.status == 1).nonzero()[0]]
    assert failed == [
        "run_training_epoch",
        "run_training_batch",
        "training_step",
        "optimizer_step",
        "step",
        "on_before_optimizer_step",
    ]


def test_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = trainer(tmp_path, [HookTracer(tmp_path / "file" / "run")])
    with pytest.warns(RuntimeWarning, match="recording stopped") as warned:
        run.fit(Plain())
    assert run.global_step == 3
    assert sum("hooktrace" in str(warning.message) for warning in warned) == 1


@pytest.mark.parametrize("raises", [False, True], ids=["", "and the training fails"])
def test_directory_removed_while_recording(raises: bool, tmp_path: Path) -> None:
    class Removing(Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            shutil.rmtree(tmp_path / "run")

    extra = [Raising(RuntimeError("theirs"))] if raises else []
    run = trainer(tmp_path, [Removing(), HookTracer(tmp_path / "run"), *extra])
    profiler = run.profiler
    with pytest.warns(RuntimeWarning, match="recording stopped: FileNotFoundError") as warned:
        if raises:
            with pytest.raises(RuntimeError, match="theirs"):
                run.fit(Plain())
        else:
            run.fit(Plain())
    assert run.global_step == (2 if raises else 3)
    assert run.profiler is profiler
    assert sum("hooktrace" in str(warning.message) for warning in warned) == 1
    assert not (tmp_path / "run").exists()


class Shy:
    """A value that cannot be shown."""

    def __format__(self, spec: str) -> str:
        raise ValueError("shy")


def test_hyperparameter_that_cannot_be_described(tmp_path: Path) -> None:
    class Keeping(Plain):
        def __init__(self, shy: object) -> None:
            super().__init__()
            self.save_hyperparameters()

    run = trainer(tmp_path, [HookTracer(tmp_path / "run")], logger=False)
    with pytest.warns(RuntimeWarning, match="recording stopped: ValueError: shy"):
        run.fit(Keeping(Shy()))
    assert run.global_step == 3


def test_control_page_is_the_users_own(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Plain())
    assert (tmp_path / "run" / CONTROL_FILE).stat().st_mode & 0o777 == 0o600


def test_a_process_that_forks_off_and_exits_does_not_end_the_recording(tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []

    class Forking(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx != 1:
                return
            child = os.fork()
            if not child:
                raise SystemExit(3)
            os.waitpid(child, 0)
            with ControlViewer(tmp_path / "run") as viewer:
                seen.append((open_run(tmp_path / "run").state, viewer.status().listening))

    run = trainer(tmp_path, [Forking(), HookTracer(tmp_path / "run")])
    parent = os.getpid()
    try:
        run.fit(Plain())
    finally:
        if os.getpid() != parent:
            os._exit(0)
    assert seen == [("running", True)]
    recorded = open_run(tmp_path / "run")
    assert recorded.state == "finished"
    assert recorded.trace().open_rows == ()
    assert len({action.id for action in recorded.trace().actions}) == len(recorded.trace().actions)
