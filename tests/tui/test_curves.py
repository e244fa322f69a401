"""The losses without a screen: points, smoothing, reduction, parts in sight, ticks, words, choices."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tracer.run.metrics import Metrics, parse_metrics
from tui.choices import choices
from tui.curves import (
    WEIGHTS,
    FloatArray,
    Trail,
    default_names,
    epoch_starts,
    reduce_to_columns,
    smoothed,
    trails,
)
from tui.legend import legend, values_line
from tui.scene import Scene, View, scales_differ, scene, step_beyond, whole_range
from tui.text import Line
from tui.ticks import log_labels, log_ticks, round_ticks, step_labels, step_ticks, value_labels

FILE = parse_metrics(
    "acc,epoch,lr,step,test_loss,train_loss_epoch,train_loss_step,val_acc,val_loss,val_loss_step\n"
    ",0,0.1,0,,,4.0,,,\n"
    ",0,,1,,,nan,,,\n"
    ",0,,1,,,2.0,,,\n"
    ",0,,0,,,,,,7.0\n"
    ",0,,1,,,,0.5,1.5,\n"
    ",0,,1,,3.0,,,,\n"
    ",1,0.01,2,,,1.0,,,\n"
    ",1,,3,,,-inf,,,\n"
    ",1,,3,,,,0.75,inf,\n"
    ",2,,4,0.0,,,,,\n"
)


def words(line: Line) -> str:
    return "".join(text for text, _ in line)


def trail(y: list[float], name: str = "loss", x: list[float] | None = None) -> Trail:
    steps = np.arange(len(y), dtype=float) if x is None else np.array(x, float)
    return replace(trails(parse_metrics(f"{name},step\n1,0\n"), [name])[0], x=steps, y=np.array(y, float))


def test_without_a_choice_the_losses_are_plotted_that_count_the_trainings_steps() -> None:
    names = default_names(FILE.names)
    assert set(names) == {"train_loss_step", "train_loss_epoch", "val_loss", "test_loss"}
    shown = trails(FILE, names)
    assert [(t.label, t.marker, t.y.tolist(), t.hidden) for t in shown] == [
        ("train step", "━", [4, 2, 1], 2),
        ("train epoch", "●", [3], 0),
        ("validation", "◆", [1.5], 1),
        ("test", "■", [0], 0),
    ]
    assert shown[0].best == (2.0, 1.0)
    assert default_names(("val_x_step",)) == ("val_x_step",)
    assert default_names(()) == ()


def test_several_quantities_are_named_in_full_and_look_different() -> None:
    shown = trails(FILE, ["val_loss", "lr", "train_loss_step", "val_acc", "gone"])
    assert [t.label for t in shown] == ["train_loss_step", "val_loss", "val_acc", "lr"] or {t.label for t in shown} == {
        "train_loss_step",
        "val_loss",
        "val_acc",
        "lr",
    }
    assert len({(t.marker, t.colour) for t in shown}) == 4
    assert {t.name: t.best for t in shown}["val_acc"] == (3.0, 0.75)
    assert {t.name: t.best for t in shown}["lr"] is None
    assert scales_differ(shown)
    assert not scales_differ(trails(FILE, default_names(FILE.names)))
    assert not scales_differ([trail([1, 2])])


def test_the_value_at_a_step_is_the_latest_until_then() -> None:
    here = trail([5, 6], x=[10, 20])
    assert [here.at(x) for x in (9, 10, 15, 20, 99)] == [None, 5, 5, 6, 6]


def test_steps_out_of_order_are_sorted() -> None:
    shown = trails(parse_metrics("loss,step\n1,5\n2,3\n3,5\n4,\n"), ["loss"])[0]
    assert (shown.x.tolist(), shown.y.tolist()) == ([3, 5, 5], [2, 1, 3])


def _slowly(values: list[float], weight: float) -> list[float]:
    mean, means = 0.0, []
    for count, value in enumerate(values, 1):
        mean = weight * mean + (1 - weight) * value
        means.append(mean / (1 - weight**count))
    return means


@given(st.lists(st.floats(-1e6, 1e6), max_size=300), st.sampled_from(WEIGHTS))
def test_smoothing_is_the_debiased_moving_average(values: list[float], weight: float) -> None:
    means = smoothed(np.array(values), weight)
    assert means.tolist() == pytest.approx(_slowly(values, weight) if weight else values, rel=1e-6, abs=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(-1e6, 1e6)), max_size=300),
    st.integers(1, 20),
    st.tuples(st.floats(-10, 510), st.floats(-10, 510)),
)
def test_reducing_keeps_the_extremes_in_sight_and_few_points(
    points: list[tuple[float, float]], columns: int, part: tuple[float, float]
) -> None:
    points = sorted(points, key=lambda point: point[0])
    x, y = np.array([p[0] for p in points], float), np.array([p[1] for p in points])
    low, high = sorted(part)
    reduced_x, reduced_y = reduce_to_columns(x, y, columns, low, high)
    assert len(reduced_x) <= 2 * columns + 4
    assert (np.diff(reduced_x) >= 0).all()
    assert set(zip(reduced_x.tolist(), reduced_y.tolist(), strict=True)) <= set(points)
    seen = y[(x >= low) & (x <= high)]
    shown = reduced_y[(reduced_x >= low) & (reduced_x <= high)]
    if len(seen):
        assert (shown.min(), shown.max()) == (seen.min(), seen.max())


def test_zooming_in_brings_out_detail() -> None:
    many = trail(np.sin(np.arange(10_000.0)).tolist())
    all_of_it = scene([many], View(), 50, np.empty(0)).curves[0]
    part = scene([many], View(x=(4000, 4040)), 50, np.empty(0)).curves[0]
    assert len(all_of_it.x) <= 104
    assert part.x.tolist() == list(range(3999, 4042))


def test_epochs_begin_a_step_after_the_last_row_of_the_one_before() -> None:
    starts, numbers = epoch_starts(FILE)
    assert (starts.tolist(), numbers.tolist()) == ([0, 2], [0, 1])
    for text in ("loss,step\n1,2\n", "loss,epoch\n1,2\n", "epoch,step\n1,2\n", ""):
        assert len(epoch_starts(parse_metrics(text))[0]) == 0


def _spread(epochs: FloatArray, part: tuple[float, float]) -> list[float]:
    curve = trail([0.0, 1.0], x=[0, 1000])
    return [float(mark) for mark in scene([curve], View(x=part), 60, epochs).epochs]


def test_of_many_epochs_some_have_a_mark_and_always_the_same() -> None:
    epochs = np.arange(0, 1000.0, 10)
    marks = _spread(epochs, (-1, 1000))
    assert 5 <= len(marks) <= 10
    assert set(_spread(epochs, (205, 900))) <= set(epochs.tolist())
    assert _spread(epochs, (401, 441)) == [410, 420, 430, 440]


def _scene(view: View) -> Scene:
    return scene(trails(FILE, default_names(FILE.names)), view, 60, epoch_starts(FILE)[0])


def test_a_logarithmic_scale_leaves_out_what_is_not_positive() -> None:
    drawn = _scene(View(log=True))
    assert [curve.unfit for curve in drawn.curves] == [0, 0, 0, 1]
    assert drawn.curves[0].y.tolist() == pytest.approx([math.log10(4), math.log10(2), 0])
    assert drawn.curves[3].best is None
    assert words(legend(drawn.curves, 80, 4)[3]).rstrip().endswith("1 not positive")


def test_own_scales_go_from_bottom_to_top() -> None:
    shown = [trail([1e6, 3e6]), trail([1e-3, 2e-3]), trail([5, 5])]
    drawn = scene(shown, View(own_scales=True), 60, np.empty(0))
    assert [curve.y.tolist() for curve in drawn.curves] == [[0, 1], [0, 1], [0, 0]]
    assert drawn.curves[1].best == (0.0, 0.0)


def test_smoothed_curves_have_the_raw_one_behind_and_the_raw_best() -> None:
    noisy = trail([3, 1, 2, 0.5, 4])
    curve = scene([noisy], View(weight=0.9), 60, np.empty(0)).curves[0]
    assert curve.behind is not None and curve.behind[1].tolist() == noisy.y.tolist()
    assert curve.y.tolist() == smoothed(noisy.y, 0.9).tolist()
    assert curve.best == (3.0, 0.5)
    view = View()
    seen = []
    for _ in WEIGHTS:
        view = view.next_smoothing()
        seen.append(view.weight)
    assert seen == [*WEIGHTS[1:], 0]


def test_nothing_to_draw_is_an_empty_scene() -> None:
    assert not scene([], View(), 60, np.empty(0)).curves
    assert whole_range([trail([])]) is None
    one = scene([trail([7.0])], View(), 60, np.empty(0))
    assert one.x[0] < 0 < one.x[1] and one.y[0] < 7 < one.y[1]


@given(
    st.lists(st.sampled_from(["in", "out", "left", "right", "cursor", "no cursor"]), max_size=30),
    st.lists(st.integers(-5, 10**6), min_size=1, max_size=20),
)
def test_whatever_is_done_the_part_in_sight_lies_within_the_whole(moves: list[str], steps: list[int]) -> None:
    shown = [trail([1.0] * len(steps), x=sorted(steps))]
    whole = whole_range(shown)
    assert whole is not None
    view = View()
    for move in moves:
        before = view.x or whole
        match move:
            case "in" | "out":
                view = view.zoomed(0.5 if move == "in" else 2, whole)
            case "left" | "right":
                view = view.panned(-0.3 if move == "left" else 0.3, whole)
            case "cursor":
                start = before[0] if view.cursor is None else view.cursor
                view = view.with_cursor(step_beyond(shown, start, (before[1] - before[0]) / 60), whole)
                assert view.cursor in steps
            case _:
                view = replace(view, cursor=None)
        low, high = view.x or whole
        assert whole[0] <= low < high <= whole[1]
        if move == "cursor":
            assert view.cursor is not None and low - 1e-6 <= view.cursor <= high + 1e-6
        if move in ("left", "right"):
            assert high - low == pytest.approx(before[1] - before[0], rel=1e-6)
    for _ in range(40):
        view = view.zoomed(2, whole)
    assert view.x is None, "far enough out, everything is in sight"


def test_the_cursor_goes_from_point_to_point_and_stops_at_the_ends() -> None:
    shown = [trail([1, 2, 3], x=[0, 10, 1000]), trail([5], x=[400])]
    places = [0.0]
    for _ in range(5):
        places.append(step_beyond(shown, places[-1], 5))
    assert places == [0, 10, 400, 1000, 1000, 1000]
    assert [step_beyond(shown, start, -5) for start in (1000, 400, 10, 0)] == [400, 10, 0, 0]
    assert step_beyond([], 3, 1) == 3


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(3, 9))
def test_ticks_are_round_inside_and_told_apart(low: float, length: float, most: int) -> None:
    length = max(length, abs(low) * 1e-3)
    ticks = round_ticks(low, low + length, most)
    assert 1 <= len(ticks) <= most
    assert all(low - 1e-6 * length <= tick <= low + length * (1 + 1e-6) for tick in ticks)
    labels = value_labels(ticks, 7)
    assert all(0 < len(label) <= 7 for label in labels)


def test_labels_are_written_as_people_do() -> None:
    assert value_labels([0, 0.5, 1, 1.5], 6) == ["0", "0.5", "1", "1.5"]
    assert value_labels([1000, 1500, 2000], 6) == ["1000", "1500", "2000"]
    assert value_labels([0.0001, 0.0002], 6) == ["0.0001", "0.0002"]
    assert value_labels([-1e-6, 0, 1e-6], 6) == ["-1e-06", "0", "1e-06"]
    assert value_labels([1e8, 2e8], 6) == ["1e+08", "2e+08"]
    assert step_ticks(0, 3, 6) == [0, 1, 2, 3]
    assert step_labels([0, 500, 1000]) == ["0", "500", "1000"]
    assert step_labels([0, 50_000, 100_000]) == ["0", "50k", "100k"]
    assert step_labels([0, 2e7]) == ["0", "20M"]


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.1, 10, ["0.1", "0.2", "0.5", "1", "2", "5", "10"]),
        (1e-6, 1e3, None),
        (2.1, 2.9, None),
        (3, 3.0001, None),
        (1e-300, 1e300, None),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_numbers_inside_it(low: float, high: float, labels: list[str] | None) -> None:
    ticks = log_ticks(math.log10(low), math.log10(high), 8)
    shown = log_labels(ticks)
    assert 2 <= len(ticks) <= 8
    assert labels is None or shown == labels
    assert len(set(shown)) == len(shown)
    assert all(math.log10(low) - 1e-9 <= tick <= math.log10(high) + 1e-9 for tick in ticks)


def test_the_legend_says_last_best_and_what_is_missing() -> None:
    drawn = _scene(View())
    lines = [words(line).rstrip() for line in legend(drawn.curves, 70, 4)]
    assert lines == [
        "━ train step  1        ★ min 1 at 2 · 2 not finite",
        "● train epoch 3        ★ min 3 at 1",
        "◆ validation  1.5      ★ min 1.5 at 1 · 1 not finite",
        "■ test        0        ★ min 0 at 4",
    ]
    short = [words(line) for line in legend(drawn.curves, 70, 2)]
    assert short[1].rstrip() == "3 more: ● train epoch  ◆ validation  ■ test"
    assert "at 2" not in words(legend(drawn.curves, 48, 4)[0]) and "2 not finite" in words(
        legend(drawn.curves, 48, 4)[0]
    )


def test_the_values_at_a_step_are_said_for_all_curves() -> None:
    shown, epochs = trails(FILE, default_names(FILE.names)), epoch_starts(FILE)
    assert words(values_line(shown, 2, epochs, 80)) == "step 2 · epoch 2  ━ 1 ● 3 ◆ 1.5 ■ -"
    assert "zoom" in words(values_line(shown, None, epochs, 80))


HOSTILE = parse_metrics('"\x1b[31mred\x07 loss","[bold]acc[/]",step,"a\nb loss"\n1,2,0,3\n')


@given(st.integers(1, 90), st.integers(1, 5), st.sampled_from([FILE, HOSTILE]), st.booleans())
def test_every_line_fits_and_controls_nothing(width: int, lines: int, metrics: Metrics, chosen: bool) -> None:
    shown = trails(metrics, metrics.names if chosen else default_names(metrics.names))
    drawn = scene(shown, View(), 60, np.empty(0))
    made = [*legend(drawn.curves, width, lines), values_line(shown, 1, epoch_starts(metrics), width)]
    assert len(made) <= lines + 1
    for text in map(words, made):
        assert cell_len(text) <= width
        assert text.isprintable()


def test_choices_are_grouped_and_narrowed() -> None:
    rows = choices(FILE, "")
    assert [(row.text.split("  (")[0], row.heading) for row in rows[:3]] == [
        ("loss", True),
        ("  test_loss", False),
        ("  train_loss_epoch", False),
    ]
    assert "by batches of its own loop" in next(row.text for row in rows if "val_loss_step" in row.text)
    assert [row.names for row in choices(FILE, "VAL loss")] == [
        ("val_loss", "val_loss_step"),
        ("val_loss",),
        ("val_loss_step",),
    ]
    assert choices(FILE, "nothing") == ()
    assert all(row.text.isprintable() for row in choices(HOSTILE, ""))
    heading = choices(FILE, "val")[0]
    assert heading.mark(frozenset()) == "□"
    some = frozenset({"val_loss"})
    assert heading.mark(some) == "◪"
    assert heading.mark(heading.turned(some)) == "■"
    assert heading.turned(heading.turned(some)) == frozenset()


def test_of_very_many_metrics_the_first_are_offered() -> None:
    many = parse_metrics(",".join(["step", *(f"m{i}" for i in range(500))]) + "\n")
    assert len(choices(many, "")) == 300
    assert [row.names for row in choices(many, "m499")] == [("m499",)]
