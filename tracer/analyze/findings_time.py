"""Findings about where the time of a training goes: waiting for data, one callback, checkpoints, logging, validation.

Each has a share from which on it is worth telling and a time below which nothing is: a training of seconds is no
reason to change anything. The shares are of the training's time without pauses.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from tracer.analyze.findings_base import Finding, Int64Array, Material
from tracer.analyze.findings_training import Training
from tracer.run.events import Action

LEAST_NS: Final = 1_000_000_000
"""What takes less in all is not worth telling."""
LOADER_SHARE: Final = 0.2
CALLBACK_SHARE: Final = 0.15
CHECKPOINT_SHARE: Final = 0.1
PROGRESS_SHARE: Final = 0.1
LOGGING_SHARE: Final = 0.1
UNCOMPARED_SHARE: Final = 0.25
"""Of logging after every batch, which cannot be told from the loop's own work there."""
_MOST_HOOKS = 3
PART: Final = 0.05
"""Hooks that take less than this part of the time in question are not named."""


def loader_wait(material: Material) -> Iterator[Finding]:
    """Waiting for the next batch takes a share of the batches. The first fetch of an epoch is not counted: it starts
    the loader's workers, and `between_epochs` tells of it."""
    training = material.training
    trace = material.trace
    actions = material.actions("train_dataloader_next", kind="loop")
    rows = training.rows(actions)
    epoch = np.searchsorted(training.epochs.start_ns, trace.start_ns[rows], side="right")
    rows = rows[1:][epoch[1:] == epoch[:-1]]
    waits_ns = _durations(training, rows)
    total = int(waits_ns.sum())
    if not _is_much(total, training.epochs_ns, LOADER_SHARE):
        return
    share = total / training.epochs_ns
    yield Finding(
        id="loader-wait",
        title=f"training waits for data {_percent(share)} of its time",
        what="The loop stands still while the dataloader prepares the next batch.",
        evidence=(
            f"{len(rows):,} fetches took {spent(total)} of {spent(training.epochs_ns)} in the epochs' batches",
            f"a fetch: median {spent(np.median(waits_ns))}, p95 {spent(np.percentile(waits_ns, 95))}; "
            f"a batch after it: median {spent(np.median(training.batch_ns))}",
        ),
        next_step="give the DataLoader more num_workers (and pin_memory on a GPU), or make __getitem__ cheaper",
        sure="certain",
        hooks=tuple(action.label for action in actions),
        time_ns=total,
        share=share,
    )


def callback_dominates(material: Material) -> Iterator[Finding]:
    """One callback takes a share of the training. Checkpoints and progress bars have searches of their own."""
    owners: dict[tuple[str, int], list[Action]] = {}
    for action in material.trace.actions:
        if action.owner_kind == "callback" and not _is_checkpoint(material, action) and not _is_bar(action):
            owners.setdefault((action.owner, action.instance), []).append(action)
    for actions in owners.values():
        yield from _busy(
            material,
            actions,
            CALLBACK_SHARE,
            "callback-dominates",
            "Every hook of a callback runs in the training process: the loop waits for it.",
            "do less in the hook named first, or do it every so many batches",
        )


def progress_bar(material: Material) -> Iterator[Finding]:
    """Painting the progress bar takes a share of the training."""
    yield from _busy(
        material,
        [action for action in material.trace.actions if action.owner_kind == "callback" and _is_bar(action)],
        PROGRESS_SHARE,
        "progress-bar",
        "The bar is painted in the training process, between the batches.",
        "raise its refresh_rate, or set enable_progress_bar=False",
    )


def _busy(
    material: Material, actions: Sequence[Action], least: float, identity: str, what: str, next_step: str
) -> Iterator[Finding]:
    """A finding if the self time of these actions of one owner is that share of the training."""
    training = material.training
    total = training.self_ns(training.rows(actions))
    if not _is_much(total, training.whole_ns, least):
        return
    share = total / training.whole_ns
    each = [(training.rows([action]), action) for action in actions]
    largest = sorted(each, key=lambda pair: -training.self_ns(pair[0]))[:_MOST_HOOKS]
    largest = [pair for pair in largest if training.self_ns(pair[0]) >= PART * total]
    owner = actions[0].label.removesuffix(f".{actions[0].hook}")
    yield Finding(
        id=identity,
        title=f"{owner} takes {_percent(share)} of the training",
        what=what,
        evidence=(
            f"{spent(total)} of {spent(training.whole_ns)} by itself, what it calls not counted",
            *(_of_hook(training, rows, action.hook) for rows, action in largest),
        ),
        next_step=next_step,
        sure="certain",
        hooks=tuple(action.label for _, action in largest),
        time_ns=total,
        share=share,
    )


def _of_hook(training: Training, rows: Int64Array, hook: str) -> str:
    own = training.material.trace.self_ns[rows]
    return f"{hook}: {len(rows):,} calls, {spent(int(own.sum()))} in all, {spent(own.mean())} each"


def checkpointing(material: Material) -> Iterator[Finding]:
    """Saving checkpoints takes a share of the training."""
    training = material.training
    saves = material.actions("save_checkpoint", kind="loop")
    actions = [action for action in material.trace.actions if _is_checkpoint(material, action)]
    total = training.covered_ns(training.rows([*saves, *actions]))
    if not _is_much(total, training.whole_ns, CHECKPOINT_SHARE):
        return
    share = total / training.whole_ns
    rows = training.rows(saves)
    each = f"{len(rows):,} checkpoints, {spent(_durations(training, rows).mean())} each" if len(rows) else ""
    yield Finding(
        id="checkpointing",
        title=f"saving checkpoints takes {_percent(share)} of the training",
        what="The loop waits while a checkpoint is written.",
        evidence=tuple(filter(None, (f"{spent(total)} of {spent(training.whole_ns)}", each))),
        next_step="save less often (every_n_epochs, every_n_train_steps), or save_weights_only=True",
        sure="certain",
        hooks=tuple(action.label for action in saves or actions[:_MOST_HOOKS]),
        time_ns=total,
        share=share,
    )


