"""`hooktrace ranks`: a distributed training as one: where each rank stands, who is late, where they parted."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tracer.verbs.arguments import VerbParser, add_json, add_run, selected_run

if TYPE_CHECKING:
    from tracer.analyze.ranks_findings import Together
    from tracer.run import Run
    from tracer.run.ranks import RankInfo

SCHEMA = 1
"""Of the JSON form: it grows when fields change their meaning or go."""
_SHOWN = 12
_LEAST_SHARE = 0.001


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `ranks`."""
    add_run(parser)
    add_json(parser)
    parser.epilog = (
        "A rank is late by what has passed since the first one was at the same place. That is booked to the hook in\n"
        "which it grows: one that only waits for a late rank is not taken for slow. Works while the ranks hang, too.\n"
        "\nexample:\n  hooktrace ranks"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Prints what there is to say of the ranks."""
    _ranks(parser.parse_args(arguments))
    return 0


def _ranks(args: argparse.Namespace) -> None:
    from tracer.analyze.findings_text import finding_lines, findings_json
    from tracer.analyze.ranks_clock import offsets
    from tracer.analyze.ranks_findings import Together, rank_findings
    from tracer.errors import NotFoundError
    from tracer.verbs.text import print_json
    from tracer.verbs.warnings import warn_about

    run = selected_run(args)
    if not run.ranks:
        raise NotFoundError(f"{run.name} has no recording of any rank")
    infos = [run.rank_info(rank) for rank in run.ranks]
    traces = tuple(run.trace(rank) for rank in run.ranks)
    for trace in traces:
        warn_about(run, trace)
    together = Together(traces, tuple(info.present_state for info in infos), offsets(traces, infos))
    found = rank_findings(together)
    if args.json:
        print_json({"schema": SCHEMA, **_as_json(together, infos), **findings_json(found)})
        return
    _print_standings(together, infos, _now_ns(run, infos[0]))
    _print_parting(together)
    _print_late(together)
    for line in finding_lines(found):
        print(f"\n{line}" if line.startswith("!") else line)


def _now_ns(run: "Run", first: "RankInfo") -> int | None:
    """The present moment in ns since the first rank's start; None for a run that is over."""
    from tracer.run.layout import clock_name

    if run.state != "running":
        return None
    if first.clock is not None and first.clock == clock_name() and first.base_ns is not None:
        return time.perf_counter_ns() - first.base_ns
    return round((datetime.now(UTC) - first.started_at).total_seconds() * 1e9)


def _as_json(together: "Together", infos: "Sequence[RankInfo]") -> dict[str, Any]:
    standings = together.parting.standings
    ranks = [
        asdict(info)
        | {"state": state, "started_at": info.started_at.isoformat()}
        | {"ended_at": info.ended_at and info.ended_at.isoformat()}
        | {"clock_offset": asdict(offset), "calls": standing.calls, "open": standing.open}
        | {"last_event_ns": standing.since_ns}
        for info, state, offset, standing in zip(infos, together.states, together.offsets, standings, strict=True)
    ]
    return {
        "ranks": ranks,
        "parting": asdict(together.parting),
        "late": [asdict(late) | {"mean_ns": late.mean_ns} for late in together.late],
    }


def _print_standings(together: "Together", infos: "Sequence[RankInfo]", now_ns: int | None) -> None:
    from tracer.verbs.text import NONE, Column, duration, print_table

    columns = [Column("rank", True), Column("host"), Column("pid", True), Column("state"), Column("calls", True)]
    columns += [Column("clock"), Column("stands in"), Column("no event for", True)]
    last_ns = max(standing.since_ns for standing in together.parting.standings)
    rows = []
    for info, state, offset, standing in zip(
        infos, together.states, together.offsets, together.parting.standings, strict=True
    ):
        quiet_ns = (last_ns if now_ns is None else now_ns) - standing.since_ns
        clock = offset.how if offset.plus_minus_ns in (0, None) else f"±{duration(offset.plus_minus_ns)}"
        over = state in ("finished", "stopped")
        rows.append(
            [
                str(standing.rank),
                info.host or NONE,
                str(info.pid or NONE),
                state,
                f"{standing.calls:,}",
                clock,
                standing.open[-1] if standing.open else NONE,
                NONE if over else duration(max(0, quiet_ns)),
            ]
        )
    print_table(columns, rows)


def _print_parting(together: "Together") -> None:
    from tracer.analyze.ranks_findings import standing_line
    from tracer.run.text import plain_text
    from tracer.verbs.text import print_heading

    found = together.parting
    if together.over or len(together.traces) < 2:
        return
    print()
    if found.last is None:
        print_heading("the ranks have no call in common")
        return
    last = found.last
    place = ", ".join(
        f"{name} {value}" if name else str(value)
        for name, value in (("", last.stage), ("epoch", last.epoch), ("batch", last.batch))
        if value is not None
    )
    print_heading(
        plain_text(f"the last call that all ranks have made: {last.action.label}{f' ({place})' * bool(place)}")
    )
    for standing in found.standings:
        print(plain_text(f"  {standing_line(standing)}"))


def _print_late(together: "Together") -> None:
    from tracer.verbs.text import Column, duration, print_heading, print_table

    late = [one for one in together.late if one.share >= _LEAST_SHARE]
    if not late:
        return
    print()
    print_heading("who falls behind, by hook")
    columns = [Column("rank", True), Column("hook"), Column("stage"), Column("calls", True), Column("a call", True)]
    columns += [Column("in all", True), Column("share", True)]
    rows = [
        [
            str(one.rank),
            one.label,
            one.stage or "",
            f"{one.calls:,}",
            duration(one.mean_ns),
            duration(one.behind_ns),
            f"{one.share * 100:.1f} %",
        ]
        for one in late[:_SHOWN]
    ]
    print_table(columns, rows, indent="  ")
