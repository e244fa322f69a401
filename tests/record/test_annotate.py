"""Spans as ranges of other timelines: all of them where somebody asks, at the same weights; else nothing."""

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import seed_everything
from torch.profiler import ProfilerActivity, profile

from tests.record.models import Mixed, trainer, weights
from tracer import HookTracer, open_run
from tracer.record.spans import SpanTable


def fitted(root: Path, callbacks: list[Any]) -> list[torch.Tensor]:
    seed_everything(1)
    model = Mixed()
    trainer(root, callbacks).fit(model)
    return weights(model)


def test_every_call_is_a_range_of_the_profiler_and_the_weights_are_the_same(tmp_path: Path) -> None:
    expected = fitted(tmp_path / "a", [])

    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        found = fitted(tmp_path / "b", [HookTracer(tmp_path / "run", annotate="record_function")])

    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))
    trace = open_run(tmp_path / "run").trace()
    labels = [trace.actions[number] for number in trace.action]
    calls = Counter(f"{action.owner}.{action.hook}" if action.owner else action.hook for action in labels)
    ranges = Counter(event.name for event in profiled.events() or ())
    assert calls.total() > 50
    assert {name: ranges[name] for name in calls} == dict(calls)


def test_what_cannot_annotate_warns_once_and_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(label: str) -> None:
        raise RuntimeError("NVTX functions not installed")

    monkeypatch.setattr(torch.cuda.nvtx, "range_push", missing)
    tracer = HookTracer(tmp_path / "run", annotate="nvtx")

    with pytest.warns(RuntimeWarning, match="no ranges of nvtx") as warned:
        trainer(tmp_path, [pickle.loads(pickle.dumps(tracer))]).fit(Mixed())

    assert sum("no ranges" in str(warning.message) for warning in warned) == 1
    assert open_run(tmp_path / "run").state == "finished"


def test_nvtx_ranges_are_pushed_and_popped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[str] = []
    popped: list[None] = []
    monkeypatch.setattr(torch.cuda.nvtx, "range_push", pushed.append)
    monkeypatch.setattr(torch.cuda.nvtx, "range_pop", lambda: popped.append(None))

    trainer(tmp_path, [HookTracer(tmp_path / "run", annotate="nvtx")]).fit(Mixed())

    assert len(pushed) == len(open_run(tmp_path / "run").trace())
    assert len(popped) == len(pushed)


def test_what_is_no_kind_of_range_is_named() -> None:
    with pytest.raises(ValueError, match=r"annotate='nsys': there is 'record_function', 'nvtx', or None"):
        HookTracer(annotate="nsys")  # type: ignore[arg-type]


def test_without_it_spans_are_what_they_are_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    plain = SpanTable.__init__

    def noting(self: SpanTable, listener: Any, append: Any, around: Any = None) -> None:
        given.append(around)
        plain(self, listener, append, around)

    monkeypatch.setattr(SpanTable, "__init__", noting)
    trainer(tmp_path, [HookTracer(tmp_path / "run")]).fit(Mixed())

    assert given == [None]
