"""What the names of logged metrics say: which curve of which figure they are.

Lightning gives metrics no structure, but a suffix of its own (`_step`, `_epoch`); the stage is a habit of users.
"""

import re
from typing import Final, Literal

Goal = Literal["min", "max"]

KINDS: Final = ("train step", "train epoch", "validation", "test")

_EVALUATIONS: Final = {"val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
_WORDS = re.compile(r"[^_./\s-]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SMALL_IS_GOOD: Final = frozenset(
    {
        *("loss", "error", "err", "mse", "rmse", "mae", "mape", "nll", "bce", "ce", "kl"),
        *("ppl", "perplexity", "wer", "cer", "fid"),
    }
)
_GREAT_IS_GOOD: Final = frozenset(
    {
        *("acc", "accuracy", "auc", "auroc", "ap", "map", "f1", "fbeta", "precision", "recall", "kappa", "mcc"),
        *("iou", "miou", "jaccard", "dice", "bleu", "rouge", "psnr", "ssim", "r2", "score", "top1", "top5"),
        *("reward", "return"),
    }
)


def metric_kind(name: str) -> str:
    """The kind of curve that a metric is, one of `KINDS`: `val_loss` is validation, `train_loss_epoch` train epoch."""
    words = _WORDS.findall(name.lower())
    for word in words:
        if word in _EVALUATIONS:
            return _EVALUATIONS[word]
    return "train epoch" if words and words[-1] == "epoch" else "train step"


def metric_base(name: str) -> str:
    """The quantity that a metric is about, without stage and suffix: `train_loss_step` and `val_loss` are `loss`."""
    bare = re.sub(r"/dataloader_idx_\d+$", "", name)
    words = [word for word in _WORDS.findall(bare.lower()) if word not in _EVALUATIONS and word != "train"]
    if len(words) > 1 and words[-1] in ("step", "epoch"):
        words.pop()
    return "_".join(words) or name


def goal(name: str) -> Goal | None:
    """Whether a metric is at its best at its least or at its greatest value, by its name; None where that is open."""
    words = _WORDS.findall(_CAMEL.sub("_", name).lower())
    if any(word in _SMALL_IS_GOOD or word.endswith("loss") for word in words):
        return "min"
    if any(word in _GREAT_IS_GOOD or word.endswith(("acc", "accuracy")) for word in words):
        return "max"
    return None


def counts_own_batches(name: str) -> bool:
    """Whether a metric was logged per step of an evaluation: its steps count that loop's batches, another axis."""
    return name.endswith("_step") and metric_kind(name) in ("validation", "test")


def bases(names: tuple[str, ...]) -> tuple[str, ...]:
    """The quantities among `names`, losses first, otherwise in the order of the names."""
    found = dict.fromkeys(metric_base(name) for name in names)
    return tuple(sorted(found, key=lambda base: "loss" not in base))
