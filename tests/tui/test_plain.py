"""The plain modules of the screen: numbers, lines, trees, bars, curves, output; no terminal needed."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.analyze.streams import script_actions, taken_in
from tests.builders import MS, Script, make_run, records
from tracer.analyze.loops import LoopTree
from tracer.run.build import TraceBuilder
from tracer.run.events import Action, ActionTail, EventTail
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER
from tracer.run.reader import open_run
from tracer.run.trace import Trace
from tui.groups import is_group
from tui.names import Goal, goal, metric_base, metric_kind
from tui.output import MAX_LINES, OutputTail, clean_line
from tui.text import (
    bar_cells,
    clock_text,
    count_text,
    duration_text,
    fit,
    left_text,
    percent_text,
    rate_text,
    spark_text,
    tight_duration_text,
)
from tui.view import here_index, hook_cells, loop_header, loop_line, loop_view, visible_nodes


def line_width(line: tuple[tuple[str, str], ...]) -> int:
    return sum(cell_len(text) for text, _ in line)


@given(st.text(max_size=60), st.integers(0, 40), st.sampled_from(["left", "right"]))
def test_fitted_text_fills_exactly_its_cells_and_controls_nothing(text: str, width: int, align: str) -> None:
    fitted = fit(text, width, align)
    assert cell_len(fitted) == width
    assert "\x1b" not in fitted and "\n" not in fitted


@given(st.floats(0, 3.6e15))
def test_durations_fit_their_columns(time_ns: float) -> None:
    assert len(duration_text(time_ns)) <= 7
    assert len(tight_duration_text(time_ns)) <= 5


@pytest.mark.parametrize(
    ("time_ns", "text", "tight"),
    [
        (0, "0 ns", "0ns"),
        (850, "850 ns", "850ns"),
        (12_340, "12.3 µs", "12µs"),
        (1_240_000, "1.24 ms", "1.2ms"),
        (999_999, "1.00 ms", "1.0ms"),
        (3.5e9, "3.50 s", "3.5s"),
        (125e9, "2:05 m", "2:05m"),
        (3_725e9, "1:02 h", "1.0h"),
        (864_000e9, "10 d", "10d"),
        (-1, "-", "-"),
    ],
)
def test_durations_are_written_as_people_do(time_ns: float, text: str, tight: str) -> None:
    assert duration_text(time_ns) == text
    assert tight_duration_text(time_ns) == tight


def test_numbers_are_short() -> None:
    assert [count_text(n) for n in (0, 1719, 999_999, 12_340_000, 2_000_000_000)] == [
        "0",
        "1,719",
        "999,999",
        "12.3 M",
        "2.00 G",
    ]
    assert [percent_text(share) for share in (0, 0.0001, 0.123, 1.0)] == ["0.0%", "<0.1%", "12.3%", "100%"]
    assert [rate_text(rate) for rate in (None, 0, 30.1, 0.5)] == ["", "", "30.1 it/s", "2.00 s/it"]
    assert [rate_text(rate) for rate in (9999, 12345, 1e9)] == ["9999 it/s", "12.3k it/s", "1000M it/s"]
    assert all(len(rate_text(10.0**power)) <= 10 for power in range(-30, 30))
    assert [left_text(left) for left in (None, 30, 3723.4)] == ["--:--", "0:30", "1:02:03"]
    assert (clock_text(83.45e9), clock_text(83.45e9, tenths=True)) == ("00:01:23", "00:01:23.4")


@given(st.floats(-1, 2), st.integers(0, 80))
def test_a_bar_always_has_its_width(share: float, width: int) -> None:
    filled, rest = bar_cells(share, width)
    assert len(filled) + len(rest) == width


@given(st.lists(st.floats(0, 1e12) | st.just(math.nan), max_size=12), st.integers(1, 10))
def test_a_trend_has_a_block_for_each_value_it_has_room_for(values: list[float], width: int) -> None:
    trend = spark_text(values, width)
    assert len(trend) == width
    assert len(trend.strip()) == sum(not math.isnan(value) for value in values[-width:])


def test_a_rising_trend_rises() -> None:
    assert spark_text([1, 2, 3], 4) == " ▁▅█"
    assert spark_text([100.0, 100.5, 101.0], 3) == "▄▄▄"  # noise is no trend


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return open_run(make_run(tmp_path_factory.mktemp("plain") / "run", test_batches=2)).trace()


def builder_at(run_dir: Path, events: int) -> tuple[Trace, LoopTree]:
    builder, tree = TraceBuilder(0, open_run(run_dir).info.started_at), LoopTree()
    delta = builder.feed(EventTail(run_dir).read()[:events], ActionTail(run_dir).read())
    tree.advance(builder.trace(), delta)
    return builder.trace(), tree


def test_the_loop_says_where_the_training_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", until=250, state="running")
    trace, tree = builder_at(run, 250)
    view = loop_view(tree, trace, trace.now_ns + 5 * MS, ended=False)
    here = here_index(view.nodes, view.open)
    assert here is not None
    innermost = view.nodes[here]
    open_labels = {node.label for node in view.nodes if node.id in view.open}
    assert {"fit", "epoch", "run_training_epoch", "batch"} <= open_labels
    assert innermost.depth == max(node.depth for node in view.nodes if node.id in view.open)
    assert loop_line(view, innermost, 60, None)[0][0].startswith("▶")
    closed = next(node for node in view.nodes if node.id not in view.open)
    assert loop_line(view, closed, 60, None)[0][0].startswith(" ")


def test_callbacks_asked_for_one_hook_are_one_group(tmp_path: Path) -> None:
    whole, tree = builder_at(make_run(tmp_path / "run", callbacks=("A", "B", "C")), 10**9)
    view = loop_view(tree, whole, whole.now_ns, ended=True)
    groups = {node.id: node for node in view.nodes if is_group(node.id)}
    inside = {group: [node for node in view.nodes if node.parent == group] for group in groups}
    assert {group.label for group in groups.values()} >= {"setup", "on_train_batch_start", "on_after_backward"}
    for group, members in inside.items():
        assert [node.label.partition(".")[0] for node in members] == ["A", "B", "C"]
        assert view.members[group] == 3
        assert view.total_ns[group] == sum(view.total_ns[node.id] for node in members)
        assert {view.count[node.id] for node in members} == {view.count[group]}
        assert "".join(text for text, _ in loop_line(view, groups[group], 80, True)).count("×3") == 1
    ungrouped = [node.id for node in view.nodes if not is_group(node.id)]
    assert ungrouped == [node.id for node in tree.nodes()]


def test_a_callback_by_itself_is_no_group(tmp_path: Path) -> None:
    whole, tree = builder_at(make_run(tmp_path / "run", callbacks=("A",)), 10**9)
    assert loop_view(tree, whole, whole.now_ns, ended=True).nodes == tree.nodes()


def test_time_in_open_loops_counts_up_to_now(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", until=400, state="running")
    trace, tree = builder_at(run, 400)
    early = loop_view(tree, trace, trace.now_ns, ended=False)
    late = loop_view(tree, trace, trace.now_ns + 1000 * MS, ended=False)
    epoch = next(node for node in early.nodes if node.label == "run_training_epoch")
    assert late.total_ns[epoch.id] - early.total_ns[epoch.id] == 1000 * MS
    assert all(0 <= late.share(node.id) <= 1 for node in late.nodes)
    for node in late.nodes:
        if node.kind != "span":
            parts = sum(late.total_ns[child.id] for child in late.nodes if child.parent == node.id)
            assert late.total_ns[node.id] >= parts


def test_a_run_that_ended_is_nowhere(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    trace, tree = builder_at(run, 10**9)
    assert loop_view(tree, trace, trace.now_ns, ended=True).open == frozenset()


@pytest.mark.parametrize("width", [24, 38, 56, 78, 120])
def test_every_row_of_the_loop_fills_its_width(trace: Trace, tmp_path: Path, width: int) -> None:
    run = make_run(tmp_path / "run")
    whole, tree = builder_at(run, 10**9)
    view = loop_view(tree, whole, whole.now_ns, ended=True)
    for node in view.nodes:
        line = loop_line(view, node, width, None)
        assert line_width(line) == width or width < 40


def test_folding_hides_what_is_inside_and_nothing_else(tmp_path: Path) -> None:
    whole, tree = builder_at(make_run(tmp_path / "run"), 10**9)
    nodes = loop_view(tree, whole, whole.now_ns, ended=True).nodes
    epoch = next(node for node in nodes if node.label == "epoch")
    shown = visible_nodes(nodes, {epoch.id})
    inside = {epoch.id}
    for node in nodes:
        if node.parent in inside:
            inside.add(node.id)
    assert {node.id for node in nodes} - {node.id for node in shown} == inside - {epoch.id}
    assert visible_nodes(nodes, ()) == nodes


@given(st.integers(0, 60))
def test_a_hooks_name_fills_its_width_and_keeps_its_letter(width: int) -> None:
    action = Action(0, "callback", "[bold]Evil\x1b[2J", 1, "on_train_start")
    cells = hook_cells(action, width)
    assert line_width(cells) == max(2, width)
    assert cells[0] == ("C ", "callback")


@pytest.mark.parametrize(
    ("name", "kind", "base"),
    [
        ("train_loss_step", "train step", "loss"),
        ("train_loss", "train step", "loss"),
        ("train_loss_epoch", "train epoch", "loss"),
        ("val_loss", "validation", "loss"),
        ("val/acc", "validation", "acc"),
        ("valid_loss/dataloader_idx_1", "validation", "loss"),
        ("test_acc", "test", "acc"),
        ("lr-Adam", "train step", "lr_adam"),
        ("step", "train step", "step"),
        ("train", "train step", "train"),
    ],
)
def test_names_of_metrics_say_what_they_are(name: str, kind: str, base: str) -> None:
    assert (metric_kind(name), metric_base(name)) == (kind, base)


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("train_loss_step", "min"),
        ("val/loss", "min"),
        ("valLoss", "min"),
        ("mae", "min"),
        ("acc_loss", "min"),
        ("val_acc", "max"),
        ("BinaryAccuracy", "max"),
        ("test_f1", "max"),
        ("top5", "max"),
        ("lr-Adam", None),
        ("step", None),
        ("accent", None),
    ],
)
def test_names_say_which_value_is_best(name: str, best: Goal | None) -> None:
    assert goal(name) == best


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain", "plain"),
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"Epoch 0: 10%\rEpoch 0: 20%", "Epoch 0: 20%"),
        (b"Epoch 0: 100%\r", "Epoch 0: 100%"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"[bold]markup[/bold]", "[bold]markup[/bold]"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
        (b"a\x00b\x07", "a·b·"),
        (b"\r\n", ""),
    ],
)
def test_output_is_shown_without_its_power(raw: bytes, shown: str) -> None:
    assert clean_line(raw) == shown


@given(st.binary(max_size=200))
def test_no_output_controls_the_terminal(raw: bytes) -> None:
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in clean_line(raw))


def test_the_output_is_followed_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    tail = OutputTail(path)
    assert tail.read() == ()
    path.write_bytes(b"one\ntw")
    assert tail.read() == ("one", "tw")
    same = tail.read()
    assert same is tail.read()
    with path.open("ab") as file:
        file.write(b"o\n\n\n\nthree\n")
    assert tail.read() == ("one", "two", "", "three")
    with path.open("ab") as file:
        file.write(b"".join(b"line %d\n" % number for number in range(50_000)))
    shown = tail.read()
    assert len(shown) == MAX_LINES
    assert shown[-1] == "line 49999"
    path.write_bytes(b"anew\n")
    assert tail.read()[-1] == "anew"
    with path.open("ab") as file:
        file.write(b"x" * 1_000_000)
    assert len(tail.read()[-1]) <= 400


def test_what_is_overridden_is_marked_and_what_is_not_is_quiet() -> None:
    own, default, unknown = (Action(0, "module", "Model", 0, "on_fit_start", known) for known in (True, False, None))
    assert "".join(text for text, _ in hook_cells(own, 24)) == "M on_fit_start* Model   "
    assert "".join(text for text, _ in hook_cells(default, 24)) == "M on_fit_start Model    "
    assert hook_cells(default, 24)[1][1] != hook_cells(unknown, 24)[1][1] == hook_cells(own, 24)[1][1]
    assert "".join(text for text, _ in hook_cells(own, 10)).rstrip().endswith("*"), "the name is cut, not the mark"
    assert hook_cells(default, 24, "open")[1][1] == "open"


def test_a_group_says_how_many_of_its_callbacks_override_the_hook(tmp_path: Path) -> None:
    whole, tree = builder_at(make_run(tmp_path / "run", callbacks=("A", "B", "C")), 10**9)
    view = loop_view(tree, whole, whole.now_ns, ended=True)
    group = next(node for node in view.nodes if is_group(node.id))
    assert "×3, 3*" in "".join(text for text, _ in loop_line(view, group, 76, True))
    header = "".join(text for text, _ in loop_header(76))
    assert header.startswith("* overridden") and header.split()[-4:] == ["calls", "mean", "total", "share"]


def test_a_pause_is_no_place_in_the_loop_and_none_of_its_time() -> None:
    trees = []
    for pause_ns in (0, 60_000 * MS):
        play = Script(callbacks=("A",))
        play.mark(call=0, stage=1, epoch=0, batch=0)
        play.span("loop", "", "run_training_batch", _batch(play, pause_ns))
        trace, tree = taken_in(records(play.events), script_actions(play))
        trees.append(loop_view(tree, trace, trace.now_ns, ended=True))
    straight, paused = trees
    assert [node.label for node in straight.nodes] == [node.label for node in paused.nodes]
    assert straight.whole_ns == paused.whole_ns
    assert [straight.total_ns[node.id] for node in straight.nodes] == [
        paused.total_ns[node.id] for node in paused.nodes
    ]


def _batch(play: Script, pause_ns: int) -> Iterator[None]:
    play.hook("on_train_batch_start")
    if pause_ns:
        before, play.hook_ns = play.hook_ns, pause_ns
        play.span("loop", PAUSE_OWNER, PAUSE_HOOK)
        play.hook_ns = before
    yield
