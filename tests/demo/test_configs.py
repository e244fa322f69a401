"""Each named configuration changes the order of hooks in the way that its first line promises."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from demo_model.named_configs import find_config, lesson, named_configs
from tests.demo.conftest import FEW, QUICK, Demo
from tracer import Trace, open_run
from tracer.analyze.compare import compare
from tracer.analyze.compare_order import hunks
from tracer.analyze.findings import findings
from tracer.analyze.fold_lines import explain_lines
from tracer.digests import subject
from tracer.run import Run
from tracer.verbs.compare_text import call_rows, order_text
from tracer.verbs.explain_text import loop_lines
from tracer.verbs.explained import Explanation

HOOKS = [
    "on_fit_start",
    "on_train_start",
    "on_train_end",
    "on_fit_end",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_before_batch_transfer",
    "on_after_batch_transfer",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
    "on_train_epoch_end",
    "on_validation_model_eval",
    "on_validation_start",
    "on_validation_epoch_start",
    "on_validation_batch_start",
    "validation_step",
    "on_validation_batch_end",
    "on_validation_epoch_end",
    "on_validation_end",
    "on_validation_model_train",
]


GOLDENS = Path(__file__).parent / "goldens"
FOLDED = ("baseline", "accumulate4", "clip", "manual", "val4", "no_sanity", "bf16")
"""Configurations whose folded loop is kept in a file."""


SMALL = (
    *(*QUICK, "--train_size", "64", "--model.batch_size", "8", "--checkpoint.save_top_k", "-1", *FEW),
    *("--trainer.limit_train_batches", "8", "--trainer.limit_test_batches", "1"),
)
COMPARED = Path(__file__).parent / "compared"


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the baseline is recorded by the first test that compares with it."""
    return tmp_path_factory.mktemp("compared") / "baseline"


@pytest.fixture
def calls(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, baseline: Path
) -> "Calls":
    monkeypatch.setenv("HOOKTRACE_DIR", str(tmp_path / "recording"))
    return Calls(demo, tmp_path / "recording", request.config.getoption("--update-goldens"), baseline)


