"""Generated runs are what the recorder could have written: figures taken from them mean something."""

from pathlib import Path

import pytest

from benchmarks.generate import generate_run
from tests.run.test_build import check_tree
from tracer.analyze.loops import loop_tree
from tracer.run import open_run


@pytest.mark.parametrize(("spans", "batches", "epochs"), [(10_000, 1719, 1), (30_000, 100, 11)])
def test_a_generated_run_is_a_whole_training(tmp_path: Path, spans: int, batches: int, epochs: int) -> None:
    written = generate_run(tmp_path / "run", spans, batches)
    run = open_run(tmp_path / "run")
    trace = run.trace()
    check_tree(trace)
    assert (len(trace), trace.open_rows, trace.gap, run.state) == (written, (), None, "finished")
    assert abs(written - spans) < 0.15 * spans
    tree = loop_tree(trace)
    loops = {node.label: int(tree.count[node.id]) for node in tree.nodes() if node.kind != "span"}
    assert (loops["fit"], loops["epoch"], loops["validation"]) == (1, epochs, epochs)
    assert not run.metrics().series("val_loss").values.argmax()


def test_the_same_seed_gives_the_same_stream(tmp_path: Path) -> None:
    for name in "ab":
        generate_run(tmp_path / name, 5_000)
    assert (tmp_path / "a" / "events-0.000").read_bytes() == (tmp_path / "b" / "events-0.000").read_bytes()
