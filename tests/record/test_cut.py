"""A recording that ends anywhere folds, and the line in which it ends says so."""

from pathlib import Path

import numpy as np
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from tests.analyze.folding import assert_folds
from tests.analyze.streams import taken_in
from tests.record.models import Mixed, trainer
from tracer import HookTracer, open_run
from tracer.analyze.fold_cut import UNFINISHED
from tracer.analyze.fold_lines import explain_lines
from tracer.run.events import ActionTail, EventTail

CUTS = 40
SCHEDULER = {"if last batch:", "if batch == 2:"}
"""When the learning rate scheduler steps; in the second way if the recording ends right there."""


def test_a_recording_that_ends_anywhere_folds(tmp_path: Path) -> None:
    callbacks = [EarlyStopping("loss"), ModelCheckpoint(tmp_path / "checkpoints", save_top_k=-1)]
    run = trainer(tmp_path, [*callbacks, HookTracer(tmp_path / "run")], max_epochs=3)
    model = Mixed()
    run.fit(model)
    run.test(model, verbose=False)
    whole = explain_lines(open_run(tmp_path / "run").trace(), {})
    assert [line.text for line in whole if line.kind == "condition"] == ["if last batch:"]
    events, actions = EventTail(tmp_path / "run").read(), tuple(ActionTail(tmp_path / "run").read())
    for until in np.linspace(0, len(events), CUTS, dtype=np.int64).tolist():
        trace, _ = taken_in(events[:until], actions)
        assert_folds(trace)
        for depth in (None, 100):
            lines = explain_lines(trace, {}, depth)
            assert {line.text for line in lines if line.kind == "condition"} <= SCHEDULER, f"after {until} records"
            ends = [line for line in lines if UNFINISHED in (line.comment or "")]
            assert ends or not trace.open_rows, f"after {until} records"
