"""Why something runs when it does: the argument of the trainer, or of a checkpoint callback, that says so.

An argument is named only where its value alone gives exactly what was seen; what has no such argument gets no reason.
The rules are Lightning's: loops/training_epoch_loop.py `_should_check_val_fx` and `_should_accumulate`,
loops/fit_loop.py `setup_data`, callbacks/model_checkpoint.py.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analyze.fold_conditions import Condition
from tracer.run.events import Action
from tracer.run.info import CallbackInfo

_STEP_HOOKS = frozenset(
    {
        "training_step",
        "backward",
        "on_before_zero_grad",
        "optimizer_zero_grad",
        "optimizer_step",
        "on_before_optimizer_step",
        "configure_gradient_clipping",
        "lr_scheduler_step",
    }
)
"""Hooks that accumulating gradients moves or leaves out."""
_AT_THE_END_ANYWAY = frozenset({"lr_scheduler_step"})
"""Those of them that the end of an epoch brings about too: a scheduler is stepped then unless it says otherwise."""
_LIMITS = {
    "sanity check": ("num_sanity_val_steps", "limit_val_batches"),
    "validation": ("limit_val_batches",),
    "validate": ("limit_val_batches",),
    "test": ("limit_test_batches",),
    "predict": ("limit_predict_batches",),
}
_EVERYWHERE = ("fast_dev_run", "overfit_batches")
"""Arguments that set the limits of several loops, and so come before each."""


class Reasons:
    """The arguments of one run."""

    def __init__(self, trainer: Mapping[str, Any], callbacks: Sequence[CallbackInfo]) -> None:
        self._trainer = trainer
        self._state_keys = {(one.name, one.instance): one.state_key or "" for one in callbacks}

    def of_validation(self, found: Condition, batches: int) -> str | None:
        """Why validation runs when it does, in epochs of so many batches."""
        epochs, interval = self._trainer.get("check_val_every_n_epoch"), self._trainer.get("val_check_interval")
        if found.every is None or found.negated or found.first or found.last:
            return None
        if found.counter == "epoch":
            return f"check_val_every_n_epoch={epochs}" if epochs == found.every else None
        if found.counter != ("total_batch" if epochs is None else "batch"):
            return None
        wanted = max(1, int(batches * interval)) if type(interval) is float else interval
        if wanted != found.every:
            return None
        evenly = type(interval) is float and wanted == batches * interval
        return f"val_check_interval={interval}" + (f": every {interval:g} epoch" if evenly else "")

    def of_step(self, found: Condition, hook: str, batches: int) -> str | None:
        """Why a hook around the optimizer's step runs when it does, in epochs of so many batches."""
        every = self._trainer.get("accumulate_grad_batches")
        if type(every) is not int or every < 2 or found.counter != "batch" or hook not in _STEP_HOOKS:
            return None
        alone = found.every is None and (found.first or found.last) and every >= batches
        alone &= hook not in _AT_THE_END_ANYWAY
        return f"accumulate_grad_batches={every}" if found.every == every or alone else None

    def of_checkpoint(self, found: Condition, callback: Action) -> str | None:
        """Why a callback saves a checkpoint when it does."""
        argument = {"epoch": "every_n_epochs", "global_step": "every_n_train_steps"}.get(found.counter)
        last_of_k = found.first if found.counter == "global_step" else not found.first
        if argument is None or found.every is None or found.negated or found.last or not last_of_k:
            return None
        state_key = self._state_keys.get((callback.owner, callback.instance), "")
        value = re.search(rf"'{argument}': (\d+)\b", state_key)
        return f"{callback.owner_label}({argument}={found.every})" if value and int(value[1]) == found.every else None

    def of_call(self, hook: str) -> str | None:
        """The argument that gives a call, which Lightning makes in any case, something to do."""
        clips = self._trainer.get("gradient_clip_val")
        return f"gradient_clip_val={clips}" if hook == "clip_gradients" and clips is not None else None

    def of_epochs(self, end: int, steps: int) -> str | None:
        """Why training ends before this epoch, after so many steps of the optimizer."""
        reached = {"fast_dev_run": end == 1, "max_epochs": end == self._trainer.get("max_epochs")}
        reached["max_steps"] = steps == self._trainer.get("max_steps")
        for argument, is_reached in reached.items():
            value = self._trainer.get(argument)
            if is_reached and value and isinstance(value, int):
                return f"{argument}={value}"
        return None

    def of_batches(self, loops: Sequence[str], length: int) -> str | None:
        """Why a loop over batches, in these loops from the outermost on, takes so many turns."""
        limits = next((_LIMITS[loop] for loop in reversed(loops) if loop in _LIMITS), ("limit_train_batches",))
        for argument in (*_EVERYWHERE, *limits):
            value = self._trainer.get(argument)
            if isinstance(value, int) and value == length:
                return f"{argument}={value}"
        return None
