"""Where the loop stands: stage, epoch, batch, global step, dataloader, written as marks between the events.

Only a few actions move the loop, and only they pay for looking. What they look at are Lightning's own counters of
progress, at moments when these say the truth.

A batch here is a turn of the loop. It begins with its fetch, so fetching a batch and moving it to the device belong to
it. One case is not what it seems: without a known length Lightning fetches one batch ahead (loops/fetchers.py). Then
the fetch in turn i brings batch i+1, and it is counted where it happens, in turn i; the first of all has no span.

The step of a manual optimization can step several times. Lightning counts such a step right after its span.
"""

import math
from collections.abc import Callable
from typing import Any

from tracer.run.breakpoints import Where
from tracer.run.layout import FUNCTIONS, STAGES, TIME_BITS, Mark

_EVALUATIONS = ("validation", "test", "predict")
_OUTSIDE_EPOCHS = (
    "prepare_data",
    "setup",
    "configure_model",
    "configure_optimizers",
    "on_fit_start",
    "on_fit_end",
    "on_sanity_check_start",
    "on_sanity_check_end",
    "on_train_start",
    "on_train_end",
    "teardown",
)
_IN_EPOCH = ("on_train_epoch_start", "run_training_epoch", "on_train_epoch_end")
_BETWEEN_BATCHES = (
    "train_dataloader",
    "val_dataloader",
    "test_dataloader",
    "predict_dataloader",
    "on_validation_model_zero_grad",
    *(
        f"on_{name}_{moment}"
        for name in _EVALUATIONS
        for moment in ("model_eval", "model_train", "start", "end", "epoch_start", "epoch_end")
    ),
)
_EVALUATION_FETCHES = ("val_next", "test_next", "predict_next")
_EVALUATION_STARTS = tuple(f"on_{name}_batch_start" for name in _EVALUATIONS)
_AHEAD = "_PrefetchDataFetcher"
_ITERATING = "_DataLoaderIterDataFetcher"


