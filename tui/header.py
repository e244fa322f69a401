"""The lines of words around the panes: where the run is, how it stands, what went wrong, where a replay is.

Plain functions of a `Frame`, so that what the screen says can be tested without one.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

from rich.cells import cell_len

from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER
from tracer.run.text import plain_text
from tui.actions import Action
from tui.explained import findings_text
from tui.feed import STARTING
from tui.frame import Frame
from tui.gate import GateView
from tui.text import (
    Cell,
    Line,
    clock_text,
    count_text,
    duration_text,
    fit,
)
from tui.transport import Transport

Mode = Literal["live", "replay"]

STARTING_TEXT: Final = "starting: importing torch and lightning…"
MARKS: Final = {
    STARTING: ("◌ starting", "warn"),
    "running": ("● live", "live"),
    "finished": ("■ finished", "good"),
    "stopped": ("■ stopped", "warn"),
    "interrupted": ("✗ interrupted", "warn"),
    "failed": ("✗ failed", "bad"),
    "died": ("✗ died", "bad"),
}
_ROOMY: Final = 110
_STAMP: Final = re.compile(r"^\d{8}-\d{6}-(?=.)")
"""When a run began, before its name: `hooktrace train` makes directories like that."""
_PAUSE: Final = f"{PAUSE_OWNER}.{PAUSE_HOOK}"
_LONG_QUIET_NS: Final = 5_000_000_000


def header_line(name: str, frame: Frame, width: int, transport: Transport | None, asked: str | None) -> Line:
    """The first line: name, call, stage, epoch, batch, step, time, and on the right how the run stands.

    Args:
        name: the run's.
        frame: what there is to show.
        width: cells to fill; parts that do not fit are left out.
        transport: which moment of the recording is shown; None while nothing is.
        asked: what was asked of the training, such as `stopping…`; None if nothing.
    """
    mark = (f"◌ {asked}", "warn") if asked and not frame.ended else _mark(frame, transport)
    tail = [*_found(frame, width), mark]
    tail_width = sum(cell_len(text) for text, _ in tail)
    room = width - tail_width - 3
    if width < _ROOMY:
        name = _STAMP.sub("", name)
    cells: list[Cell] = [(f" {fit(name, min(cell_len(plain_text(name)), max(8, room // 2)))}", "bold")]
    used = cell_len(cells[0][0])
    for text, role in _that_fit(_places(frame), room - used):
        cells += [(" · ", "faint"), (text, role)]
        used += 3 + cell_len(text)
    cells.append((" " * max(1, width - used - tail_width - 1), ""))
    return (*cells, *tail, (" ", ""))


def _found(frame: Frame, width: int) -> list[Cell]:
    """How many findings there are, if any; where there is little room, as a number."""
    count = len(frame.studied.findings or ())
    if not count:
        return []
    text = findings_text(count, frame.over) if width >= _ROOMY else str(count)
    return [(f"! {text}", "warn"), ("  ", "")]


def _mark(frame: Frame, transport: Transport | None) -> Cell:
    if transport is not None and transport.rewound:
        return f"{'▶' if transport.playing else '‖'} rewound {duration_text(transport.behind_ns)} behind", "warn"
    if transport is not None and transport.live and frame.state == "running":
        return _gate_mark(frame.gate) or MARKS["running"]
    if transport is None or transport.live or (transport.now_ns >= transport.end_ns and frame.ended):
        return MARKS.get(frame.state, (plain_text(frame.state, 20), "warn"))
    if transport.playing:
        return f"▶ {transport.speed_text} replay", "live"
    return "‖ paused", "warn"


def _gate_mark(gate: GateView) -> Cell | None:
    """How a training is held; None if it is not."""
    if gate.paused:
        return "‖ paused", "warn"
    if gate.asked:
        return f"◌ {gate.asked}", "warn"
    if gate.status.delay_ns:
        return f"● slow: {duration_text(gate.status.delay_ns)}", "warn"
    return None


def _places(frame: Frame) -> list[Cell]:
    where = frame.progress
    stage = (where.stage or "").replace("_", " ")
    batch = None if where.batch is None else f"batch {_of(where.batch, where.batches)}"
    epoch = None if where.epoch is None else f"epoch {_of(where.epoch, where.max_epochs)}"
    step = None if where.step is None else f"step {count_text(where.step)}"
    rank = f"rank {frame.rank} of {len(frame.ranks)}" if len(frame.ranks) > 1 else None
    texts = (rank, where.function, None if stage == where.function else stage, epoch, batch, step)
    found: list[Cell] = [(text, "") for text in texts if text]
    if frame.state != STARTING:
        found.append((clock_text(frame.now_ns), "head"))
    return found


def _that_fit(places: list[Cell], room: int) -> list[Cell]:
    """The places without as many as it takes: the step goes first, then the word "fit", then from the end."""

    def width() -> int:
        return sum(3 + cell_len(text) for text, _ in places)

    for dispensable in ("step ", "fit"):
        if width() > room:
            places = [place for place in places if not place[0].startswith(dispensable)]
    while width() > room:
        places = places[:-1]
    return places


def _of(number: int, total: int | None) -> str:
    return str(number) if total is None else f"{number}/{total}"


def notice_line(frame: Frame, width: int) -> Line | None:
    """What a user must know beside the numbers: why the run ended, where it hangs. None if all is well."""
    text, role = _notice(frame)
    return ((fit(f" {text}", width), role),) if text else None


def _notice(frame: Frame) -> Cell:
    if frame.error:
        return f"cannot read the run, trying again: {frame.error}", "warn"
    where = _where(frame.open_hook)
    reason = (frame.info.exception if frame.info else None) or ""
    match frame.state:
        case "died":
            return f"died{where}: the process is gone and did not say why", "bad"
        case "failed":
            return f"failed{where}: {reason or 'no reason was recorded'}", "bad"
        case "interrupted":
            return f"interrupted{where}{f': {reason}' if reason else ''}", "warn"
        case "running" if frame.gate.paused or (frame.open_hook and frame.quiet_ns > _LONG_QUIET_NS):
            return _waiting(frame), "warn"
    return (f"incomplete: {frame.gap}", "warn") if frame.gap else ("", "")


def _where(open_hook: str | None) -> str:
    """In which hook it happened, in words that follow a verb."""
    if open_hook == _PAUSE:
        return " while it was paused"
    return f" in {open_hook}" if open_hook else ""


def _waiting(frame: Frame) -> str:
    """Where training waits, for somebody or for itself."""
    if not frame.gate.paused:
        return f"in {frame.open_hook}: nothing else was called for {duration_text(frame.quiet_ns)}"
    sight = frame.gate.sight
    where = "" if sight is None else f" {sight.place}"
    reason = f" · {sight.reason}" if sight is not None and sight.reason else ""
    return f"the training is paused{where}{reason}"


def footer_line(actions: Sequence[Action], width: int) -> Line:
    """The keys in the order of `actions`: those that are always shown, and of the others as many as fit."""
    room = width - 1
    kept: set[str] = set()
    for action in sorted((action for action in actions if action.footer), key=lambda action: action.footer):
        needed = len(action.display) + len(action.label) + 3
        if action.footer == 1 or needed <= room:
            kept.add(action.id)
            room -= needed
    cells: list[Cell] = [(" ", "")]
    for action in actions:
        if action.id in kept:
            cells += [(action.display, "key"), (f" {action.label}  ", "")]
    return tuple(cells)
