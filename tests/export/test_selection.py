"""Which spans an export takes: those that fit all that is said, in their order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.builders import MS, make_run
from tests.export.recorded import written
from tracer.export import Selection, write
from tracer.export.selection import Part, Watcher
from tracer.run import Run, open_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two epochs of four batches, stopped somewhere in the second."""
    return open_run(make_run(tmp_path_factory.mktemp("export") / "run", until=500))


@pytest.mark.parametrize(
    ("selection", "fits"),
    [
        (Selection(stages=("validate",)), lambda row: row["stage"] == "validate"),
        (Selection(stages=("train", "sanity_check")), lambda row: row["stage"] in ("train", "sanity_check")),
        (Selection(epochs=(1, None)), lambda row: row["epoch"] is not None and row["epoch"] >= 1),
        (Selection(epochs=(None, 1)), lambda row: row["epoch"] == 0),
        (Selection(batches=(1, 3)), lambda row: row["batch"] in (1, 2)),
        (
            Selection(stages=("train",), epochs=(0, 1), batches=(2, 3)),
            lambda row: (row["stage"], row["epoch"], row["batch"]) == ("train", 0, 2),
        ),
    ],
)
def test_what_fits_is_taken(run: Run, selection: Selection, fits: Callable[[dict[str, Any]], bool]) -> None:
    rows = run.to_arrow().to_pylist()

    chosen = selection.rows(run.trace())

    assert chosen is not None
    assert 0 < len(chosen) < len(rows)
    assert chosen.tolist() == [row["seq"] for row in rows if fits(row)]


def test_a_short_call_is_left_out_and_an_open_one_is_as_long_as_it_lasts(run: Run) -> None:
    trace = run.trace()

    chosen = Selection(min_duration_ns=3 * MS).rows(trace)

    assert chosen is not None
    long_enough = (trace.duration_ns >= 3 * MS) | ((trace.duration_ns < 0) & (trace.now_ns - trace.start_ns >= 3 * MS))
    assert chosen.tolist() == np.flatnonzero(long_enough).tolist()
    assert set(trace.open_rows) & set(chosen.tolist())


def test_nothing_said_is_everything(run: Run) -> None:
    assert Selection().rows(run.trace()) is None


def test_spans_outside_of_any_epoch_fit_no_bounds(run: Run) -> None:
    trace = run.trace()

    chosen = Selection(epochs=(0, None)).rows(trace)

    assert chosen is not None
    assert (trace.column("epoch") < 0).any()
    assert (trace.column("epoch")[chosen] >= 0).all()


def test_every_format_takes_the_same_spans_and_tells_how_far_it_is(run: Run) -> None:
    class Counts(Watcher):
        begun = advanced = 0

        def begin(self, part: Part) -> None:
            self.begun += len(part)

        def advance(self, spans: int) -> None:
            self.advanced += spans

    selection = Selection(stages=("train",), epochs=(0, 1))
    lines = written(run, "csv", selection=selection).splitlines()
    for form in ("csv", "jsonl", "parquet"):
        counts = Counts()
        write(run, form, run.path / "out", selection=selection, force=True, watcher=counts)
        assert counts.begun == counts.advanced == len(lines) - 1
