"""CSV: the columns of the table, in their order, readable by what people use."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.builders import make_run
from tests.export.recorded import HOSTILE, add_rank, record, written
from tracer.export.selection import Part
from tracer.run import Run, open_run
from tracer.run.table import Rows

COLUMNS = (
    "seq,parent,rank,stage,epoch,batch,global_step,dataloader,owner_kind,owner,instance,hook,depth,"
    "start_ns,wall_time,duration_ns,self_ns,status"
)
TEXTS = ["stage", "owner_kind", "owner", "hook", "wall_time", "status"]


def read_back(run: Run) -> pd.DataFrame:
    return pd.read_csv(
        io.BytesIO(written(run, "csv")),
        keep_default_na=False,
        na_values={name: [""] for name in COLUMNS.split(",") if name not in TEXTS},
        dtype={name: "str" if name in TEXTS else "Int64" for name in COLUMNS.split(",")},
    )


def test_header_and_a_row(tmp_path: Path) -> None:
    lines = written(open_run(make_run(tmp_path / "run")), "csv").decode().split("\n")

    assert lines[0] == COLUMNS
    assert (
        lines[1] == "0,,0,train,,,,,callback,EarlyStopping,0,setup,0,0,2026-01-02T03:04:05.678901Z,1000000,1000000,ok"
    )
    assert lines[-1] == ""


def test_it_is_the_table_of_pandas(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", test_batches=2, until=500))
    table, back = run.to_pandas(), read_back(run)

    assert list(back.columns) == list(table.columns)
    for name in COLUMNS.split(","):
        if name == "wall_time":
            assert (pd.to_datetime(back[name]) == table[name]).all()
        elif name in TEXTS:
            assert back[name].tolist() == table[name].astype("str").fillna("").tolist()
        else:
            assert back[name].astype("Int64").equals(table[name].astype("Int64"))


def test_ranks_follow_one_another_under_one_header(tmp_path: Path) -> None:
    run = add_rank(open_run(make_run(tmp_path / "run")))
    trace = run.trace()

    lines = written(run, "csv").decode().splitlines()

    assert len(lines) == 1 + 2 * len(trace)
    assert lines[1].split(",", 3)[2] == "0"
    assert lines[1 + len(trace)].split(",", 3)[2] == "1"


@pytest.mark.parametrize("name", [name for name in HOSTILE if name[0] not in "=@"])
def test_hostile_names_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    run = open_run(make_run(tmp_path / "run", callbacks=(name,), until=3))

    (owner,) = read_back(run)["owner"]

    assert owner == run.trace().actions[0].owner
    assert owner[:1000] == name[:1000]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_name_is_a_formula(tmp_path: Path, name: str) -> None:
    run = open_run(make_run(tmp_path / "run", callbacks=(name,), until=3))

    assert read_back(run)["owner"].tolist() == ["'" + name]


def test_portions_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(make_run(tmp_path / "run"))
    whole = written(run, "csv")

    portions = Part.portions

    def in_sevens(part: Part, size: int = 0) -> Iterator[Rows]:
        return portions(part, 7)

    monkeypatch.setattr(Part, "portions", in_sevens)

    assert written(run, "csv") == whole


def test_an_empty_run_has_a_header(tmp_path: Path) -> None:
    assert written(record(tmp_path / "run", np.empty(0, np.int64)), "csv") == (COLUMNS + "\n").encode()
