"""TensorBoard's own reader finds every tag, with the values and steps of the trace."""

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.builders import make_run
from tests.export.recorded import HOSTILE, add_rank
from tracer.export import Selection, write
from tracer.run import Run, open_run
from tracer.run.text import plain_text


def read(folder: Path) -> EventAccumulator:
    everything = {"scalars": 0, "histograms": 0, "tensors": 0}
    accumulator = EventAccumulator(str(folder), size_guidance=everything)
    accumulator.Reload()
    return accumulator


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished fit."""
    return open_run(make_run(tmp_path_factory.mktemp("tensorboard") / "run", epochs=3))


def test_every_hook_has_its_mean_time_by_step(run: Run, tmp_path: Path) -> None:
    found = read(write(run, "tensorboard", tmp_path / "hooks") / "rank-0")
    trace, frame = run.trace(), run.to_pandas()

    frame["label"] = [trace.actions[number].label for number in trace.action]
    frame = frame[frame["global_step"].notna() & frame["duration_ns"].notna()]
    tags = found.Tags()["scalars"]
    assert {tag.partition("/")[2] for tag in tags} == set(frame["label"])
    assert {tag.partition("/")[0] for tag in tags} == {"hook_ms", "loader_wait_ms"}
    assert "loader_wait_ms/_TrainingEpochLoop.train_dataloader_next" in tags
    for tag in tags:
        calls = frame[frame["label"] == tag.partition("/")[2]]
        means = calls.groupby("global_step")["duration_ns"].mean() / 1e6
        scalars = found.Scalars(tag)
        assert [scalar.step for scalar in scalars] == means.index.tolist()
        assert np.allclose([scalar.value for scalar in scalars], means.to_numpy(dtype=float), rtol=1e-6)


def test_a_long_run_is_thinned_out_to_means(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer.export.tensorboard.POINTS", 4)

    found = read(write(run, "tensorboard", tmp_path / "hooks") / "rank-0")

    scalars = found.Scalars("hook_ms/run_training_batch")
    assert [scalar.step for scalar in scalars] == [3, 7, 11]


def test_distributions_count_every_call(run: Run, tmp_path: Path) -> None:
    found = read(write(run, "tensorboard", tmp_path / "hooks") / "rank-0")
    trace = run.trace()
    number = next(action.id for action in trace.actions if action.hook == "run_training_batch")

    histograms = found.Histograms("durations_ms/run_training_batch")

    counts = [entry.histogram_value.num for entry in histograms]
    assert counts == [4, 4, 4]
    assert sum(sum(entry.histogram_value.bucket) for entry in histograms) == (trace.action == number).sum()
    durations = trace.duration_ns[trace.action == number] / 1e6
    assert histograms[0].histogram_value.max == durations[:4].max()


def test_the_loop_and_the_settings_are_texts(run: Run, tmp_path: Path) -> None:
    found = read(write(run, "tensorboard", tmp_path / "hooks") / "rank-0")

    texts = {
        tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in ("hooktrace/loop", "hooktrace/config")
    }
    assert "for batch in range(4)" in texts["hooktrace/loop"]
    assert "accumulate_grad_batches: 1" in texts["hooktrace/config"]


def test_ranks_and_parts(tmp_path: Path) -> None:
    run = add_rank(open_run(make_run(tmp_path / "run")))

    folder = write(run, "tensorboard", selection=Selection(epochs=(1, 2)))

    assert folder == run.path / "hooks"
    assert sorted(entry.name for entry in folder.iterdir()) == ["rank-0", "rank-1"]
    scalars = read(folder / "rank-1").Scalars("hook_ms/run_training_batch")
    assert [scalar.step for scalar in scalars] == [4, 5, 6, 7]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_tags(name: str, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", callbacks=(name,)))

    tags = read(write(run, "tensorboard") / "rank-0").Tags()["scalars"]

    owner = run.trace().actions[0].owner
    assert f"hook_ms/{plain_text(f'{owner}.on_train_start')}" in tags
