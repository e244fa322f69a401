"""What the log costs, on generated runs of ten thousand and of ten million spans: it must be the same for both.

Scrolling, jumping and the next call are those of the pane in the real app (a terminal of 120x40 without a screen): from
the key's action to the lines that were painted. A filter is measured as polls do it: a portion of time each, until the
first answer is there and until all rows are looked at.
"""

import asyncio
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from textual.pilot import Pilot

from benchmarks.generate import generate_run
from benchmarks.report import machine
from tracer.run import open_run
from tracer.run.build import TraceBuilder
from tracer.run.events import ActionTail, EventTail
from tracer.run.trace import Trace
from tui.app import SessionApp
from tui.filter import LogFilter, parse_filter
from tui.log import LogSearch
from tui.matches import Matches
from tui.screens.session import SessionScreen
from tui.seek import parse_target
from tui.widgets.log import LogPane
from tui.wish import Wish

SIZES = (10_000, 10_000_000)
TIMES = 60
PORTION = 6_000
Act = Callable[[], None]
FILTERS = (
    "on_train_batch_start",
    "kind:callback -on_train_batch_* >3us",
    "stage:validate batch:10-20",
    "save_checkpoint",
    ">100ms",
    "owner:ConvNet epoch:2- error",
)


def main(sizes: Sequence[int] = SIZES) -> None:
    """Prints a table for each size."""
    print(f"the log, {TIMES} times each, milliseconds; {machine()}")
    for spans in sizes:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "run"
            generate_run(path, spans)
            _measure_filters(open_run(path).trace())
            asyncio.run(_measure_pane(path))


def _say(name: str, times_ms: Sequence[float], more: str = "") -> None:
    p50, p95 = np.percentile(times_ms, (50, 95))
    print(f"  {name:44} p50 {p50:7.2f}   p95 {p95:7.2f}   {more}", flush=True)


def _measure_filters(trace: Trace) -> None:
    print(f"{len(trace):,} spans")
    for text in FILTERS:
        first, whole, polls, found = [], [], 0, 0
        for near in np.linspace(0, len(trace) - 1, 7).astype(int).tolist():
            search, query = LogSearch(), parse_filter(text)
            began = perf_counter()
            view = search.view(trace, query, near)
            first.append((perf_counter() - began) * 1e3)
            polls = 1
            while view.searching:
                view, polls = search.view(trace, query, near), polls + 1
            whole.append((perf_counter() - began) * 1e3)
            found = len(view)
        _say(f"/{text}: first answer", first)
        _say(f"/{text}: complete", whole, f"{polls} polls, {found:,} calls")
        _say(f"/{text}: poll with nothing new", _again(search, trace, text))


def _again(search: LogSearch, trace: Trace, text: str) -> list[float]:
    query = parse_filter(text)
    times = []
    for _ in range(TIMES):
        began = perf_counter()
        view = search.view(trace, query, 0)
        times.append((perf_counter() - began) * 1e3)
        assert isinstance(view.rows, Matches)
    return times


async def _measure_pane(path: Path) -> None:
    app = SessionApp(path, tick_s=None)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.tick()
        await pilot.pause()
        while app.frame.reading is not None:
            await app.tick()
            await pilot.pause()
        await pilot.press("v", "v")
        await pilot.pause()
        pane = app.screen.query_one(LogPane)
        for name, prepare, act in _ways(pane, app.frame.now_ns):
            times = []
            for _ in range(TIMES):
                prepare()
                await pilot.pause()
                times.append(_ms_to_paint(pane, act))
            _say(name, times)
        times = [await _ms_to_filter(app, pilot, text) for text in FILTERS * 4]
        _say("a new filter: poll and paint", times)
        pane.set_follow(True)
        for text in ("", "kind:callback >3us"):
            _say(f"follow: {PORTION:,} new calls /{text}", _follow(pane, path, text))


async def _ms_to_filter(app: SessionApp, pilot: Pilot[Any], text: str) -> float:
    """The poll that answers a new filter, and painting the answer; without Textual's way of handing messages on."""
    app.screen.post_message(SessionScreen.Wished(Wish(log_filter=parse_filter(text))))
    await pilot.pause()
    began = perf_counter()
    await app.tick()
    polled_ms = (perf_counter() - began) * 1e3
    await pilot.pause()
    pane = app.screen.query_one(LogPane)
    assert pane.view.query.text == text
    return polled_ms + _ms_to_paint(pane, lambda: pane.show(pane.view))


def _ways(pane: LogPane, end_ns: int) -> Iterator[tuple[str, Act, Act]]:
    """What is measured: its name, what comes before, what is measured."""
    generator = random.Random(1)

    def somewhere() -> None:
        pane.action_select(generator.randrange(pane.row_count()))

    def go(text: str) -> Act:
        return lambda: pane.go_to(parse_target(text))

    def last() -> None:
        pane.action_bottom()

    def step() -> None:
        pane.step(True)

    yield "scroll: a page down", somewhere, pane.action_page_down
    yield "scroll: a row down", pane.action_cursor_up, pane.action_cursor_down
    yield "jump to the last row", pane.action_top, last
    yield "jump to a time", somewhere, go(f"{end_ns / 2e9:.3f}")
    yield "jump to an epoch and batch", somewhere, go("e1b100")
    yield "jump to a hook called once, at the other end", pane.action_top, go("on_fit_end")
    yield "next call of the selected hook", go("run_training_batch"), step
    yield "no next call: the whole log is searched", go("configure_optimizers"), step
    yield "poll and paint, nothing new", somewhere, lambda: pane.show(pane.view)


def _follow(pane: LogPane, path: Path, text: str) -> list[float]:
    """A tenth of a second at 60,000 spans a second, each time: search and paint, without reading and matching."""
    events, actions = EventTail(path).read(), ActionTail(path).read()
    builder, search, query = TraceBuilder(0, datetime.now(UTC)), LogSearch(), parse_filter(text)
    times = []
    for first in range(0, min(len(events), 2 * PORTION * TIMES), 2 * PORTION):
        builder.feed(events[first : first + 2 * PORTION], actions)
        times.append(_ms_to_paint(pane, partial(_search_and_show, pane, search, builder.trace(), query)))
    return times


def _search_and_show(pane: LogPane, search: LogSearch, trace: Trace, query: LogFilter) -> None:
    pane.show(search.view(trace, query, -1))


def _ms_to_paint(pane: LogPane, act: Act) -> float:
    began = perf_counter()
    act()
    for y in range(pane.size.height):
        pane.render_line(y)
    return (perf_counter() - began) * 1e3


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or SIZES)
