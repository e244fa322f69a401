"""One recording: what ties the seam, the place in the loop, the writer and run.json together.

A session belongs to one trainer in one process. It begins when a trainer function does, ends with it, and goes on in
the same run directory when the trainer is asked for the next one.

Fail-open: every fault of ours, wherever it happens, ends up in `_give_up`, which warns once, says so in run.json if
that can still be written, and lets the seam only pass on from the next batch. Training goes on.
"""

import atexit
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from tracer.record.annotate import Annotations
from tracer.record.context import Place
from tracer.record.describe import (
    Owner,
    action_entry,
    describe_exception,
    describe_rank,
    describe_roles,
    describe_run,
    find_metrics,
)
from tracer.record.directory import claim_directory, recorder_of, report_directory
from tracer.record.dispatch import leave_dispatch, watch_dispatch
from tracer.record.environment import DIRECTORY_VARIABLE, warn
from tracer.record.gate import Gate, Surroundings
from tracer.record.gated import Boundaries
from tracer.record.optimizer import OptimizerSteps
from tracer.record.spans import Seam, SpanTable
from tracer.record.stopping import Stopper
from tracer.record.writer import EventWriter
from tracer.run.control import ControlPage
from tracer.run.layout import RUN_FILE, actions_file, rank_file, write_json
from tracer.run.page import open_ranks

_INTERRUPTS = ("KeyboardInterrupt", "SIGTERMException")
_OF_EACH_RANK = ("base_ns", "started_at", "ended_at", "state", "exception", "calls", "dropped")
"""What every rank says of itself; all else is the same on all of them, and run.json says it."""


def seam_of(trainer: Any) -> Seam | None:
    """The seam that stands in for this trainer's profiler now, if one does."""
    profiler = getattr(trainer, "profiler", None)
    return profiler if type(profiler) is Seam else None


