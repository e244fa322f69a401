"""What run.json says of the owners: against what the test's own classes bring."""

import json
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.demos.boring_classes import BoringDataModule

from tests.builders import make_run
from tests.record.models import Mixed, Plain, trainer
from tracer import HookTracer, open_run
from tracer.record.owners import describe_owners
from tracer.run.info import OwnerInfo


def _owners(path: Path) -> dict[str, OwnerInfo]:
    return {f"{owner.name}{owner.instance or ''}": owner for owner in open_run(path).info.owners}


class Explosive(Callback):
    """Whoever looks at it the wrong way runs its code."""

    @property
    def on_fit_end(self) -> Any:
        raise AssertionError("asked for")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)

    def on_fit_startt(self) -> None: ...
    def on_used(self) -> None: ...
    def _on_private(self) -> None: ...

    def on_fit_start(self, *args: Any) -> None:
        def inner() -> None:
            self.on_used()

        inner()


class Stopping(EarlyStopping):
    def on_train_end(self, *args: Any) -> None: ...


def test_who_brings_what(tmp_path: Path) -> None:
    given = [Stopping("loss"), Stopping("loss", mode="max", patience=7), HookTracer(tmp_path / "run")]
    trainer(tmp_path, given, enable_checkpointing=False).fit(Mixed(), BoringDataModule())

    info, found = open_run(tmp_path / "run").info, _owners(tmp_path / "run")

    assert list(found) == ["Mixed", "BoringDataModule", "Stopping", "Stopping1"]
    assert set(info.hooks) == {"module", "datamodule", "callback"}
    assert {"optimizer_step", "on_train_batch_start", "transfer_batch_to_device"} <= set(info.hooks["module"])
    assert "log" not in info.hooks["module"]
    assert {"prepare_data", "train_dataloader", "state_dict"} <= set(info.hooks["datamodule"])
    assert "from_datasets" not in info.hooks["datamodule"]
    assert {"on_train_batch_start", "on_exception"} <= set(info.hooks["callback"])
    overrides = found["Mixed"].overrides
    assert {hook for hook, override in overrides.items() if not override.library} == {
        "training_step",
        "on_validation_model_train",
    }
    assert (
        overrides["training_step"].defined_at == f"{Path(__file__).parent / 'models.py'}:{_line(Plain.training_step)}"
    )
    assert overrides["validation_step"].library  # of the boring model
    assert found["BoringDataModule"].overrides["train_dataloader"].library
    stopping = found["Stopping1"].overrides
    assert (stopping["on_train_end"].library, stopping["on_validation_end"].library) == (False, True)


def _line(function: Any) -> int:
    return int(function.__code__.co_firstlineno)


def test_only_methods_that_nobody_mentions(tmp_path: Path) -> None:
    explosive = object.__new__(Explosive)
    run: Any = trainer(tmp_path, [HookTracer(tmp_path / "run")])
    run.strategy._lightning_module = Plain()
    run.callbacks = [explosive]

    callback = describe_owners(run)["owners"][1]

    assert set(callback["others"]) == {"on_fit_startt"}
    assert set(callback["overrides"]) == {"on_fit_end", "on_fit_start"}


def test_hostile_owners_read_as_absent(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    content = json.loads((tmp_path / "a" / "run.json").read_text())
    strange = [7, {"kind": 1, "class": None, "instance": -3, "overrides": {"a": 1, "b": {"at": 2, "removed": [3]}}}]
    content |= {"owners": strange, "hooks": {"module": 3, "callback": ["setup"]}}
    (tmp_path / "a" / "run.json").write_text(json.dumps(content))

    info = open_run(tmp_path / "a").info

    assert info.hooks == {"module": (), "callback": ("setup",)}
    assert info.owners[0] == OwnerInfo("", "", 0, {}, {})
    assert info.owners[1].overrides["b"].removed == ()
    assert open_run(make_run(tmp_path / "b")).info.owners == ()
