"""The recorded order is Lightning's, complete: against a profiler of the user's own, which sees every span too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringDataModule
from lightning.pytorch.profilers import Profiler

from tests.analyze.folding import assert_folds
from tests.record.models import Manual, Mixed, Plain, TwoLoaders, trainer
from tracer import HookTracer, Trace, open_run
from tracer.record.mixin import RECORDED

SILENT = {("module", hook) for hook in RECORDED} | {
    ("callback", "state_dict"),
    ("callback", "load_state_dict"),
    ("loop", "step"),
}
"""Kinds of owners and what is recorded of them although Lightning announces it to no profiler."""


class Reference(Profiler):
    """Notes every action that Lightning announces, in order of completion."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: list[str] = []

    def start(self, action_name: str) -> None:
        """Nothing: completion is what counts."""

    def stop(self, action_name: str) -> None:
        self.stopped.append(_short(action_name))


def _short(name: str) -> str:
    """`[Callback]ModelCheckpoint{...}.on_fit_start` as `ModelCheckpoint.on_fit_start`."""
    kind, _, rest = name.rpartition("]")
    owner, _, hook = rest.rpartition(".")
    return f"{owner.partition('{')[0] or kind.lstrip('[')}.{hook}".lstrip(".")


def _completed(trace: Trace) -> list[str]:
    """Labels of the actions that Lightning announces, in order of completion."""
    ends = sorted((span_end(trace, row), -trace.depth[row], row) for row in range(len(trace)))
    actions = [trace.actions[trace.action[row]] for *_, row in ends]
    others = [action for action in actions if action.owner != "HookTracer"]
    announced = [action for action in others if (action.owner_kind, action.hook) not in SILENT]
    return [f"{action.owner}.{action.hook}".lstrip(".") for action in announced]


def span_end(trace: Trace, row: int) -> int:
    """When a span was left, in ns."""
    return int(trace.start_ns[row] + trace.duration_ns[row])


class Chatty(Callback):
    """A callback of which there can be several."""


def _evaluate(run: Any, model: Any, data: Any) -> None:
    run.fit(model, datamodule=data)
    run.validate(model, datamodule=data, verbose=False)
    run.test(model, datamodule=data, verbose=False)
    run.predict(model, datamodule=data)


CONFIGS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "plain": (Plain, {}),
    "mixin": (Mixed, {}),
    "accumulate": (Mixed, {"accumulate_grad_batches": 2}),
    "clip": (Plain, {"gradient_clip_val": 0.5}),
    "manual": (Manual, {}),
    "two loaders": (TwoLoaders, {"num_sanity_val_steps": 0}),
    "bf16, two epochs": (Plain, {"precision": "bf16-mixed", "max_epochs": 2}),
    "validate often": (Mixed, {"val_check_interval": 1, "max_epochs": 2}),
}


@pytest.mark.parametrize("datamodule", [False, True], ids=["", "datamodule"])
@pytest.mark.parametrize("config", CONFIGS)
def test_equals_what_a_profiler_of_the_users_own_sees(config: str, datamodule: bool, tmp_path: Path) -> None:
    make, options = CONFIGS[config]
    reference = Reference()
    callbacks = [Chatty(), LearningRateMonitor(), ModelCheckpoint(tmp_path / "ckpt"), Chatty()]
    tracer = HookTracer(tmp_path / "run")
    run = trainer(tmp_path, [*callbacks, tracer], profiler=reference, **options)
    _evaluate(run, make(), BoringDataModule() if datamodule else None)

    trace = open_run(tmp_path / "run").trace()
    recorded = _completed(trace)
    # What comes before the first callback is touched can be seen by the mixin only.
    known = [name for name in reference.stopped if not name.endswith(".configure_callbacks")]
    assert [name for name in recorded if not name.endswith(".configure_callbacks")] == known
    assert trace.open_rows == ()
    assert set(trace.status.tolist()) == {0}
    assert_folds(trace)


