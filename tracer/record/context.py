"""Where the loop stands: stage, epoch, batch, global step, dataloader, written as marks between the events.

Only a few actions move the loop, and only they pay for looking. What they look at are Lightning's own counters of
progress, at moments when these say the truth.

Fetching a batch and moving it to the device belong to that batch: the batch begins where its fetch does.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

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
        look |= {"run_training_batch": self._train_batch, "lr_scheduler_step": self._back_from_validation}
        self.before = look
        self.after: dict[str, Callable[[], None]] = {"run_training_batch": self._step}

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

    def _back_from_validation(self) -> None:
        """Nothing tells that a validation within an epoch is over but what comes next: a fetch, or a scheduler."""
        if self._stage():
            self._between_batches()

    def _step(self) -> None:
        trainer = self._trainer
        self._say(Mark.STEP, trainer.global_step if trainer.state.fn == "fit" else None)

    def _train_batch(self) -> None:
        self._say(Mark.BATCH, self._trainer.fit_loop.epoch_loop.batch_idx)

    def _fetch_train(self) -> None:
        loop = self._trainer.fit_loop
        if _hands_over_iterator(loop):
            return  # the step fetches for itself, inside a batch that `run_training_batch` has named
        self._back_from_validation()
        self._say(Mark.BATCH, loop.epoch_loop.batch_progress.current.ready)

    def _fetch_evaluation(self) -> None:
        loop = self._evaluation_loop()
        if loop is None or _hands_over_iterator(loop):
            return
        self._stage()
        loader, batch = _position(loop.batch_progress.current.ready, loop.max_batches)
        self._say(Mark.BATCH, batch)
        self._say(Mark.LOADER, loader)

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
            return _finite([trainer.num_training_batches])
        loop = self._evaluation_loop()
        return None if loop is None else _finite(loop.max_batches)


def _position(ready: int, limits: Iterable[float]) -> tuple[int, int]:
    """Dataloader and index in it of the batch after `ready` ones, for loaders that are read one after another."""
    loader = -1
    for limit in limits:
        loader += 1
        if ready < limit:
            break
        ready -= int(limit)
    return max(loader, 0), ready


def _finite(batches: float | Iterable[float]) -> int | None:
    total = sum(batches) if isinstance(batches, Iterable) else batches
    return int(total) if math.isfinite(total) and total > 0 else None


def _hands_over_iterator(loop: Any) -> bool:
    """Whether the steps take a `dataloader_iter` and fetch for themselves (loops/fetchers.py)."""
    return type(loop._data_fetcher).__name__ == "_DataLoaderIterDataFetcher"
