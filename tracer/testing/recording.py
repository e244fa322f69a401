"""Recording a Trainer within a test: nothing of it stays behind but a list of calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tracer.errors import HooktraceError, NotARunError
from tracer.testing.calls import CallTrace, read_calls


class Recording:
    """What `recording` yields: has the calls once its block is over."""

    def __init__(self) -> None:
        self._trace: CallTrace | None = None
        self._missing = "the recording goes on: ask for its calls after the `with` block"

    @property
    def trace(self) -> CallTrace:
        """The calls that were recorded.

        Raises:
            HooktraceError: there are none, or they are not complete.
        """
        if self._trace is None:
            raise HooktraceError(self._missing)
        return self._trace

    def _finish(self, run_dir: Path) -> None:
        try:
            self._trace = read_calls(run_dir)
        except (NotARunError, OSError, ValueError, KeyError) as error:
            self._missing = f"nothing was recorded: the trainer ran nothing in the `with` block ({error})"


@contextmanager
def recording(trainer: Any) -> Iterator[Recording]:
    """Records what a trainer does in a `with` block, also if it raises.

    The trainer gets a `HookTracer` for as long, which takes part in no hook. One that it has already does not record
    meanwhile.

    Raises:
        HooktraceError: recording is switched off by HOOKTRACE_DISABLED.
    """
    from tracer.record.callback import HookTracer
    from tracer.record.environment import DISABLED_VARIABLE, is_disabled

    if is_disabled():
        raise HooktraceError(f"{DISABLED_VARIABLE} is set in the environment: nothing can be recorded")
    result = Recording()
    with TemporaryDirectory(prefix="hooktrace-") as directory:
        tracer = HookTracer(Path(directory) / "run")
        trainer.callbacks = [tracer, *trainer.callbacks]  # first: a second tracer leaves it to the one before
        try:
            yield result
        finally:
            trainer.callbacks = [callback for callback in trainer.callbacks if callback is not tracer]
            result._finish(Path(directory) / "run")


def trace_fit(trainer: Any, *args: Any, **kwargs: Any) -> CallTrace:
    """Runs `trainer.fit(*args, **kwargs)` and returns its calls."""
    return _run(trainer, "fit", args, kwargs)


def trace_validate(trainer: Any, *args: Any, **kwargs: Any) -> CallTrace:
    """Runs `trainer.validate(*args, **kwargs)` and returns its calls."""
    return _run(trainer, "validate", args, kwargs)


def trace_test(trainer: Any, *args: Any, **kwargs: Any) -> CallTrace:
    """Runs `trainer.test(*args, **kwargs)` and returns its calls."""
    return _run(trainer, "test", args, kwargs)


def trace_predict(trainer: Any, *args: Any, **kwargs: Any) -> CallTrace:
    """Runs `trainer.predict(*args, **kwargs)` and returns its calls."""
    return _run(trainer, "predict", args, kwargs)


def _run(trainer: Any, function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallTrace:
    with recording(trainer) as result:
        getattr(trainer, function)(*args, **kwargs)
    return result.trace
