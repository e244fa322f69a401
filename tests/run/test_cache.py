"""The Parquet copy of a trace: the same trace, or none at all."""

import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import make_run
from tracer.run import Run, cache, open_run
from tracer.run.trace import Contexts, Trace


@pytest.fixture(autouse=True)
def _any_run_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WORTH_RECORDS", 1)
    monkeypatch.setattr(cache, "_GROUP", 64)


def traced(run: Run) -> Trace:
    """The trace, once what it left behind is done."""
    trace = run.trace()
    for thread in threading.enumerate():
        if thread.name == "hooktrace-cache":
            thread.join()
    return trace


def kept(run: Run) -> Trace | None:
    """What the cache alone gives."""
    mark = cache.stamp(run.path, 0)
    assert mark is not None
    return cache.load(run.path, 0, mark, run.info.started_at, ())


def content(trace: Trace) -> dict[str, Any]:
    """All that a trace says, of any two to be compared."""
    values = {field.name: getattr(trace, field.name) for field in fields(Trace) if field.name != "contexts"}
    values |= {f"c.{field.name}": getattr(trace.contexts, field.name) for field in fields(Contexts)}
    return {name: (v.dtype, v.tolist()) if isinstance(v, np.ndarray) else v for name, v in values.items()}


@pytest.mark.parametrize(("state", "until"), [("finished", None), ("died", 200), ("failed", 333)])
def test_a_trace_comes_back_as_it_was(tmp_path: Path, state: str, until: int | None) -> None:
    run = open_run(make_run(tmp_path / "run", test_batches=2, state=state, until=until))
    first = traced(run)
    assert (run.path / "spans-0.parquet").exists()
    assert kept(run) is not None
    assert content(traced(run)) == content(first)
    with pytest.raises(ValueError, match="read-only"):
        traced(run).action[0] = 1


def test_a_run_that_goes_on_is_not_kept(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", state="running", until=200))
    traced(run)
    assert not list(run.path.glob("*.parquet"))


def test_a_short_run_is_not_worth_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WORTH_RECORDS", 10_000)
    run = open_run(make_run(tmp_path / "run"))
    traced(run)
    assert not list(run.path.glob("*.parquet"))


def test_a_stream_that_changed_is_read_again(tmp_path: Path) -> None:
    whole = open_run(make_run(tmp_path / "whole"))
    run = open_run(make_run(tmp_path / "run", until=200, state="died"))
    traced(run)
    (run.path / "events-0.000").write_bytes((whole.path / "events-0.000").read_bytes())
    assert kept(run) is None
    assert len(traced(run)) == len(traced(whole))
    assert kept(run) is not None, "and kept anew"


def test_the_copy_of_another_run_is_not_believed(tmp_path: Path) -> None:
    run, other = (open_run(make_run(tmp_path / name, epochs=epochs)) for name, epochs in (("a", 1), ("b", 2)))
    expected = content(traced(run))
    traced(other)
    (run.path / "spans-0.parquet").write_bytes((other.path / "spans-0.parquet").read_bytes())
    assert kept(run) is None
    assert content(traced(run)) == expected


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"no parquet at all" * 100, None])
def test_a_damaged_copy_is_not_believed(tmp_path: Path, damage: bytes | None) -> None:
    run = open_run(make_run(tmp_path / "run"))
    expected = content(traced(run))
    path = run.path / "spans-0.parquet"
    path.write_bytes(path.read_bytes()[:-500] if damage is None else damage)
    assert kept(run) is None
    assert content(traced(run)) == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("parent", 10**6),
        ("parent", 5),
        ("action", -1),
        ("context", 10**6),
        ("status", 7),
        ("start_ns", -5),
        ("depth", -1),
    ],
)
def test_what_can_be_no_trace_is_not_believed(tmp_path: Path, column: str, value: int) -> None:
    run = open_run(make_run(tmp_path / "run"))
    traced(run)
    path = run.path / "spans-0.parquet"
    table = pq.read_table(path)
    values = table.column(column).to_pylist()
    values[5] = value
    changed = pa.array(values, table.schema.field(column).type)
    pq.write_table(table.set_column(table.schema.get_field_index(column), column, changed), path)
    assert kept(run) is None


def test_columns_of_another_kind_are_not_believed(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run"))
    traced(run)
    path = run.path / "spans-0.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "action", pa.array(["x"] * len(table))), path)
    assert kept(run) is None
    pq.write_table(table.drop_columns(["parent"]), path)
    assert kept(run) is None


def test_where_nothing_can_be_written_the_trace_is_there_all_the_same(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run"))
    (run.path / "spans-0.parquet").mkdir()
    assert len(traced(run)) > 0
    assert sorted(path.name for path in run.path.glob("*spans*")) == ["spans-0.parquet"], "and nothing is left behind"
    gone = make_run(tmp_path / "gone")
    mark, trace = cache.stamp(gone, 0), traced(open_run(gone))
    assert mark is not None
    cache.store(tmp_path / "nowhere", mark, trace)
