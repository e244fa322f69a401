"""Names that look like a hook and are none, with what to use; and which name somebody may have meant."""

import difflib
from collections.abc import Iterable
from typing import Final

_EPOCH_OUTPUTS = "collect what the steps return in an attribute"

NO_HOOKS: Final = {
    "training_epoch_end": f"on_train_epoch_end ({_EPOCH_OUTPUTS})",
    "validation_epoch_end": f"on_validation_epoch_end ({_EPOCH_OUTPUTS})",
    "test_epoch_end": f"on_test_epoch_end ({_EPOCH_OUTPUTS})",
    "training_step_end": "training_step itself, or on_train_batch_end",
    "validation_step_end": "validation_step itself, or on_validation_batch_end",
    "test_step_end": "test_step itself, or on_test_batch_end",
    "on_epoch_start": "on_train_epoch_start, on_validation_epoch_start or on_test_epoch_start",
    "on_epoch_end": "on_train_epoch_end, on_validation_epoch_end or on_test_epoch_end",
    "on_batch_start": "on_train_batch_start",
    "on_batch_end": "on_train_batch_end",
    "on_pretrain_routine_start": "on_fit_start",
    "on_pretrain_routine_end": "on_fit_start",
    "on_init_start": "setup",
    "on_init_end": "setup",
    "on_before_accelerator_backend_setup": "setup",
    "on_configure_sharded_model": "setup",
    "on_keyboard_interrupt": "on_exception",
    "on_train_dataloader": "train_dataloader",
    "on_val_dataloader": "val_dataloader",
    "on_test_dataloader": "test_dataloader",
    "on_predict_dataloader": "predict_dataloader",
    "on_hpc_save": "on_save_checkpoint",
    "on_hpc_load": "on_load_checkpoint",
    "on_post_move_to_device": "on_fit_start",
    "tbptt_split_batch": "manual optimization, which can split a batch itself",
    "get_progress_bar_dict": "get_metrics of the progress bar",
}
"""Hooks of earlier Lightnings that Lightning 2 no longer has, with what does their work now."""

NEVER_HOOKS: Final = {
    "on_after_optimizer_step": "optimizer_step, with code behind super().optimizer_step(...), or on_train_batch_end",
    "on_before_optimizer_zero_grad": "on_before_zero_grad",
    "on_after_zero_grad": "optimizer_zero_grad, with code behind super().optimizer_zero_grad(...)",
    "on_predict_model_train": "on_predict_end: the mode is restored by itself after predicting",
}
"""Names that people expect and that Lightning never had, with what to use."""

ALIASES: Final = {
    "train_step": "training_step",
    "val_step": "validation_step",
    "valid_step": "validation_step",
    "eval_step": "validation_step",
    "prediction_step": "predict_step",
    "training_dataloader": "train_dataloader",
    "train_loader": "train_dataloader",
    "valid_dataloader": "val_dataloader",
    "validation_dataloader": "val_dataloader",
    "val_loader": "val_dataloader",
    "test_loader": "test_dataloader",
    "configure_scheduler": "configure_optimizers",
    "configure_schedulers": "configure_optimizers",
    "configure_lr_scheduler": "configure_optimizers",
}
"""What other libraries and habits call a hook, too far from its name to be found by likeness."""

_BEGINNINGS = ("on_", "configure_")
_ENDINGS = ("_step", "_steps", "_dataloader", "_dataloaders", "_loader", "_epoch_end", "_step_end", "_zero_grad")
LIKE: Final = 0.85
"""From this likeness on (difflib's, 0 to 1) a name is taken for a misspelt one."""
_NEAR = 0.6


def looks_like_hook(name: str) -> bool:
    """Whether somebody who reads the name would expect Lightning to call it."""
    return name.startswith(_BEGINNINGS) or name.endswith(_ENDINGS)


def nearest(name: str, hooks: Iterable[str]) -> tuple[str | None, float]:
    """The hook whose name is most like this one, and how much so; None if none is near."""
    known = list(hooks)
    if name in ALIASES:
        return ALIASES[name], LIKE
    close = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    if not close:
        return None, 0.0
    return close[0], difflib.SequenceMatcher(None, close[0], name).ratio()