class Place:
    """Follows the loop of one trainer and says in the stream when it has moved."""

    def __init__(self, trainer: Any, append: Callable[[int], None]) -> None:
        self._trainer = trainer
        self._append = append
        self._said: dict[Mark, int | None] = {}
        self._in_epoch = False
        self._last_stage: Any = None
        look: dict[str, Callable[[], None]] = {"train_dataloader_next": self._fetch_train}
        look |= dict.fromkeys(_EVALUATION_FETCHES, self._fetch_evaluation)
        look |= dict.fromkeys(_OUTSIDE_EPOCHS, self._outside_epochs)
        look |= dict.fromkeys(_IN_EPOCH, self._inside_epoch)
        look |= dict.fromkeys(_BETWEEN_BATCHES, self._between_batches)
        look |= {"run_training_batch": self._train_batch, "lr_scheduler_step": self._after_validation}
        self._before = look
        self._before_iterating = dict.fromkeys(_EVALUATION_STARTS, self._fetch_evaluation)
        self._before_iterating["on_train_batch_start"] = self._start_train_batch
        self._after: dict[str, Callable[[], None]] = {"run_training_batch": self._step}
        self._after |= dict.fromkeys(_EVALUATION_FETCHES, self._fetched_evaluation)

    def before(self, hook: str) -> Callable[[], None] | None:
        """What to look at right before an action of that hook, of which the first is about to be entered."""
        if hook in self._before_iterating and self._hands_over_iterator():
            return self._before_iterating[hook]
        return self._before.get(hook)

    def after(self, hook: str) -> Callable[[], None] | None:
        """What to look at right after an action of that hook."""
        if hook == "optimizer_step" and not self._trainer.lightning_module.automatic_optimization:
            return self._stepped_manually
        return self._after.get(hook)

    def where(self) -> Where:
        """Where the loop stands, as the stream says it."""
        said = self._said
        stage = said.get(Mark.STAGE)
        return Where(
            stage=None if stage is None else STAGES[stage],
            epoch=said.get(Mark.EPOCH),
            batch=said.get(Mark.BATCH),
            step=said.get(Mark.STEP),
        )

    def is_between_batches(self, hook: str) -> bool:
        """Whether an action of that hook moves the loop, but not to another batch."""
        return hook in _OUTSIDE_EPOCHS or hook in _IN_EPOCH or hook in _BETWEEN_BATCHES

    def begin_call(self) -> None:
        """A trainer function begins: what was said of the one before no longer holds."""
        self._said.clear()
        self._last_stage = None
        self._in_epoch = False
        function = self._trainer.state.fn
        self._write(Mark.CALL, None if function is None else FUNCTIONS.index(function.value))
        self._stage()

    def _say(self, kind: Mark, value: int | None) -> None:
        if kind not in self._said or self._said[kind] != value:
            self._said[kind] = value
            self._write(kind, value)

    def _write(self, kind: Mark, value: int | None) -> None:
        self._append((kind << TIME_BITS) + (0 if value is None else value + 1))

    def _outside_epochs(self) -> None:
        self._in_epoch = False
        self._between_batches()

    def _inside_epoch(self) -> None:
        self._in_epoch = True
        self._between_batches()

    def _between_batches(self) -> None:
        self._stage()
        self._say(Mark.EPOCH, self._trainer.current_epoch if self._in_epoch else None)
        self._say(Mark.BATCH, None)
        self._say(Mark.LOADER, None)
        self._say(Mark.PLANNED, self._planned())
        self._step()

    def _stage(self) -> bool:
        """Says the stage; returns whether it has changed."""
        stage = self._trainer.state.stage
        if stage is self._last_stage:
            return False
        self._last_stage = stage
        self._say(Mark.STAGE, None if stage is None else STAGES.index(stage.value))
        return True

    def _back_from_validation(self) -> bool:
        """Nothing tells that a validation within an epoch is over but what comes next; returns whether one was."""
        if not self._stage():
            return False
        self._between_batches()
        return True

    def _after_validation(self) -> None:
        """A scheduler that waits for what a validation says is stepped in the turn that the validation ended."""
        if self._back_from_validation():
            self._train_batch()

    def _step(self) -> None:
        trainer = self._trainer
        self._say(Mark.STEP, trainer.global_step if trainer.state.fn == "fit" else None)

    def _stepped_manually(self) -> None:
        # Lightning counts it as the next thing (loops/optimization/manual.py:133-137).
        self._say(Mark.STEP, self._trainer.global_step + 1)

    def _train_batch(self) -> None:
        self._say(Mark.BATCH, self._trainer.fit_loop.epoch_loop.batch_idx)

    def _fetch_train(self) -> None:
        if self._hands_over_iterator():
            return  # the step fetches for itself, inside a batch that has been named
        self._back_from_validation()
        self._say(Mark.BATCH, self._trainer.fit_loop.epoch_loop.batch_progress.current.ready)

    def _start_train_batch(self) -> None:
        """Where the steps fetch for themselves a batch begins with its first hook."""
        if self._hands_over_iterator():
            self._back_from_validation()
            self._train_batch()

    def _fetch_evaluation(self) -> None:
        loop = self._evaluation_loop()
        if loop is None:
            return
        self._stage()
        fetches_ahead = type(loop._data_fetcher).__name__ == _AHEAD and loop._data_fetcher.length is None
        self._say_position(loop, *_fetched(loop) if fetches_ahead else _next(loop))

    def _fetched_evaluation(self) -> None:
        """A loader can have ended before its length: only now it is sure which one the batch came from."""
        loop = self._evaluation_loop()
        if loop is not None and (loop._data_fetcher.length is not None or self._hands_over_iterator()):
            self._say_position(loop, *_fetched(loop))

    def _say_position(self, loop: Any, loader: int, batch: int) -> None:
        if batch >= 0:
            self._say(Mark.BATCH, batch)
            self._say(Mark.LOADER, loader if _is_sequential(loop) else None)

    def _hands_over_iterator(self) -> bool:
        """Whether the steps take a `dataloader_iter` and fetch for themselves (loops/fetchers.py)."""
        loop = self._trainer.fit_loop if self._trainer.training else self._evaluation_loop()
        return loop is not None and type(loop._data_fetcher).__name__ == _ITERATING

    def _evaluation_loop(self) -> Any:
        trainer = self._trainer
        if trainer.predicting:
            return trainer.predict_loop
        if trainer.testing:
            return trainer.test_loop
        return trainer.fit_loop.epoch_loop.val_loop if trainer.state.fn == "fit" else trainer.validate_loop

    def _planned(self) -> int | None:
        trainer = self._trainer
        if trainer.training:
            return _finite(trainer.num_training_batches)
        loop = self._evaluation_loop()
        if loop is None or loop._combined_loader is None:
            return None
        if _is_sequential(loop):
            return _finite(sum(loop.max_batches))
        return None if loop._data_fetcher is None else _finite(loop._data_fetcher.length or math.inf)


def _next(loop: Any) -> tuple[int, int]:
    """Dataloader of the batch that is fetched next, and the batch's index in it."""
    iterator = loop._combined_loader._iterator
    loader, batch = _place(iterator)
    if not _is_sequential(loop):
        return loader, batch
    limits = loop.max_batches
    while loader + 1 < len(limits) and limits[loader] <= batch:
        loader, batch = loader + 1, 0
    return loader, batch


def _fetched(loop: Any) -> tuple[int, int]:
    """Dataloader of the batch that was fetched last, and the batch's index in it; -1 if that is not known."""
    loader, batch = _place(loop._combined_loader._iterator)
    return loader, batch - 1


def _place(iterator: Any) -> tuple[int, int]:
    return getattr(iterator, "_iterator_idx", 0), iterator._idx


def _is_sequential(loop: Any) -> bool:
    """Whether a batch comes from one of the loop's dataloaders, and not from all of them at once."""
    loader = loop._combined_loader
    return len(loader.flattened) == 1 or loader._mode == "sequential"


def _finite(batches: float) -> int | None:
    return int(batches) if math.isfinite(batches) and batches > 0 else None
