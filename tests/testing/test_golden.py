"""Golden files: the outline of a recording, and the plugin in a pytest of its own, without any extras."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.commands import ENVIRONMENT, ROOT
from tests.cli.test_imports import NUMPY, TRAINING, VIEWING, loaded_by
from tests.record.models import Plain, trainer
from tracer.testing import CallTrace, assert_golden, outline, trace_fit
from tracer.testing.calls import Call, _Decoder
from tracer.testing.folded import _kept


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> CallTrace:
    run = trainer(tmp_path_factory.mktemp("fitted"), enable_checkpointing=False, max_epochs=2, logger=False)
    return trace_fit(run, Plain())


def test_what_repeats_is_written_once(fitted: CallTrace) -> None:
    text = outline(fitted)

    assert (
        "\n  for epoch in range(2):  # max_epochs=2\n    on_train_epoch_start: Plain\n    run_training_epoch\n" in text
    )
    assert text.count("run_training_batch") == 1
    assert "\n        if last batch:\n          lr_scheduler_step: Plain\n" in text
    assert len(fitted) > 2 * len(text.splitlines())
    assert outline(fitted) == text


def test_a_golden_file_is_written_compared_and_renewed(
    fitted: CallTrace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "golden" / "fit.txt"
    with pytest.raises(AssertionError, match=r"there is no golden file .*HOOKTRACE_UPDATE_GOLDEN=1"):
        assert_golden(fitted, path)
    monkeypatch.setenv("HOOKTRACE_UPDATE_GOLDEN", "1")
    assert_golden(fitted, path)
    monkeypatch.delenv("HOOKTRACE_UPDATE_GOLDEN")
    assert_golden(fitted, path)
    path.write_text(path.read_text().replace("on_train_start", "on_train_started"))
    with pytest.raises(AssertionError, match="the hook order changed") as failed:
        assert_golden(fitted, path)
    changed = [line for line in str(failed.value).splitlines() if line.startswith(("-  ", "+  "))]
    assert changed == [
        "-  on_train_started: Plain, SingleDeviceStrategy",
        "+  on_train_start: Plain, SingleDeviceStrategy",
    ]
    assert_golden(fitted, path, update=True)
    assert_golden(fitted, path)


@given(st.sets(st.integers(0, 400)))
def test_a_stream_without_some_calls_has_all_the_others(fitted: CallTrace, left_out: set[int]) -> None:
    shown = [call for call in fitted if call.index not in left_out]
    stream = replace(fitted.stream, records=_kept(fitted.stream, {call.index for call in shown}))
    again = [Call(**values) for values in _Decoder(stream).decode()]
    same = ("kind", "owner", "hook", "stage", "epoch", "batch", "duration_ns", "failed")
    assert [[getattr(call, name) for name in same] for call in again] == [
        [getattr(call, name) for name in same] for call in shown
    ]


def test_what_a_call_that_is_left_out_has_called_moves_up(fitted: CallTrace) -> None:
    assert "          optimizer_step: Plain\n            step: SGD\n              training_step: Sin" in outline(fitted)
    assert "          optimizer_step: Plain\n            training_step: Single" in outline(fitted.without("SGD"))


SUITE = """
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

def test_golden(hook_trace):
    trainer = Trainer(fast_dev_run=2, logger=False, enable_progress_bar=False, enable_model_summary=False)
    hook_trace.assert_golden(hook_trace.fit(trainer, BoringModel()))
"""


def _pytest(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**ENVIRONMENT, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "tracer.pytest_plugin", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def test_the_plugin_in_a_suite_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SUITE)
    assert "there is no golden file" in _pytest(tmp_path).stdout
    assert _pytest(tmp_path, "--hooktrace-update").returncode == 0
    golden = tmp_path / "golden" / "test_mine-test_golden.txt"
    assert "training_step: SingleDeviceStrategy" in golden.read_text()
    golden.write_text("nothing\n")
    assert "the hook order changed" in _pytest(tmp_path).stdout


def test_the_entry_point_is_the_plugin() -> None:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    plugin = import_module(content["project"]["entry-points"]["pytest11"]["hooktrace"])
    assert plugin.hook_trace.__name__ == "hook_trace"


@pytest.mark.parametrize("module", ["tracer.testing", "tracer.pytest_plugin"])
def test_what_a_suite_loads(module: str) -> None:
    assert loaded_by(f"import {module}") & (TRAINING | VIEWING | NUMPY) == set()


def test_recording_loads_nothing_of_the_extras() -> None:
    code = (
        "import sys\n"
        "for name in ('textual', 'pandas', 'pyarrow', 'plotly', 'textual_plot'): sys.modules[name] = None\n"
        "from lightning.pytorch import Trainer\n"
        "from lightning.pytorch.demos.boring_classes import BoringModel\n"
        "before = set(sys.modules)\n"
        "from tracer.testing import trace_fit, assert_order, outline\n"
        "quiet = dict(logger=False, enable_progress_bar=False, enable_model_summary=False)\n"
        "trace = trace_fit(Trainer(fast_dev_run=1, **quiet), BoringModel())\n"
        "assert_order(trace, ['on_fit_start', 'on_fit_end'])\n"
        "ours = [name for name in sys.modules if name.startswith('tracer')]\n"
        "assert not [name for name in ours if name.startswith('tracer.analyze')], ours\n"
        "assert 'tracer.run.trace' not in ours and 'tracer.run.build' not in ours\n"
        "assert outline(trace).startswith('trainer.fit:')\n"
    )
    assert "tracer.testing.order" in loaded_by(code)
