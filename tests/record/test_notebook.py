"""A real notebook in a real kernel: train in one cell, look at the run as a table and as a plot in the next."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from tracer import open_run

ROOT = Path(__file__).parents[2]

SET_UP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.record.models import Mixed, Plain, trainer
from tracer import HookTracer, open_run
"""

TRAIN = """
hook_tracer = HookTracer()
trainer(Path("."), [hook_tracer]).fit(Plain())
"""

ASK = """
run = open_run(hook_tracer.path)
table = run.to_pandas()
print(run.path.parent.name, run.state, (table["hook"] == "training_step").sum())
"""

PLOT = """
import plotly.express as px
px.line(run.metrics().to_pandas(), x="step", y="loss")
"""


def test_train_in_one_cell_then_a_table_and_a_plot(tmp_path: Path) -> None:
    cells = [SET_UP, TRAIN, ASK, PLOT, TRAIN, ASK, "trainer(Path('.')).fit(Mixed())"]
    notebook = new_notebook(cells=[new_code_cell(text) for text in cells])  # type: ignore[no-untyped-call]

    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()

    first, again = _said(notebook, 2), _said(notebook, 5)
    assert (first, again) == ("version_0 finished 3\n", "version_1 finished 3\n")
    (shown,) = notebook.cells[3].outputs
    assert list(shown.data["application/vnd.plotly.v1+json"]["data"][0]["x"]["bdata"])
    runs = sorted((tmp_path / "lightning_logs").glob("*/hooktrace"))
    assert [open_run(path).state for path in runs] == ["finished"] * 3


def _said(notebook: nbformat.NotebookNode, cell: int) -> str:
    return "".join(output.text for output in notebook.cells[cell].outputs if output.get("name") == "stdout")
