"""What Lightning's documentation says otherwise: every entry against what the installed Lightning does and says."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint, Timer

from tests.builders import Script, make_run, records
from tests.record.models import Manual, Plain, trainer
from tracer import HookTracer, open_run
from tracer.analyze.docs_check import Difference, differences
from tracer.analyze.docs_claims import CLAIMS, Claim, Docstring
from tracer.cli import main
from tracer.expected import trace as trace_expected
from tracer.run.build import TraceBuilder
from tracer.run.events import Action
from tracer.run.info import CallbackInfo
from tracer.run.layout import FUNCTIONS, STAGES
from tracer.run.trace import Trace

_OWNERS = {"LightningModule": LightningModule, "Callback": Callback}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Difference]]:
    """By trainer function, what a minimal model's trace contradicts, by name."""
    found = {}
    for function in FUNCTIONS:
        directory = tmp_path_factory.mktemp(function)
        trace_expected(function, directory)
        run = open_run(directory / "run")
        found[function] = found_in(run.trace(), run.info.callbacks)
    return found


def found_in(trace: Trace, callbacks: Sequence[CallbackInfo] = ()) -> dict[str, Difference]:
    return {one.claim.id: one for one in differences(trace, callbacks)}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_what_is_said_to_be_wrong_is_wrong(claim: Claim, expected: Mapping[str, Mapping[str, Difference]]) -> None:
    shown = [one[claim.id].hooks for one in expected.values() if claim.id in one]

    assert claim.hooks in shown
    assert claim.sources
    if claim.function is not None:
        assert [name for name, one in expected.items() if claim.id in one] == [claim.function]


@pytest.mark.parametrize(
    "said", [one for claim in CLAIMS for one in claim.docstrings], ids=lambda said: f"{said.hook}-{said.words[:12]}"
)
def test_the_docstrings_still_say_so(said: Docstring) -> None:
    text = inspect.getdoc(getattr(_OWNERS[said.owner], said.hook)) or ""

    assert said.words in " ".join(text.split())


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_our_page_has_it(claim: Claim) -> None:
    page = " ".join((Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8").split())

    assert f"docs: {claim.documented} seen: " in page
    assert all(source in page for source in claim.sources)


def test_the_readme_shows_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "hooktrace explain --expected fit --stage train --owner module --docs"
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    _, told, after = text.partition(f"$ {command}\n")
    trace_expected("fit", tmp_path)
    capsys.readouterr()

    assert told
    assert main(["explain", str(tmp_path / "run"), *command.split()[4:]]) == 0
    printed = {without_figures(line) for line in capsys.readouterr().out.splitlines()}
    shown = [without_figures(line) for line in after.partition("```")[0].splitlines()[1:] if line.strip() != "..."]
    assert [line for line in shown if line not in printed] == []


def without_figures(line: str) -> str:
    return re.sub(r" {3,}[\d,]+( .*)?$", "", line)


def test_names_are_used_once() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)


def recorded(tmp_path: Path, model: LightningModule) -> Trace:
    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(model)
    return open_run(tmp_path / "run").trace()


def test_a_module_that_overrides_the_hook_has_no_difference_there(tmp_path: Path) -> None:
    assert "validation-model-train" not in found_in(recorded(tmp_path, Plain()))


def test_callbacks_in_the_order_given_are_no_difference(tmp_path: Path) -> None:
    trainer(tmp_path, [HookTracer(tmp_path / "run"), Timer(), ModelCheckpoint()]).validate(Plain())
    run = open_run(tmp_path / "run")

    assert [callback.given for callback in run.info.callbacks] == [0, 1, 2]
    assert "callback-order" not in found_in(run.trace(), run.info.callbacks)


def test_what_did_not_run_is_no_difference(tmp_path: Path) -> None:
    manual = found_in(recorded(tmp_path, Manual()))

    assert not {"optimizer-step", "before-zero-grad", "test-setup", "predict-batch-start"} & set(manual)
    assert "train-batch-start" in manual


@pytest.mark.parametrize("until", [0, 1, 30, 77])
def test_a_run_that_died_contradicts_no_more_than_it_shows(tmp_path: Path, until: int) -> None:
    found = found_in(open_run(make_run(tmp_path / "run", state="died", until=until)).trace())

    assert not {"fit-end", "training-end", "model-backward", "validation-model-train"} & set(found)


def as_documented(play: Script) -> Iterator[None]:
    """A step after which the optimizer steps, as it is written."""
    play.hook("on_train_batch_start", strategy=True)
    play.span("module", "Model", "on_before_batch_transfer")
    play.span("module", "Model", "transfer_batch_to_device")
    play.span("module", "Model", "on_after_batch_transfer")
    play.span("strategy", "Strategy", "training_step")
    play.span("strategy", "Strategy", "backward")
    play.span("module", "Model", "optimizer_step")
    play.hook("on_before_zero_grad")
    yield


def test_a_lightning_that_did_as_it_says_would_have_none() -> None:
    play = Script(callbacks=["Callback"])
    play.mark(call=FUNCTIONS.index("fit"), stage=STAGES.index("train"))
    play.hook("on_fit_start")
    play.hook("setup")
    play.mark(epoch=0)
    for batch in range(3):
        play.mark(batch=batch)
        play.span("loop", "", "run_training_batch", as_documented(play))
    play.mark(epoch=None, batch=None)
    play.hook("teardown")
    play.hook("on_fit_end")
    actions = tuple(Action(number, kind, owner, 0, hook) for (kind, owner, hook), number in play.actions.items())
    builder = TraceBuilder(0, datetime(2026, 1, 2, tzinfo=UTC))
    builder.feed(records(play.events), actions)

    assert set(found_in(builder.trace())) == {"left-out"}
