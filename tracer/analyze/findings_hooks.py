"""Findings about hooks that are overridden and were never called.

That nothing called a hook is worth telling only where there was an occasion. A test hook waits for a test; who said
`limit_val_batches=0` knows that validation does not run. What remains has a cause, and the cause is the finding.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracer.analyze.findings_base import Finding, Material, Sure, owner_label
from tracer.run.info import OwnerInfo


@dataclass(frozen=True)
class _Cause:
    """Why a hook had its occasion and was not called."""

    why: str
    next_step: str
    sure: Sure = "certain"


_MANUAL = _Cause(
    "with manual optimization Lightning leaves this to training_step, which steps the optimizers itself",
    "move the code into training_step, or go back to automatic optimization",
)
_NO_VALIDATION_DATA = _Cause(
    "no validation ran, because there is no validation data: nobody has a val_dataloader and fit was given none",
    "give the module or the datamodule a val_dataloader, or pass val_dataloaders to fit",
    "likely",
)
_NO_VALIDATION_STEP = _Cause(
    "no validation ran, because the module has no validation_step",
    "give the module a validation_step",
)
_NO_VALIDATION = _Cause(
    "no validation ran in this training",
    "look at limit_val_batches, check_val_every_n_epoch and val_check_interval",
    "likely",
)
_NO_SCHEDULER = _Cause(
    "no scheduler was due in this training",
    "return a scheduler from configure_optimizers, and look at its interval and frequency",
)
_PASSED = _Cause(
    "the loaders that were passed to the trainer were used instead",
    "drop one of the two, so that it is clear where the data comes from",
)
_OTHERS_OWN = _Cause(
    "the datamodule brings the same, and Lightning prefers the datamodule's",
    "keep one of the two",
)
_NO_BACKWARD = _Cause(
    "with manual optimization it is called by manual_backward, and training_step called something else",
    "call self.manual_backward(loss) instead of loss.backward()",
)
_NO_STEP = _Cause(
    "with manual optimization it is called by the step of an optimizer from self.optimizers(), and none was made",
    "step the optimizers that self.optimizers() returns, not those behind them",
)
_UNEXPLAINED = _Cause(
    "the training came past the place where it belongs and nothing called it",
    "look at the order of the calls with `hooktrace explain`",
    "likely",
)


def _automatic_only(owner: OwnerInfo, hook: str, material: Material) -> _Cause | None:
    if not material.trained:
        return None
    if material.manual:
        return _MANUAL
    return _NO_SCHEDULER if hook == "lr_scheduler_step" else _UNEXPLAINED


def _backward(owner: OwnerInfo, hook: str, material: Material) -> _Cause | None:
    if not material.trained:
        return None
    return _NO_BACKWARD if material.manual else _UNEXPLAINED


def _step(owner: OwnerInfo, hook: str, material: Material) -> _Cause | None:
    if not material.trained:
        return None
    return _NO_STEP if material.manual else _UNEXPLAINED


def _training(owner: OwnerInfo, hook: str, material: Material) -> _Cause | None:
    return _UNEXPLAINED if material.trained else None


def _validation(owner: OwnerInfo, hook: str, material: Material) -> _Cause | None:
    if not material.trained or material.count("on_validation_start"):
        return None
    settings = material.info.trainer
    if settings.get("limit_val_batches") == 0 or _epochs(material) < _number(settings, "check_val_every_n_epoch", 1):
        return None
    if _number(settings, "max_steps", -1) >= 0 or isinstance(settings.get("val_check_interval"), int):
        return None  # it may have ended before a validation was due
    has_step, has_data = _module_brings(material, "validation_step"), bool(material.count("val_dataloader"))
    if owner.kind == "callback" and not (has_step and has_data):
        return None  # made for trainings of all kinds; the module's own finding, if there is one, says it
    if not has_data:
        return _NO_VALIDATION_DATA if has_step else None
    return _NO_VALIDATION if has_step else _NO_VALIDATION_STEP


def _epochs(material: Material) -> int:
    return material.count("on_train_epoch_end", kind="module")


def _number(settings: Mapping[str, Any], name: str, default: int) -> int:
    value = settings.get(name)
    return value if isinstance(value, int) else default


def _module_brings(material: Material, hook: str) -> bool:
    return material.module is not None and hook in material.module.overrides


def _loader(function: str, ran: str) -> Callable[[OwnerInfo, str, Material], _Cause | None]:
    def cause(owner: OwnerInfo, hook: str, material: Material) -> _Cause | None:
        if not (material.trained or material.ended_well(function)) or not material.count(ran):
            return None
        if owner.kind == "module" and material.count(hook, kind="datamodule"):
            return _OTHERS_OWN
        return _PASSED

    return cause


def _val_loader(owner: OwnerInfo, hook: str, material: Material) -> _Cause | None:
    if material.count("on_validation_start"):
        return _loader("validate", "on_validation_start")(owner, hook, material)
    return _validation(owner, hook, material)


def _transfer(owner: OwnerInfo, hook: str, material: Material) -> _Cause | None:
    used = owner.kind == "module" and material.count(hook, kind="datamodule")
    return _OTHERS_OWN if used else None


_CAUSES: dict[str, Callable[[OwnerInfo, str, Material], _Cause | None]] = {
    **dict.fromkeys(
        ("optimizer_step", "optimizer_zero_grad", "on_before_zero_grad", "configure_gradient_clipping"), _automatic_only
    ),
    "lr_scheduler_step": _automatic_only,
    **dict.fromkeys(("on_before_backward", "on_after_backward"), _backward),
    "on_before_optimizer_step": _step,
    **dict.fromkeys(
        (
            "on_fit_start",
            "on_fit_end",
            "on_train_start",
            "on_train_end",
            "on_train_epoch_start",
            "on_train_epoch_end",
            "on_train_batch_start",
            "on_train_batch_end",
            "training_step",
            "configure_optimizers",
        ),
        _training,
    ),
    **dict.fromkeys(
        (
            "validation_step",
            *(
                f"on_validation_{moment}"
                for moment in ("start", "end", "epoch_start", "epoch_end", "batch_start", "batch_end")
            ),
        ),
        _validation,
    ),
    "train_dataloader": _loader("fit", "on_train_start"),
    "val_dataloader": _val_loader,
    "test_dataloader": _loader("test", "on_test_start"),
    "predict_dataloader": _loader("predict", "on_predict_start"),
    **dict.fromkeys(("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer"), _transfer),
}
"""By hook, what tells why it was not called. What is missing here waits for an occasion of its own: a checkpoint."""


def never_called(material: Material) -> Iterator[Finding]:
    """Hooks that the program overrides and that nothing called, though there was an occasion."""
    groups: dict[tuple[int, _Cause], tuple[OwnerInfo, list[str]]] = {}
    for owner, hook in material.own_overrides():
        if hook not in _CAUSES or material.count_of(owner, hook):
            continue
        cause = _CAUSES[hook](owner, hook, material)
        if cause is not None:
            groups.setdefault((id(owner), cause), (owner, []))[1].append(hook)
    for (_, cause), (owner, hooks) in groups.items():
        yield _never_called(owner, hooks, cause)


def _never_called(owner: OwnerInfo, hooks: list[str], cause: _Cause) -> Finding:
    label = owner_label(owner)
    many = len(hooks) > 1
    title = f"{len(hooks)} hooks of {label} were never called" if many else f"{label}.{hooks[0]} was never called"
    return Finding(
        id="never-called",
        title=title,
        what=f"{label} overrides {', '.join(hooks)}, but {cause.why}.",
        evidence=tuple(f"{hook}: 0 calls, defined at {owner.overrides[hook].defined_at or '?'}" for hook in hooks),
        next_step=cause.next_step,
        sure=cause.sure,
        hooks=tuple(f"{label}.{hook}" for hook in hooks),
    )
