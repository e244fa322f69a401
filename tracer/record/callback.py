"""`HookTracer`: the callback that records a run."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from tracer.record.annotate import Annotate, Annotations
from tracer.record.environment import is_disabled
from tracer.record.roster import note_order
from tracer.record.session import Session

if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer
elif "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    # The program lives in the twin package: its trainer takes any object as a callback, its parsers check types.
    from pytorch_lightning import Callback
else:
    from lightning.pytorch import Callback


_TWINS = ("lightning", "pytorch_lightning")


class HookTracer(Callback):
    """Records every hook call of the runs of a Trainer: order, nesting, time.

    It takes part in no hook of the loop itself. It only stands in for `trainer.profiler` while a trainer function runs
    (the user's own profiler keeps working behind it), so the order it records is Lightning's own, complete from
    `prepare_data` on. Recorded is into a run directory, which `hooktrace` and `tracer.open_run` read, also while it is
    being written.

    A fault of the tracer never stops the training: it warns once and the run goes on unrecorded. With
    `HOOKTRACE_DISABLED=1` in the environment it does nothing at all.

    Args:
        dirpath: The run directory. Default: `HOOKTRACE_DIR` from the environment, else `hooktrace` in the trainer's log
            directory, beside metrics.csv. If something was recorded there already, `-2`, `-3`, ... is added.
        annotate: Makes every span also a range in another timeline: "record_function" for `torch.profiler`, "nvtx" for
            Nsight Systems. Off by default, and then at no cost.

    Raises:
        ValueError: `annotate` is none of these.

    Example:
        >>> from lightning.pytorch import Trainer
        >>> from tracer import HookTracer
        >>> trainer = Trainer(callbacks=[HookTracer()])
    """

    def __init__(self, dirpath: str | os.PathLike[str] | None = None, *, annotate: Annotate | None = None) -> None:
        super().__init__()
        self._annotations = None if annotate is None else Annotations(annotate)
        self._dirpath = dirpath
        self._session: Session | None = None
        self._log: Any = None

    @property  # type: ignore[misc]  # what `isinstance` asks for: the answer is true, the question tells of the order
    def __class__(self) -> type:
        asking = sys._getframe(1)
        note_order(asking)
        return _class_for(asking, type(self))

    @property
    def path(self) -> Path | None:
        """The directory of the run that is being recorded, or was last, for `tracer.open_run`; None if there is none.

        In a notebook: `trainer.fit(model)` in one cell, `open_run(hook_tracer.path).to_pandas()` in the next.
        """
        return None if self._session is None else self._session.run_dir

    @property
    def log(self) -> Any:
        """The module's `log`, which Lightning gives to every callback."""
        return self._log

    @log.setter
    def log(self, function: Any) -> None:
        # Lightning assigns this to every callback as the first thing of a trainer function, right after
        # `configure_callbacks` (callback_connector.py:166-170): the earliest moment at which a callback is touched.
        self._log = function
        module = getattr(function, "__self__", None)
        if module is not None:
            self._attach(module.trainer)

    def setup(self, trainer: "Trainer", pl_module: "LightningModule", stage: str) -> None:
        """Completes the description of the run: the loggers are there now."""
        session = self._attach(trainer)
        if session is not None:
            session.loggers_ready()

    def _attach(self, trainer: "Trainer") -> Session | None:
        if is_disabled():
            return None
        session = self._session
        if session is None or session.pid != os.getpid() or session.trainer is not trainer:
            session = self._session = Session(trainer, self._dirpath, self._annotations)
        session.attach()
        return session if session.seam is not None else None  # another tracer was first: it records

    @contextmanager
    def recording(self, trainer: "Trainer", action: str) -> Iterator[None]:
        """Attaches before the trainer would do it, and records `action`, which is going on; for the mixin.

        If the action fails the run has not begun: the trainer is left as it was.
        """
        session = self._attach(trainer)
        try:
            with session.seam.record(action) if session is not None and session.seam is not None else nullcontext():
                yield
        except BaseException:
            self.detach()
            raise

    def detach(self) -> None:
        """Gives the trainer its profiler back and forgets the recording that was about to begin."""
        if self._session is not None:
            self._session.detach()
            self._session = None

    def __getstate__(self) -> dict[str, Any]:
        """Only the settings: a recording belongs to one process (`ddp_spawn` pickles callbacks, others copy them)."""
        return self.__dict__ | {"_session": None, "_log": None}


def _class_for(asking: FrameType, own: type) -> type:
    """What a tracer is to who asks: its own class, or a callback of the twin package if that has loaded both.

    `pytorch_lightning` is `lightning.pytorch` once more, with classes of its own. Before 2.6 its Trainer takes no
    callback that is not of them (callback_connector.py:228).
    """
    package = str(asking.f_globals.get("__name__")).partition(".")[0]
    theirs = getattr(sys.modules[package], "Callback", own) if package in _TWINS else own
    return own if issubclass(own, theirs) else theirs


def _take_no_part(kept: tuple[str, ...]) -> None:
    """Sets every hook of the loop to None, which Lightning passes over (call.py:226): we are no part of the order."""
    for name in dir(Callback):
        if name.startswith("on_") and name not in kept:
            setattr(HookTracer, name, None)
    HookTracer.teardown = None  # type: ignore[assignment, method-assign]


# The two checkpoint hooks are called without a look at whether they are there (call.py:254, 290).
_take_no_part(kept=("on_save_checkpoint", "on_load_checkpoint"))