def logging(material: Material) -> Iterator[Finding]:
    """Logging takes a share of the epochs: `log` and `log_dict` where they are recorded, and what the loggers write.

    The loggers have no span. They write right after `on_train_batch_end`, every `log_every_n_steps`: that this place
    takes longer on every n-th batch than on the others is their time. If they write after each batch there is nothing
    to compare with, and the loop's own work there counts in.
    """
    training = material.training
    logs = material.actions("log", "log_dict", kind="module")
    called = training.covered_ns(training.rows(logs))
    every = material.info.trainer.get("log_every_n_steps")
    every = every if isinstance(every, int) and every > 0 and material.info.trainer.get("logger") else 0
    written = _written_ns(_gaps(material), every)
    total = called + written
    least = UNCOMPARED_SHARE if every == 1 and written > called else LOGGING_SHARE
    if not _is_much(total, training.epochs_ns, least):
        return
    share = total / training.epochs_ns
    yield Finding(
        id="logging",
        title=f"logging takes {_percent(share)} of the epochs",
        what="Metrics are collected and written in the training process, between the batches.",
        evidence=(
            f"{spent(called)} in log and log_dict, {spent(written)} after the batches that loggers write after "
            f"(log_every_n_steps={every or None}), of {spent(training.epochs_ns)}",
        ),
        next_step="raise log_every_n_steps, log less in training_step, or use a logger that writes in the background",
        sure="certain" if called > written else "likely" if every > 1 else "possible",
        hooks=tuple(action.label for action in logs),
        time_ns=total,
        share=share,
    )


def _gaps(material: Material) -> Int64Array:
    """Time from the module's `on_train_batch_end` to the next call beside it, for each batch; 0 where none follows."""
    training, trace = material.training, material.trace
    rows = training.rows(material.actions("on_train_batch_end", kind="module"))
    if not len(rows):
        return np.empty(0, np.int64)
    beside = np.flatnonzero(trace.depth <= trace.depth[rows].min())
    following = np.searchsorted(beside, rows, side="right")
    known = following < len(beside)
    after = beside[following[known]]
    end_ns = trace.start_ns[rows[known]] + trace.duration_ns[rows[known]]
    gaps = np.zeros(len(rows), np.int64)
    fetched = np.isin(trace.action[after], [action.id for action in material.actions("train_dataloader_next")])
    gaps[known] = np.where(fetched, training.work_ns(end_ns, trace.start_ns[after]), 0)
    return gaps


def _written_ns(gaps: Int64Array, every: int) -> int:
    """How much longer the gaps after every n-th batch are than the others; all of them if there are no others."""
    if not every or len(gaps) < 2 * every:
        return 0
    if every == 1:
        return int(gaps.sum())
    by_place = gaps[: len(gaps) // every * every].reshape(-1, every)
    medians = np.median(by_place, axis=0)
    place = int(medians.argmax())
    usual = np.median(np.delete(by_place, place, axis=1))
    return int(max(0, (by_place[:, place] - usual).sum()))


def long_validation(material: Material) -> Iterator[Finding]:
    """The validations take longer than the training between them."""
    training = material.training
    total, between = training.validation_ns, training.epochs_ns
    if total < LEAST_NS or total <= between:
        return
    yield Finding(
        id="long-validation",
        title=f"validation takes longer than training: {spent(total)} against {spent(between)}",
        what="Most of the time in the epochs goes into measuring, not into learning.",
        evidence=(f"{len(training.validations):,} validations of {spent(total // len(training.validations))} each",),
        next_step="raise check_val_every_n_epoch, set limit_val_batches, or use a larger batch for validation",
        sure="certain",
        hooks=tuple(action.label for action in material.actions("validation_step", kind="strategy")),
        time_ns=total,
        share=total / (total + between),
    )


def _is_bar(action: Action) -> bool:
    return action.owner.endswith("ProgressBar")


def _is_checkpoint(material: Material, action: Action) -> bool:
    """Whether a callback saves checkpoints: run.json says so of classes that are derived from Lightning's."""
    if action.owner_kind != "callback":
        return False
    sorted_last = any(
        callback.name == action.owner and "checkpoints run last" in (callback.reason or "")
        for callback in material.info.callbacks
    )
    return sorted_last or action.owner.endswith("Checkpoint")


def _is_much(time_ns: int, of_ns: int, share: float) -> bool:
    return time_ns >= LEAST_NS and time_ns >= share * of_ns > 0


def _durations(training: Training, rows: Int64Array) -> Int64Array:
    start_ns = training.material.trace.start_ns[rows]
    return training.work_ns(start_ns, start_ns + training.material.trace.duration_ns[rows])


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def spent(time_ns: float) -> str:
    """A time in the unit that suits it: 12.3 s, 45 ms, 0.123 ms."""
    if time_ns >= 0.9995e9:
        return f"{time_ns / 1e9:,.1f} s"
    value = time_ns / 1e6
    return f"{value:.0f} ms" if value >= 99.95 else f"{value:.1f} ms" if value >= 0.9995 else f"{value:.3f} ms"