class Session:
    """The recording of one trainer."""

    def __init__(
        self, trainer: Any, dirpath: str | os.PathLike[str] | None, annotations: Annotations | None = None
    ) -> None:
        """Prepares a recording; nothing is touched before `attach`.

        Args:
            trainer: The trainer.
            dirpath: Where to record; else the environment decides, else the trainer's log directory.
            annotations: Ranges that the spans are to be as well.
        """
        self.trainer = trainer
        self.base_ns = perf_counter_ns()
        self.pid = os.getpid()
        self._dirpath = dirpath
        self._run_dir: Path | None = None
        self._put_off: Callable[[], None] | None = None
        self._buffer: list[int] = []
        self._entries: list[str] = []
        self._info: dict[str, Any] = {"started_at": datetime.now(UTC).isoformat(), "base_ns": self.base_ns}
        self._place = Place(trainer, self._buffer.append)
        self._writer = EventWriter(self._buffer, self.base_ns, self._give_up)
        self._gate: Gate | None = None
        self._page: ControlPage | None = None
        self._stopper: Stopper | None = None
        self._table = SpanTable(self, self._buffer.append, None if annotations is None else annotations.around)
        self._steps = OptimizerSteps(trainer, self._table.span_of)
        self.seam: Seam | None = None
        self._failure: str | None = None
        self._calls: list[dict[str, Any]] = []
        self._error: BaseException | None = None

    # -- what the spans ask for

    def before(self, hook: str) -> Callable[[], None] | None:
        """What runs right before an action of that hook is entered."""
        look = self._look(self._place.before, hook)
        due = {
            "on_train_start": (self._steps.watch,),
            "run_training_batch": (self._steps.watch, self._at_train_batch, self._at_batch),
        }.get(hook, ())
        if look is not None and not due and (hook.endswith("_next") or self._place.is_between_batches(hook)):
            due = (self._at_batch,)
        functions = due if look is None else (look, *due)
        return self._guarded(*functions) if functions else None

    def _look(self, where: Callable[[str], Callable[[], None] | None], hook: str) -> Callable[[], None] | None:
        try:
            return where(hook)
        except Exception as error:
            self._give_up(error)
            return None

    def after(self, hook: str) -> Callable[[], None] | None:
        """What runs right after an action of that hook was left."""
        look = self._look(self._place.after, hook)
        if look is None:
            return None
        if hook == "run_training_batch":
            return self._guarded(look, self._writer.flush_if_piled_up)
        return self._guarded(look)

    def new_action(self, number: int, owner: Owner, hook: str) -> None:
        """Notes down an action that was met for the first time."""
        try:
            line = json.dumps(action_entry(number, owner, hook)) + "\n"
            if self._run_dir is None:
                self._entries.append(line)
            else:
                self._append_actions([line])
        except Exception as error:
            self._give_up(error)

    def fault(self, error: Exception) -> None:
        """Ends the recording for a fault that was met elsewhere."""
        self._give_up(error)

    def _guarded(self, *functions: Callable[[], None]) -> Callable[[], None]:
        """The functions, one after another, each run whatever becomes of the others, as one that never raises."""

        def run() -> None:
            for function in functions:
                try:
                    function()
                except Exception as error:
                    self._give_up(error)

        return run

    def _at_train_batch(self) -> None:
        if self._stopper is not None:
            self._stopper.at_train_batch()

    def _at_batch(self) -> None:
        awaited = self._stopper is not None and self._stopper.agreed
        if self._failure is not None and self.seam is not None and not awaited:
            self._close_gate()
            self.seam.mute()
            self._steps.leave()
        elif self._gate is not None:
            self._gate.at_batch()

    def _arm(self, gate: Boundaries | None) -> None:
        """Puts boundaries at all spans, or takes them off."""
        self._steps.set_gate(gate)
        if self.seam is not None:
            self.seam.disarm() if gate is None else self.seam.arm(gate)

    # -- the life of a recording

    @property
    def run_dir(self) -> Path | None:
        """Where it records, once it does."""
        return self._run_dir

    def attach(self) -> None:
        """A trainer function begins: from now on the trainer's profiler is the seam."""
        if self._failure is not None or seam_of(self.trainer) is not None:
            return
        self._table.clear()
        self.seam = Seam(self.trainer.profiler, self._table, self.open, self.finish, self.failing)
        self.trainer.profiler = self.seam
        self._guarded(self._place.begin_call, lambda: watch_dispatch(self.trainer))()

    def open(self, log_dir: str | None) -> None:
        """Makes the run directory (or goes on in it) and starts to write; later if that would be noticed now.

        Args:
            log_dir: The trainer's log directory, the same on all ranks.
        """
        started_ns = self._now_ns()
        self._put_off = self._guarded(lambda: self._open(log_dir, started_ns))
        if self._run_dir is not None or not self._is_in_the_way():
            self._open_at_last()

    def _is_in_the_way(self) -> bool:
        """Whether a directory of ours would make a CSVLogger warn that its own is not empty, when it opens it."""
        loggers = [cls.__name__ for logger in self.trainer.loggers for cls in type(logger).__mro__]
        return not (self._dirpath or os.environ.get(DIRECTORY_VARIABLE)) and "CSVLogger" in loggers

    def _open_at_last(self) -> None:
        if self._put_off is not None:
            start, self._put_off = self._put_off, None
            start()

    def _open(self, log_dir: str | None, started_ns: int) -> None:
        if self._failure is not None or self._stopper is not None:
            return
        if self._run_dir is None:
            chosen = self._dirpath or os.environ.get(DIRECTORY_VARIABLE)
            base = Path(chosen) if chosen else Path(log_dir or self.trainer.default_root_dir) / "hooktrace"
            recorder = recorder_of(self.trainer, self.base_ns)
            self._run_dir = claim_directory(base.absolute(), self._rank, recorder)
            self._append_actions(self._entries)
        self._writer.start(self._run_dir, self._rank)
        atexit.register(self._writer.flush)
        self._open_gate(self._run_dir)
        call = {"function": self.trainer.state.fn.value, "started_ns": started_ns, "ended_ns": None}
        self._calls.append(call | {"state": "running"})
        self._info |= describe_run(self.trainer) | {"exception": None, "ended_at": None}
        self._save("running")
        if self._rank == 0 and len(self._calls) == 1:
            report_directory(self._run_dir)

    def _open_gate(self, run_dir: Path) -> None:
        """Rank 0 makes the control page; the others find their part of it there when training begins."""
        if self._rank != 0:
            self._stopper = Stopper(self.trainer, lambda: open_ranks(run_dir))
            return
        try:
            page = self._page = ControlPage(run_dir, self.trainer.world_size, self._page)
        except (OSError, ValueError) as error:  # a file system that maps no files, for instance
            warn(f"hooktrace: this training can be watched but not held or stopped: {describe_exception(error)}.")
            self._stopper = Stopper(self.trainer, lambda: None)
            return
        self._stopper = Stopper(self.trainer, lambda: page.ranks)
        around = Surroundings(
            self.trainer, run_dir, self.base_ns, self._table, self._place, self._writer.flush, self._arm
        )
        self._gate = Gate(around, page, self._stopper)

    def _close_gate(self) -> None:
        if self._gate is not None:
            self._gate.close()
        if self._stopper is not None:
            self._stopper.leave()
        self._gate = self._stopper = None

    def _now_ns(self) -> int:
        return perf_counter_ns() - self.base_ns

    @property
    def _rank(self) -> int:
        return int(self.trainer.global_rank)

    def loggers_ready(self) -> None:
        """The loggers have their directories now, and the callbacks their final order.

        A tracer that came too late for the profiler's setup (a callback added by another one) begins here.
        """
        if self._run_dir is None and self._put_off is None:
            self.open(self.trainer.log_dir)  # a collective call, but `setup` is called on all ranks
        self._open_at_last()

        def note() -> None:
            if self._run_dir is None or self._rank != 0:
                return
            metrics = find_metrics(self.trainer)
            self._info["metrics"] = metrics and os.path.relpath(metrics, self._run_dir)
            self._info |= describe_roles(self.trainer)
            self._save("running")

        self._guarded(note)()

    def finish(self) -> None:
        """A trainer function has ended normally."""
        self._end("stopped" if self._stopper is not None and self._stopper.stopped else "finished")

    @contextmanager
    def failing(self, error: BaseException) -> Iterator[None]:
        """A trainer function ends with an exception: around owners' `on_exception`, of whom there may be none."""
        self._guarded(lambda: self._fail(error))()
        try:
            yield
        finally:
            self._end(self._ending())

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._open_at_last()
        if self._gate is not None and not self._forked:
            self._gate.close()  # it is over: nobody is held up any more, least of all after Ctrl-C
        self._info["exception"] = describe_exception(error)
        self._writer.flush()
        self._save(self._ending())

    def _ending(self) -> str:
        return "interrupted" if type(self._error).__name__ in _INTERRUPTS else "failed"

    def _end(self, state: str) -> None:
        self.detach()
        self._guarded(lambda: self._close(state))()

    def _close(self, state: str) -> None:
        if self._forked:
            return
        self._writer.close()
        atexit.unregister(self._writer.flush)
        self._close_gate()
        if self._calls:
            self._calls[-1] |= {"ended_ns": self._now_ns(), "state": state}
        self._info["ended_at"] = datetime.now(UTC).isoformat()
        # A training that was stopped makes a stopped run, even if a test of what it reached comes after it.
        trained = [call["state"] for call in self._calls if call["function"] == "fit"]
        self._save("stopped" if state == "finished" and trained[-1:] == ["stopped"] else state)

    def detach(self) -> None:
        """Leaves the trainer, and everything else, as it was."""
        if self.seam is None:
            return
        if self.trainer.profiler is self.seam:
            self.trainer.profiler = self.seam.original
        self.seam = None
        self._guarded(self._steps.leave, lambda: leave_dispatch(self.trainer))()

    # -- files and faults

    @property
    def _forked(self) -> bool:
        """Whether this is a process that forked off the training: what becomes of it is no matter of the recording."""
        return self.pid != os.getpid()

    def _save(self, state: str) -> None:
        if self._run_dir is None or self._forked:
            return
        self._info |= {"state": state, "calls": self._calls, "dropped": self._failure}
        if self._rank == 0:
            if self._page is not None:
                self._page.say_state(state, self._info.get("exception"), self._failure)
            write_json(self._run_dir / RUN_FILE, self._info)
        if self.trainer.world_size > 1:
            known = {name: self._info[name] for name in _OF_EACH_RANK if name in self._info}
            write_json(self._run_dir / rank_file(self._rank), describe_rank(self.trainer) | known)

    def _append_actions(self, lines: list[str]) -> None:
        assert self._run_dir is not None
        if self._forked:
            return
        with (self._run_dir / actions_file(self._rank)).open("a", encoding="utf-8") as file:
            file.write("".join(lines))

    def _give_up(self, error: Exception) -> None:
        """Ends the recording, not the training."""
        if self._failure is not None:
            return
        self._failure = f"recording stopped: {describe_exception(error)}"
        self._writer.give_up()
        warn(f"hooktrace: {self._failure}. Training goes on, unrecorded from here.")
        try:
            self._save(str(self._info.get("state", "running")))
        except (OSError, ValueError):
            return  # run.json cannot be written either; the control page says it, and the warning has said why
