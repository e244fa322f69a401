"""CSV: the columns of the table, in their order, readable by what people use."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from tests.analyze.streams import streams, taken_in
from tests.builders import make_run
from tracer.export import FORMATS
from tracer.run import open_run
from tracer.run.events import Int64Array
from tracer.run.trace import STATUS, Trace

COLUMNS = (
    "seq,parent,rank,stage,epoch,batch,global_step,dataloader,owner_kind,owner,instance,hook,depth,"
    "start_ns,wall_time,duration_ns,self_ns,status"
)
TEXTS = ["stage", "owner_kind", "owner", "hook", "wall_time", "status"]


def written(*traces: Trace) -> bytes:
    out = io.BytesIO()
    FORMATS["csv"].write(traces, out)
    return out.getvalue()


def read_back(*traces: Trace) -> pd.DataFrame:
    return pd.read_csv(
        io.BytesIO(written(*traces)),
        keep_default_na=False,
        na_values={name: [""] for name in COLUMNS.split(",") if name not in TEXTS},
        dtype={name: "str" if name in TEXTS else "Int64" for name in COLUMNS.split(",")},
    )


def test_header_and_a_row(tmp_path: Path) -> None:
    lines = written(open_run(make_run(tmp_path / "run")).trace()).decode().split("\n")

    assert lines[0] == COLUMNS
    assert (
        lines[1] == "0,,0,train,,,,,callback,EarlyStopping,0,setup,0,0,2026-01-02T03:04:05.678901Z,1000000,1000000,ok"
    )
    assert lines[-1] == ""


def test_it_is_the_table_of_pandas(tmp_path: Path) -> None:
    trace = open_run(make_run(tmp_path / "run", test_batches=2, until=500)).trace()
    table, back = trace.to_pandas(), read_back(trace)

    assert list(back.columns) == list(table.columns)
    for name in COLUMNS.split(","):
        if name == "wall_time":
            assert (pd.to_datetime(back[name]) == table[name]).all()
        elif name in TEXTS:
            assert back[name].tolist() == table[name].astype("str").fillna("").tolist()
        else:
            assert back[name].astype("Int64").equals(table[name].astype("Int64"))


@settings(max_examples=40)
@given(streams())
def test_read_back_it_is_the_trace(events: Int64Array) -> None:
    trace, _ = taken_in(events)

    back = read_back(trace)

    assert back["seq"].tolist() == list(range(len(trace)))
    for name in ("parent", "depth", "start_ns", "duration_ns", "self_ns"):
        assert np.array_equal(back[name].fillna(-1).to_numpy(dtype=np.int64), getattr(trace, name))
    for name in ("epoch", "batch", "global_step", "dataloader"):
        assert np.array_equal(back[name].fillna(-1).to_numpy(dtype=np.int64), trace.column(name))
    assert back["hook"].tolist() == [trace.actions[action].hook for action in trace.action]
    assert back["status"].tolist() == [STATUS[status] for status in trace.status]


def test_ranks_follow_one_another_under_one_header(tmp_path: Path) -> None:
    trace = open_run(make_run(tmp_path / "run")).trace()

    lines = written(trace, trace).decode().splitlines()

    assert len(lines) == 1 + 2 * len(trace)
    assert lines[1] == lines[1 + len(trace)]


@pytest.mark.parametrize("name", ['say "hi", twice', "two\nlines", "=1+1", " spaces ", "ümläut"])
def test_hostile_names_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    trace = open_run(make_run(tmp_path / "run", callbacks=(name,), until=3)).trace()

    assert read_back(trace)["owner"].tolist() == [name]


def test_portions_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = open_run(make_run(tmp_path / "run")).trace()
    whole = written(trace)

    monkeypatch.setattr("tracer.export.csv._ROWS", 7)

    assert written(trace) == whole


def test_an_empty_run_has_a_header(tmp_path: Path) -> None:
    assert written(open_run(make_run(tmp_path / "run", until=0)).trace()) == (COLUMNS + "\n").encode()
