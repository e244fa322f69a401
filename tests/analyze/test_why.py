"""Every sentence on why a hook is where it is, against what real trainers were recorded to do."""

from dataclasses import replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from tests.analyze.facts import Recorded, check, parse_fact
from tests.analyze.lessons import Data, Full, recorded_lessons
from tests.record.models import trainer
from tracer.analyze.why import Reason, lightning_version, reasons, why
from tracer.record.mixin import RECORDED
from tracer.record.owners import describe_owners

NEAR = 2
"""Lines around a cited one in which the hook's name may stand: a call can be longer than a line."""

OPPOSITE = {"before": "after", "after": "before"}


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recorded]:
    traces = recorded_lessons(tmp_path_factory.mktemp("lessons"))
    return {name: Recorded(trace) for name, trace in traces.items()}


def _id(reason: Reason) -> str:
    return f"{reason.owner_kind}.{reason.hook}" if reason.owner_kind else reason.hook


@pytest.mark.parametrize("reason", reasons().values(), ids=_id)
def test_every_fact_is_seen_and_is_seen_to_hold(reason: Reason, lessons: dict[str, Recorded]) -> None:
    assert reason.facts
    for text in reason.facts:
        seen = [
            (name, holds)
            for name, recorded in lessons.items()
            for holds in check(parse_fact(text), _id(reason), recorded)
        ]
        assert seen, f"{text}: no recording has anything to say about it"
        assert all(holds for _, holds in seen), f"{text}: not so in {[name for name, holds in seen if not holds]}"


def test_the_opposite_of_no_fact_holds(lessons: dict[str, Recorded]) -> None:
    stated = [(_id(reason), parse_fact(text)) for reason in reasons().values() for text in reason.facts]
    turned = [
        (hook, replace(fact, relation=OPPOSITE[fact.relation])) for hook, fact in stated if fact.relation in OPPOSITE
    ]
    assert len(turned) > 100
    for hook, fact in turned:
        assert not any(holds for recorded in lessons.values() for holds in check(fact, hook, recorded)), (hook, fact)


@pytest.mark.parametrize("text", ["", "near setup", "before setup", "once", "inside", "inside setup per batch", "only"])
def test_what_is_no_fact_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no fact"):
        parse_fact(text)


def test_whatever_is_called_has_its_sentence(lessons: dict[str, Recorded]) -> None:
    called = {(call.hook, call.kind) for recorded in lessons.values() for call in recorded.calls}
    assert {pair for pair in called if why(*pair) is None} == set()


def test_every_hook_of_this_lightning_has_its_sentence(tmp_path: Path) -> None:
    one = trainer(tmp_path, [ModelCheckpoint(tmp_path)], logger=False)
    one.strategy._lightning_module, one.datamodule = Full(), Data()
    hooks = describe_owners(one)["hooks"]
    assert {kind for kind, names in hooks.items() if len(names) > 10} == {"module", "datamodule", "callback"}
    hooks["module"] += RECORDED
    assert [(kind, hook) for kind, names in hooks.items() for hook in names if why(hook, kind) is None] == []


def test_every_sentence_is_one_and_short() -> None:
    for reason in reasons().values():
        assert reason.why[0].isupper() and reason.why.endswith("."), reason
        assert ". " not in reason.why and len(reason.why) <= 180, reason


@pytest.mark.skipif(version("lightning") != lightning_version(), reason="cites the lines of another version")
def test_every_source_is_where_it_is_said_to_be() -> None:
    for reason in reasons().values():
        name = reason.hook if reason.hook.startswith("on_") else reason.hook.rpartition("_")[2]  # `{stage}_dataloader`
        near = [text for place in reason.source for text in _lines_near(place)]
        assert any(name in text for text in near), (reason, near)


def _lines_near(place: str) -> list[str]:
    file, _, line = place.rpartition(":")
    lines = files("lightning.pytorch").joinpath(file).read_text(encoding="utf-8").splitlines()
    return lines[int(line) - 1 - NEAR : int(line) + NEAR]


def test_what_is_not_known_has_none() -> None:
    assert why("on_coffee_break") is None
    assert why("on_load_checkpoint") is None, "it depends on the owner"
    assert why("on_load_checkpoint", "callback") != why("on_load_checkpoint", "module")
    assert why("on_fit_start", "callback") == why("on_fit_start")
