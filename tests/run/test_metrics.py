"""metrics.csv while Lightning writes, rewrites and removes it."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from lightning.fabric.loggers.csv_logs import _ExperimentWriter

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


def test_what_is_not_finite_is_counted_and_told_from_what_is_empty() -> None:
    metrics = parse_metrics("loss,step\nnan,0\ninf,1\n,2\n-inf,3\n-nan,4\n0.5,5\n")
    assert metrics.not_finite("loss") == 4
    assert Metrics({"loss": metrics.columns["loss"][[0, 2]]}).not_finite("loss") == 1
    assert metrics.not_finite("step") == metrics.not_finite("nothing") == 0


def test_a_name_with_a_line_feed_and_quotes_is_one_column() -> None:
    metrics = parse_metrics('"a\nb","say ""x""",step\r\n1,2,0\r\n3,4,1\r\n"5')
    assert metrics.names == ("a\nb", 'say "x"')
    assert metrics.columns["a\nb"].tolist() == [1, 3]


def test_another_shorter_file_replaces_what_was_known(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    reader = MetricsReader(path)
    write_metrics(path, metrics_rows(3, 4, 0))
    assert len(reader.poll()) == 18
    write_metrics(path, [{"step": 0, "val_loss": 7.0}])
    assert reader.poll().columns["val_loss"].tolist() == [7.0]


def test_only_what_was_appended_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("loss,step\n" + "0.5,1\n" * 20_000, encoding="utf-8")
    reader = MetricsReader(path)
    before = reader.poll()
    with path.open("r+", encoding="utf-8") as file:
        file.seek(10)
        file.write("9.9,9")  # nobody does that: it shows that these bytes are not read again
    with path.open("a", encoding="utf-8") as file:
        file.write("0.25,2\n")
    after = reader.poll()
    assert len(after) == len(before) + 1
    assert after.columns["loss"][[0, -1]].tolist() == [0.5, 0.25]
    assert len(before) == 20_000


_ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["val_loss", "acc", "loss", "step", 'odd "name"', "two\nlines"]),
        st.floats(width=16) | st.integers(0, 99),
        min_size=1,
    ),
    min_size=1,
    max_size=4,
)


class _Writer:
    """Lightning's writer, to be stopped at any byte: what the file holds before and after each save."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.text = b""

    def save(self, rows: Sequence[dict[str, Any]]) -> tuple[bytes, bytes]:
        """Takes rows; returns what stays of the file as it is, and what is written behind that."""
        new = set().union(*rows) - set(self.names)
        self.names = sorted([*self.names, *new])
        before = self.text
        self.rows += rows
        if new:
            self.text = self._lines(self.rows, header=True)
            return b"", self.text
        self.text += self._lines(rows, header=False)
        return before, self.text[len(before) :]

    def _lines(self, rows: Sequence[dict[str, Any]], header: bool) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, self.names)
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()


@given(st.lists(_ROWS, max_size=5), st.data())
def test_polled_at_any_byte_it_never_says_what_is_wrong(saves: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    writer = _Writer()
    shown: list[Metrics] = []
    with TemporaryDirectory() as directory:
        path = Path(directory) / "metrics.csv"
        reader = MetricsReader(path)
        for rows in saves:
            stays, comes = writer.save(rows)
            for cut in sorted(data.draw(st.lists(st.integers(0, len(comes)), max_size=4))):
                path.write_bytes(stays + comes[:cut])
                shown.append(reader.poll())
            path.write_bytes(writer.text)
            shown.append(reader.poll())
            assert len(shown[-1]) == len(writer.rows)
    whole = parse_metrics(writer.text.decode())
    for metrics in shown:
        for name, values in metrics.columns.items():
            assert np.array_equal(values, whole.columns[name][: len(values)], equal_nan=True)
    assert [len(metrics) for metrics in shown] == sorted(len(metrics) for metrics in shown)
    if shown:
        assert tuple(shown[-1].columns) == tuple(whole.columns)


def test_lightnings_own_writer_is_followed_and_writes_as_the_law_supposes(tmp_path: Path) -> None:
    real, supposed = _ExperimentWriter(str(tmp_path)), _Writer()
    reader = MetricsReader(tmp_path / "metrics.csv")
    for names in (("loss",), ("loss",), ("loss", "val_loss"), ('odd "name"', "two\nlines"), ("loss",)):
        rows = [dict.fromkeys(names, step / 3) | {"step": step} for step in range(3)]
        for row in rows:
            real.log_metrics(dict(row), int(row["step"]))
        real.save()
        supposed.save(rows)
        assert (tmp_path / "metrics.csv").read_bytes() == supposed.text
        metrics, whole = reader.poll(), parse_metrics(supposed.text.decode())
        assert tuple(metrics.columns) == tuple(whole.columns)
        assert all(
            np.array_equal(values, whole.columns[name], equal_nan=True) for name, values in metrics.columns.items()
        )
