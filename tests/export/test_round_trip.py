"""What was exported is what was recorded: the same spans in the same order with the same nanoseconds, in each format
that keeps them all, read back by what people read it with."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analyze.streams import ACTIONS, streams
from tests.builders import make_run
from tests.export.recorded import add_rank, hostile_names, record, written
from tracer.export import write
from tracer.run import Run, open_run
from tracer.run.events import Int64Array
from tracer.run.table import COLUMNS, SCHEMA

PLAIN = pa.schema([(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in SCHEMA])
"""The table's types with texts as such: how a reader keeps them is its own business."""


def expected(run: Run) -> pa.Table:
    return run.to_arrow().cast(PLAIN)


def by_pandas(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame[list(COLUMNS)], preserve_index=False).replace_schema_metadata().cast(PLAIN)


def csv_by_pandas(path: Path) -> pa.Table:
    numbers = [field.name for field in PLAIN if pa.types.is_integer(field.type)]
    frame = pd.read_csv(
        path,
        dtype={field.name: "Int64" if field.name in numbers else "str" for field in PLAIN},
        keep_default_na=False,
        na_values={name: [""] for name in (*numbers, "stage")},
        parse_dates=["wall_time"],
    )
    return by_pandas(frame)


def csv_by_pyarrow(path: Path) -> pa.Table:
    convert = pa_csv.ConvertOptions(column_types=PLAIN, strings_can_be_null=False)
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    return without_empty_stage(pa_csv.read_csv(path, parse_options=parse, convert_options=convert))


def without_empty_stage(table: pa.Table) -> pa.Table:
    stage = table.column("stage")
    return table.set_column(3, "stage", pc.if_else(pc.equal(stage, ""), pa.scalar(None, pa.string()), stage))


def by_duckdb(query: str) -> pa.Table:
    with duckdb.connect() as database:
        database.sql("SET TimeZone = 'UTC'")
        return database.sql(query).to_arrow_table().select(COLUMNS).cast(PLAIN)


def csv_by_duckdb(path: Path) -> pa.Table:
    types = {field.name: "BIGINT" if pa.types.is_integer(field.type) else "VARCHAR" for field in PLAIN}
    types["wall_time"] = "TIMESTAMPTZ"
    table = by_duckdb(f"FROM read_csv('{path}', header = true, quote = '\"', escape = '\"', columns = {types})")
    return with_empty_owner(table)


def with_empty_owner(table: pa.Table) -> pa.Table:
    return table.set_column(9, "owner", pc.fill_null(table.column("owner"), ""))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with everything that rows can lack: stages, epochs, batches, ends."""
    return open_run(make_run(tmp_path_factory.mktemp("export") / "run", test_batches=2, until=520))


@pytest.mark.parametrize("read", [csv_by_pandas, csv_by_pyarrow, csv_by_duckdb])
def test_csv_in_its_readers(read: Callable[[Path], pa.Table], run: Run, tmp_path: Path) -> None:
    path = write(run, "csv", tmp_path / "hooks.csv")

    assert read(path).equals(expected(run))


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda path: by_pandas(pd.read_parquet(path)), id="pandas"),
        pytest.param(lambda path: pq.read_table(path).cast(PLAIN), id="pyarrow"),
        pytest.param(lambda path: by_duckdb(f"FROM '{path}'"), id="duckdb"),
    ],
)
def test_parquet_in_its_readers(read: Callable[[Path], pa.Table], run: Run, tmp_path: Path) -> None:
    path = write(run, "parquet", tmp_path / "hooks.parquet")

    assert read(path).equals(expected(run))
    assert pq.read_schema(path).remove_metadata().equals(SCHEMA)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda path: by_pandas(pd.read_parquet(path)), id="pandas"),
        pytest.param(lambda path: ds.dataset(path, partitioning="hive").to_table().select(COLUMNS), id="pyarrow"),
        pytest.param(lambda path: by_duckdb(f"FROM '{path}/*/*.parquet' ORDER BY rank, seq"), id="duckdb"),
    ],
)
def test_partitions_are_the_ranks(read: Callable[[Path], pa.Table], run: Run, tmp_path: Path) -> None:
    make_run(tmp_path / "run", until=300)
    two = add_rank(open_run(tmp_path / "run"))

    path = write(two, "parquet")

    assert sorted(file.relative_to(path).as_posix() for file in path.rglob("*.parquet")) == [
        "rank=0/spans.parquet",
        "rank=1/spans.parquet",
    ]
    whole = pa.concat_tables([two.to_arrow(0), two.to_arrow(1)]).cast(PLAIN)
    assert read(path).cast(PLAIN).equals(whole)


def jsonl_rows(data: bytes) -> pa.Table:
    rows = [json.loads(line) for line in data.splitlines()]
    assert all(list(row) == list(COLUMNS) for row in rows)
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    columns["wall_time"] = [pd.Timestamp(text).to_pydatetime() for text in columns["wall_time"]]
    return pa.table(columns, schema=PLAIN)


READERS: dict[str, Callable[[bytes], pa.Table]] = {
    "csv": lambda data: csv_by_pandas(io.BytesIO(data)),  # type: ignore[arg-type]  # pandas takes both
    "jsonl": jsonl_rows,
    "parquet": lambda data: pq.read_table(io.BytesIO(data)).cast(PLAIN),
}
"""What turns a file back into the table, for the formats that keep all of it."""


@settings(max_examples=30)
@given(streams(), st.lists(hostile_names, min_size=len(ACTIONS), max_size=len(ACTIONS)))
def test_any_spans_of_any_owners_come_back(events: Int64Array, names: list[str]) -> None:
    actions = tuple(replace(action, owner=f"o{name}") for action, name in zip(ACTIONS, names, strict=True))
    with TemporaryDirectory() as directory:
        run = record(Path(directory), events, actions)
        table = expected(run)

        for form, read in READERS.items():
            assert read(written(run, form)).equals(table), form
