"""metrics.csv while Lightning writes, rewrites and removes it."""

import math
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import metrics_rows, write_metrics
from tracer.run.metrics import Metrics, MetricsReader, parse_metrics


def test_series_by_name(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write_metrics(path, metrics_rows(epochs=2, batches=3, test_batches=1))
    metrics = MetricsReader(path).poll()
    assert len(metrics) == 2 * 5 + 1
    steps = metrics.series("train_loss_step")
    assert steps.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert steps.rows.tolist() == [0, 1, 2, 5, 6, 7]
    assert metrics.series("val_loss").values.tolist() == [1.5, 0.75]
    assert len(metrics.series("nothing").values) == 0
    assert metrics.to_pandas()["test_acc"].dropna().tolist() == [0.9]


def test_same_object_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    reader = MetricsReader(path)
    assert len(reader.poll()) == 0
    write_metrics(path, metrics_rows(1, 2, 0))
    first = reader.poll()
    assert reader.poll() is first
    write_metrics(path, metrics_rows(1, 3, 0))
    assert len(reader.poll()) == len(first) + 1


def test_state_stands_while_the_file_is_rewritten_or_gone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    reader = MetricsReader(path)
    write_metrics(path, metrics_rows(2, 3, 0))
    before = reader.poll()
    whole = path.read_bytes()
    for part in (b"", whole[:20], whole[:60]):
        path.write_bytes(part)
        assert reader.poll() is before
    path.unlink()
    assert reader.poll() is before
    write_metrics(path, metrics_rows(2, 3, 1))  # a new column in the middle
    assert len(reader.poll()) == len(before) + 1


def test_last_line_without_its_end_is_left_for_later() -> None:
    assert len(parse_metrics("step,loss\r\n0,1.5\r\n1,0.")) == 1


def test_unusual_cells() -> None:
    metrics = parse_metrics("loss,step\r\nnan,0\r\ninf,1\r\n-inf,2\r\nwords,3\r\n,4\r\n1e3\r\n")
    loss = metrics.columns["loss"]
    assert math.isinf(loss[1])
    assert np.isnan(loss[[0, 3, 4]]).all()
    assert metrics.series("loss").steps.tolist()[:2] == [1.0, 2.0]
    assert loss[5] == 1000.0


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(parse_metrics(text + "\n"), Metrics)