def test_list_of_hooks_in_order(tmp_path: Path) -> None:
    run = trainer(tmp_path, [HookTracer(tmp_path / "run")], limit_train_batches=1, limit_val_batches=1)
    run.fit(Mixed())
    trace = open_run(tmp_path / "run").trace()
    calls = [trace.actions[number].hook for number in trace.action]
    training = calls[calls.index("on_train_epoch_start") :]
    expected = [
        "on_train_epoch_start",
        "run_training_epoch",
        "train_dataloader_next",
        "on_before_batch_transfer",
        "batch_to_device",
        "on_after_batch_transfer",
        "on_train_batch_start",
        "run_training_batch",
        "optimizer_step",
        "training_step",
        "forward",
        "log",
        "on_before_zero_grad",
        "optimizer_zero_grad",
        "backward",
        "on_before_backward",
        "on_after_backward",
        "on_before_optimizer_step",
        "configure_gradient_clipping",
        "on_train_batch_end",
        "on_validation_model_eval",
        "on_validation_start",
        "on_validation_epoch_start",
        "val_next",
        "on_validation_batch_start",
        "validation_step",
        "on_validation_batch_end",
        "on_validation_epoch_end",
        "on_validation_end",
        "on_validation_model_train",
        "on_train_epoch_end",
        "on_train_end",
        "on_fit_end",
        "teardown",
    ]
    assert [hook for hook in dict.fromkeys(training) if hook in expected] == expected


def test_two_callbacks_of_one_class_are_two_instances(tmp_path: Path) -> None:
    class Marking(Callback):
        def __init__(self, marks: list[int], number: int) -> None:
            self.marks, self.number = marks, number

        def on_train_batch_end(self, *args: Any) -> None:
            self.marks.append(self.number)

    marks: list[int] = []
    run = trainer(tmp_path, [Marking(marks, 0), HookTracer(tmp_path / "run"), Marking(marks, 1)])
    run.fit(Plain())
    trace = open_run(tmp_path / "run").trace()
    actions = [trace.actions[number] for number in trace.action]
    seen = [action.instance for action in actions if action.owner == "Marking" and action.hook == "on_train_batch_end"]
    assert seen == marks == [0, 1] * 3


def test_actions_say_whose_they_are(tmp_path: Path) -> None:
    stopping = EarlyStopping("loss")
    trainer(tmp_path, [stopping, HookTracer(tmp_path / "run")]).fit(Mixed())
    actions = {action.label: action for action in open_run(tmp_path / "run").trace().actions}
    assert actions["Mixed.on_validation_model_train"].overridden
    assert "models.py:" in str(actions["Mixed.on_validation_model_train"].defined_at)
    assert not actions["Mixed.on_train_start"].overridden
    assert actions["Mixed.on_train_start"].doc == "Called at the beginning of training after sanity check."
    assert not actions["Mixed.backward"].overridden  # recorded by the mixin, but nobody's own
    assert actions["Mixed.training_step" if "Mixed.training_step" in actions else "Mixed.forward"].overridden
    assert actions["EarlyStopping.on_train_epoch_end"].overridden
    assert not actions["EarlyStopping.on_train_start"].overridden
    assert actions["SingleDeviceStrategy.training_step"].owner_kind == "strategy"
    assert actions["_TrainingEpochLoop.train_dataloader_next"].owner_kind == "loop"


def test_the_tracer_is_no_part_of_the_loop(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Plain())
    hooks = {action.hook for action in open_run(tmp_path / "run").trace().actions if action.owner == "HookTracer"}
    assert hooks == {"setup", "on_save_checkpoint"}


def test_names_without_end_share_one_action(tmp_path: Path) -> None:
    class Naming(Plain):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            for index in range(1500):
                profiler: Any = vars(self.trainer)["profiler"]
                with profiler.profile(f"mine {batch_idx} {index}"):
                    pass

    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Naming())
    trace = open_run(tmp_path / "run").trace()
    hooks = [trace.actions[number].hook for number in trace.action]
    named = sum(hook.startswith("mine ") for hook in hooks)
    assert 1900 < named < 2040
    assert hooks.count("other actions") >= 3 * 1500 - named
    assert trace.open_rows == ()
