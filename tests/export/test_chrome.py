"""Chrome's trace events, checked by a reader of the tests' own: the rules of the format, every call, every mark."""

import json
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analyze.streams import ACTIONS, streams
from tests.builders import MS, enter, leave, make_run, mark, records
from tests.export.recorded import add_rank, hostile_names, record, written
from tracer.export import Selection
from tracer.run import Run, open_run
from tracer.run.events import Int64Array
from tracer.run.layout import OWNER_KINDS, Mark

Event = dict[str, Any]
REQUIRED = {
    "M": {"name", "pid", "tid", "args"},
    "X": {"name", "cat", "pid", "tid", "ts", "dur", "args"},
    "B": {"name", "cat", "pid", "tid", "ts", "args"},
    "i": {"name", "pid", "tid", "ts", "s", "args"},
    "C": {"name", "pid", "tid", "ts", "args"},
}
"""The phases that we use, with the fields that the format asks of each."""


def events_of(data: bytes) -> list[Event]:
    """The events of a file that is valid JSON by the strict rules, with exact numbers."""
    content = json.loads(data.decode("ascii"), parse_float=Decimal, parse_constant=pytest.fail)
    assert set(content) == {"displayTimeUnit", "otherData", "traceEvents"}
    return list(content["traceEvents"])


def calls_of(events: list[Event]) -> list[Event]:
    return [event for event in events if event["ph"] in "XB"]


def nanoseconds(microseconds: Any) -> int:
    exact = Decimal(microseconds) * 1000
    assert exact == int(exact)
    return int(exact)


def check_rules(events: list[Event]) -> None:
    """Fields, names of processes and tracks, and on each track calls that lie in or beside one another."""
    named: dict[str, set[tuple[int, int]]] = defaultdict(set)
    open_until: dict[tuple[int, int], list[float]] = defaultdict(list)
    for event in events:
        place = (event["pid"], event["tid"])
        assert REQUIRED[event["ph"]] == set(event) - {"ph"}
        if event["ph"] == "M":
            named[event["name"]].add(place)
            continue
        assert event["ts"] >= 0
        if event["ph"] in "XBi":
            assert place in named["thread_name"]
            assert (place[0], 0) in named["process_name"]
        if event["ph"] in "XB":
            begin = nanoseconds(event["ts"])
            end = begin + nanoseconds(event["dur"]) if event["ph"] == "X" else float("inf")
            around = open_until[place]
            while around and around[-1] <= begin and not (around[-1] == begin == end):
                around.pop()
            assert not around or end <= around[-1]
            around.append(end)


@settings(max_examples=30)
@given(streams(), st.lists(hostile_names, min_size=len(ACTIONS), max_size=len(ACTIONS)))
def test_any_spans_of_any_owners_come_back(events: Int64Array, names: list[str]) -> None:
    actions = tuple(replace(action, owner=f"o{name}") for action, name in zip(ACTIONS, names, strict=True))
    with TemporaryDirectory() as directory:
        run = record(Path(directory), events, actions)
        trace, found = run.trace(), events_of(written(run, "chrome"))

    check_rules(found)
    calls = calls_of(found)
    assert [nanoseconds(call["ts"]) for call in calls] == trace.start_ns.tolist()
    assert [nanoseconds(call["dur"]) if "dur" in call else -1 for call in calls] == trace.duration_ns.tolist()
    rows = trace.to_arrow().to_pylist()
    for call, row in zip(calls, rows, strict=True):
        assert OWNER_KINDS[call["tid"] - 1] == call["cat"] == row["owner_kind"]
        assert call["args"] == {name: row[name] for name in call["args"]}
        assert set(call["args"]) == {
            *("owner", "instance", "hook", "seq", "parent", "stage", "epoch", "batch", "global_step", "dataloader"),
            "status",
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished fit with metrics."""
    return open_run(make_run(tmp_path_factory.mktemp("chrome") / "run"))


def test_a_whole_run_follows_the_rules(run: Run) -> None:
    found = events_of(written(run, "chrome"))

    check_rules(found)
    assert len(calls_of(found)) == len(run.trace())
    names = [event["args"]["name"] for event in found if event["name"] == "thread_name"]
    assert names == [*OWNER_KINDS, "marks"]


def test_ranks_are_processes_on_one_axis_of_time(tmp_path: Path) -> None:
    run = add_rank(open_run(make_run(tmp_path / "run")))

    found = events_of(written(run, "chrome"))

    check_rules(found)
    assert [event["args"]["name"] for event in found if event["name"] == "process_name"] == ["rank 0", "rank 1"]
    assert [call["pid"] for call in calls_of(found)] == [0] * len(run.trace()) + [1] * len(run.trace())


def test_metrics_are_counters_at_the_end_of_their_step(run: Run) -> None:
    counters = [event for event in events_of(written(run, "chrome")) if event["ph"] == "C"]
    trace, metrics = run.trace(), run.metrics()

    assert {event["name"] for event in counters} == set(metrics.names)
    losses = [event for event in counters if event["name"] == "train_loss_step"]
    assert [float(event["args"]["value"]) for event in losses] == metrics.series("train_loss_step").values.tolist()
    for step, event in enumerate(losses):
        ended = np.flatnonzero((trace.column("global_step") == step) & (trace.column("batch") >= 0))[-1]
        assert nanoseconds(event["ts"]) >= trace.start_ns[ended]


def test_what_json_has_no_number_for_is_left_out(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run"))
    (run.path / "metrics" / "metrics.csv").write_text("epoch,step,loss\n0,0,nan\n0,1,inf\n0,2,1.5\n", encoding="utf-8")

    counters = [event for event in events_of(written(run, "chrome")) if event["ph"] == "C"]

    assert [(event["name"], float(event["args"]["value"])) for event in counters] == [("loss", 1.5)]


def test_an_exception_is_marked_where_it_arose(tmp_path: Path) -> None:
    outer, inner, error = 1, 2, mark(Mark.ERROR, None)
    stream = [enter(outer, 0), enter(inner, MS), leave(inner, 2 * MS), error, leave(outer, 3 * MS), error]
    run = record(tmp_path / "run", records(stream))

    marks = [event for event in events_of(written(run, "chrome")) if event["ph"] == "i"]

    assert [(mark["name"], mark["args"]["in"], nanoseconds(mark["ts"])) for mark in marks] == [
        ("exception", ACTIONS[inner].label, 2 * MS)
    ]


def test_a_checkpoint_is_marked_once_for_all_that_save_it(tmp_path: Path) -> None:
    actions = (
        *ACTIONS[:2],
        replace(ACTIONS[2], hook="save_checkpoint"),
        replace(ACTIONS[3], hook="on_save_checkpoint"),
    )
    stream = [enter(2, 5), enter(3, 6), leave(3, 7), leave(2, 8), enter(0, 9), leave(0, 10)]
    run = record(tmp_path / "run", records(stream), actions)

    marks = [event for event in events_of(written(run, "chrome")) if event["ph"] == "i"]

    assert [(mark["name"], nanoseconds(mark["ts"])) for mark in marks] == [("checkpoint", 5)]


def test_a_part_of_the_run_still_nests(run: Run) -> None:
    selection = Selection(stages=("train",), epochs=(1, None), min_duration_ns=2 * MS)

    found = events_of(written(run, "chrome", selection=selection))
    rows = selection.rows(run.trace())

    check_rules(found)
    assert rows is not None
    assert [call["args"]["seq"] for call in calls_of(found)] == rows.tolist()