class Calls:
    """Trains eight batches under a configuration and counts the calls of each hook on its owner."""

    def __init__(self, demo: Demo, recording: Path, update: bool, baseline: Path) -> None:
        self.demo, self.recording, self.update, self.baseline = demo, recording, update, baseline
        self.fit_lines = 0

    def __call__(self, config: str, *options: str) -> Counter[str]:
        assert self.demo("all", "--config", config, *SMALL, *options) == 0
        run = open_run(self.recording)
        trace = run.trace()
        assert findings(trace, run.info) == ()  # there is nothing wrong with any of them
        if config in FOLDED:
            self._check_loop(config, run, trace)
        if config != "baseline":
            self._check_comparison(config, run)
        names = [f"{action.owner}.{action.hook}" for action in trace.actions]
        return Counter(names[number] for number in trace.action.tolist())

    def _check_comparison(self, config: str, run: Run) -> None:
        """What differs from the baseline is what the golden file says: settings, order and calls, and nothing else."""
        if not self.baseline.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("HOOKTRACE_DIR", str(self.baseline))
                assert self.demo("all", "--config", "baseline", *SMALL) == 0
        comparison = compare(subject(open_run(self.baseline)), subject(run))
        settings = [f"{change.section} {change.name}: {change.a} → {change.b}" for change in comparison.config]
        order = [order_text(line, 200) for line in hunks(comparison.order)]
        calls = ["  ".join(row) for row in call_rows(comparison, everything=False)]
        found = "\n".join(["config", *settings, "", "order", *order, "", "calls", *calls, ""])
        self._check(COMPARED / f"{config}.txt", found)

    def _check(self, path: Path, found: str) -> None:
        if self.update:
            path.parent.mkdir(exist_ok=True)
            path.write_text(found, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == found

    def _check_loop(self, config: str, run: Run, trace: Trace) -> None:
        lines = explain_lines(trace, run.info.trainer, callbacks=run.info.callbacks)
        explanation = Explanation("", "", lines, (None,) * len(lines))
        self.fit_lines = "\n".join(loop_lines(explanation)).partition("trainer.test:")[0].count("\n")
        found = "".join(f"{line}\n" for line in loop_lines(replace(explanation, timed=False)))
        self._check(GOLDENS / f"{config}.txt", found)


def test_names_and_paths_are_found(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("trainer: {}\n")
    assert find_config(str(path)) == path
    assert find_config("clip") == named_configs()["clip"]
    assert find_config("nope") is None


@pytest.mark.parametrize("name", named_configs())
def test_every_configuration_says_what_it_teaches(name: str) -> None:
    first_line = named_configs()[name].read_text().splitlines()[0]
    assert first_line.startswith("# ")
    assert lesson(named_configs()[name]) == first_line[2:]
    assert len(lesson(named_configs()[name])) > 40


def test_baseline_shows_every_hook_of_the_list(calls: Calls) -> None:
    counts = calls("baseline")
    hooks = {name.rpartition(".")[2] for name in counts}
    assert not set(HOOKS) - hooks
    assert counts["ConvNet.optimizer_step"] == counts["ConvNet.on_before_zero_grad"] == 8
    assert counts["ConvNet.on_validation_start"] == 2  # sanity check and epoch
    for callback in ("EarlyStopping", "TQDMProgressBar", "ModelCheckpoint", "ModelSummary"):
        assert counts[f"{callback}.on_fit_start"] == 1
    assert 0 < calls.fit_lines <= 60  # all of a fit with validation can be seen at once


def test_accumulate4_steps_once_in_four_batches(calls: Calls) -> None:
    counts = calls("accumulate4")
    assert counts["ConvNet.on_train_batch_start"] == 8
    assert counts["ConvNet.optimizer_step"] == counts["ConvNet.on_before_zero_grad"] == 2


def test_clip_really_clips(calls: Calls) -> None:
    counts = calls("clip")
    assert counts["ConvNet.configure_gradient_clipping"] == counts["ConvNet.clip_gradients"] == 8


def test_manual_has_no_hooks_of_the_optimizer_step(calls: Calls) -> None:
    counts = calls("manual")
    assert counts["ManualConvNet.on_before_backward"] == counts["ManualConvNet.manual_backward"] == 8
    assert counts["ManualConvNet.on_before_optimizer_step"] == 8
    for hook in ("optimizer_step", "on_before_zero_grad", "configure_gradient_clipping"):
        assert counts[f"ManualConvNet.{hook}"] == 0


def test_val4_validates_four_times_an_epoch(calls: Calls) -> None:
    counts = calls("val4")
    assert counts["ConvNet.on_validation_start"] == 1 + 4
    assert counts["EarlyStopping.on_validation_end"] == 1 + 4


def test_no_sanity_starts_with_training(calls: Calls) -> None:
    counts = calls("no_sanity")
    assert counts["EarlyStopping.on_sanity_check_start"] == 0
    assert counts["ConvNet.on_validation_start"] == 1


def test_bf16_changes_no_count(calls: Calls) -> None:
    counts = calls("bf16")
    for hook in ("optimizer_step", "on_before_zero_grad", "on_after_backward", "configure_gradient_clipping"):
        assert counts[f"ConvNet.{hook}"] == 8


def test_swa_lrfinder_adds_to_the_callbacks(calls: Calls) -> None:
    counts = calls("swa_lrfinder", "--trainer.max_epochs", "4")
    for callback in ("LearningRateFinder", "StochasticWeightAveraging", "LearningRateMonitor", "EarlyStopping"):
        assert counts[f"{callback}.on_fit_start"] == 1
    assert counts["ConvNet.on_train_batch_start"] > 4 * 8  # the finder's own batches come on top
