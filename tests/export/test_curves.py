"""Loss curves as a page: every value of every metric is in it, and nothing from outside is needed or obeyed."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import make_run
from tracer.export.curves import curves_page
from tracer.run import open_run
from tracer.run.metrics import Metrics, parse_metrics


def figure_of(page: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The traces and the layout that the page hands to plotly."""
    start = page.index("Plotly.newPlot(")
    decoder = json.JSONDecoder()
    data_at = page.index("[", start)
    data, data_end = decoder.raw_decode(page, data_at)
    layout, _ = decoder.raw_decode(page, page.index("{", data_end))
    return data, layout


def test_a_curve_has_the_values_that_were_logged(tmp_path: Path) -> None:
    metrics = open_run(make_run(tmp_path / "run", test_batches=2)).metrics()

    data, layout = figure_of(curves_page(metrics, ("train_loss_epoch", "test_loss"), "my run"))

    assert [trace["name"] for trace in data] == ["train_loss_epoch", "test_loss"]
    assert [trace["mode"] for trace in data] == ["lines+markers"] * 2
    assert layout["title"]["text"] == "my run"
    assert layout["xaxis"]["title"]["text"] == "global step"


def test_steps_and_values_are_those_of_the_file() -> None:
    metrics = parse_metrics("a_loss,epoch,step\n1.5,0,9\n,0,19\nnan,1,29\n0.5,1,39\n")

    (trace,), _ = figure_of(curves_page(metrics, ("a_loss",), "x"))

    assert (values(trace["x"]), values(trace["y"])) == ([9, 39], [1.5, 0.5])


def values(column: Any) -> list[float]:
    """The numbers of a column, which plotly writes as a list or as base64 of an array."""
    if isinstance(column, dict):
        import base64

        return [float(x) for x in np.frombuffer(base64.b64decode(column["bdata"]), np.dtype(column["dtype"]))]
    return [float(x) for x in column]


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    page = curves_page(open_run(make_run(tmp_path / "run")).metrics(), ("val_loss",), "x")

    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert len(page) > 1_000_000  # plotly itself is in it


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<b>x</b>", "<img src=x onerror=y>"])
def test_names_are_shown_and_not_obeyed(name: str) -> None:
    metrics = Metrics({"step": np.array([0.0]), name: np.array([1.0])})

    page = curves_page(metrics, (name,), name)

    assert name not in page
    (trace,), layout = figure_of(page)
    assert "<" not in trace["name"]
    assert "<" not in layout["title"]["text"]
