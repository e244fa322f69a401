"""The tree of loops: its shape, its counts, and the laws that hold for any stream in any portions."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analyze.streams import script_actions, streams, taken_in
from tests.builders import Script, records, script
from tracer.analyze.loops import Loops, LoopTree, loop_tree
from tracer.run.events import Int64Array
from tracer.run.layout import FUNCTIONS, STAGES
from tracer.run.trace import Trace

FIT, TRAIN = FUNCTIONS.index("fit"), STAGES.index("train")
CUTS = st.lists(st.integers(0, 150), max_size=8)


def grown(play: Script, cuts: Sequence[int] = ()) -> tuple[Trace, LoopTree]:
    return taken_in(records(play.events), script_actions(play), cuts)


def outline(tree: LoopTree, spans: bool = True) -> list[tuple[int, str, int]]:
    return [(node.depth, node.label, int(tree.count[node.id])) for node in tree.nodes() if spans or node.kind != "span"]


def everything(tree: Loops) -> list[tuple[object, ...]]:
    return [
        (node, int(tree.count[node.id]), int(tree.total_ns[node.id]), int(tree.self_ns[node.id]))
        for node in tree.nodes()
    ]


def test_loops_of_a_fit_and_a_test_are_collapsed_and_counted() -> None:
    _, tree = grown(script(epochs=3, batches=5, val_batches=2, sanity=1, test_batches=4))

    assert outline(tree, spans=False) == [
        (0, "fit", 1),
        (1, "sanity check", 1),
        (2, "batch", 1),
        (1, "epoch", 3),
        (3, "batch", 15),
        (3, "validation", 3),
        (4, "batch", 6),
        (0, "test", 1),
        (1, "batch", 4),
    ]


def test_hooks_hang_where_the_loop_calls_them() -> None:
    _, tree = grown(script(epochs=2, batches=2, val_batches=0, callbacks=("A",), sanity=0))
    paths: dict[int, str] = {-1: ""}
    for node in tree.nodes():
        paths[node.id] = f"{paths[node.parent]}/{node.label}"

    assert "/fit/A.on_fit_start" in paths.values()
    assert "/fit/epoch/run_training_epoch/batch/run_training_batch/TinyModel.optimizer_step" in paths.values()
    assert "/fit/epoch/A.on_train_epoch_end" in paths.values()
    assert "/fit/A.on_train_end" in paths.values()


def batches(hooks_of_batch: Sequence[Sequence[str]]) -> Script:
    """A training epoch whose batches call these hooks."""
    play = Script()
    play.mark(call=FIT, stage=TRAIN, epoch=0)
    for index, hooks in enumerate(hooks_of_batch):
        play.mark(batch=index)
        for hook in hooks:
            play.span("callback", "A", hook)
    return play


def test_a_hook_first_seen_late_stands_in_its_place_and_not_at_the_end() -> None:
    _, tree = grown(batches(["ad", "abd", "acd", "zad"]))

    assert [label for _, label, _ in outline(tree)] == ["fit", "epoch", "batch", "A.z", "A.a", "A.c", "A.b", "A.d"]


def test_a_batch_that_goes_on_after_a_validation_is_the_same_batch() -> None:
    play = batches(["ab"])
    play.mark(stage=STAGES.index("validate"), batch=0)
    play.span("callback", "A", "v")
    play.mark(stage=TRAIN, batch=0)
    play.span("callback", "A", "late")
    play.mark(stage=STAGES.index("validate"), batch=0)
    play.span("callback", "A", "v")

    _, tree = grown(play)

    assert outline(tree, spans=False) == [
        (0, "fit", 1),
        (1, "epoch", 1),
        (2, "batch", 1),
        (2, "validation", 2),
        (3, "batch", 2),
    ]
    assert [label for _, label, _ in outline(tree)][:6] == ["fit", "epoch", "batch", "A.a", "A.b", "A.late"]


def test_turns_of_a_loop_last_from_their_first_span_to_their_last() -> None:
    play = batches(["ab", "a"])
    play.now_ns += 100  # between two spans of the second batch, in no span
    play.span("callback", "A", "b")

    _, tree = grown(play)

    times = {node.label: int(tree.total_ns[node.id]) for node in tree.nodes()}
    assert times["batch"] == 4 * play.hook_ns + 100
    assert times["A.a"] == 2 * play.hook_ns
    assert {int(tree.self_ns[node.id]) for node in tree.nodes() if node.kind != "span"} == {0}


def test_open_nodes_are_the_open_spans_and_the_loops_around_them() -> None:
    play = script(epochs=2, batches=2, val_batches=1, callbacks=("A",))
    step = play.actions["strategy", "SingleDeviceStrategy", "training_step"]
    entered = next(i for i, event in enumerate(play.events) if event >> 52 == step)

    trace, tree = taken_in(records(play.events[: entered + 1]), script_actions(play))

    labels = [node.label for node in tree.nodes() if node.id in tree.open_nodes(trace)]
    assert labels == [
        "fit",
        "epoch",
        "run_training_epoch",
        "batch",
        "run_training_batch",
        "TinyModel.optimizer_step",
        "SingleDeviceStrategy.training_step",
    ]


def test_between_two_hooks_the_loops_are_still_open() -> None:
    trace, tree = grown(batches(["ab", "ab"]))

    assert [node.label for node in tree.nodes() if node.id in tree.open_nodes(trace)] == ["fit", "epoch", "batch"]


def test_an_empty_trace_has_an_empty_tree() -> None:
    trace, tree = grown(Script())

    assert (tree.nodes(), len(tree.count), tree.open_nodes(trace)) == ((), 0, frozenset())


@given(streams(), CUTS)
def test_any_portions_give_the_same_tree(events: Int64Array, cuts: list[int]) -> None:
    trace, whole = taken_in(events)
    _, cut = taken_in(events, cuts=cuts)

    assert everything(cut) == everything(whole)
    assert np.array_equal(cut.path_of(np.arange(len(trace))), whole.path_of(np.arange(len(trace))))
    assert cut.open_nodes(trace) == whole.open_nodes(trace)


@settings(max_examples=15)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2), CUTS)
def test_any_portions_of_a_training_give_the_same_tree(epochs: int, steps: int, validate: int, cuts: list[int]) -> None:
    play = script(epochs=epochs, batches=steps, val_batches=validate)

    assert everything(grown(play, cuts)[1]) == everything(grown(play)[1])
    assert everything(loop_tree(grown(play)[0])) == everything(grown(play)[1])


@given(streams())
def test_the_tree_of_a_finished_trace_is_the_one_that_grew(events: Int64Array) -> None:
    trace, tree = taken_in(events)

    assert everything(loop_tree(trace)) == everything(tree)


@given(streams())
def test_laws_of_the_tree(events: Int64Array) -> None:
    trace, tree = taken_in(events)
    nodes = tree.nodes()
    by_id = {node.id: node for node in nodes}
    rows = tree.path_of(np.arange(len(trace)))

    assert sorted(by_id) == list(range(len(nodes)))
    assert [node.parent for node in nodes if node.depth == 0] == [-1] * sum(node.depth == 0 for node in nodes)
    assert all(by_id[node.parent].depth == node.depth - 1 for node in nodes if node.parent >= 0)
    spans = [node.id for node in nodes if node.kind == "span"]
    assert tree.count[spans].tolist() == np.bincount(rows, minlength=len(nodes))[spans].tolist()
    assert all(by_id[int(node)].action == action for node, action in zip(rows, trace.action, strict=True))
    assert int(tree.self_ns.sum()) == int(trace.self_ns[trace.self_ns >= 0].sum())


@given(streams())
def test_a_span_lies_below_the_node_of_its_parent(events: Int64Array) -> None:
    trace, tree = taken_in(events)
    by_id = {node.id: node for node in tree.nodes()}
    for row, parent in enumerate(trace.parent.tolist()):
        above = by_id.get(by_id[int(tree.path_of(np.array([row]))[0])].parent)
        while above is not None and above.kind != "span":
            above = by_id.get(above.parent)
        expected = None if parent < 0 else int(tree.path_of(np.array([parent]))[0])
        assert (above.id if above else None) == expected
