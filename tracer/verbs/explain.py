"""`hooktrace explain`: the loop as it really ran, as pseudo-code, and below it what deserves a look."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.errors import NotFoundError
from tracer.export.output import check_free, new_file
from tracer.run.layout import FUNCTIONS, OWNER_KINDS, STAGES
from tracer.verbs.arguments import VerbParser, add_output, add_rank, add_run, selected_run

if TYPE_CHECKING:
    from tracer.analyze.findings_base import Finding
    from tracer.analyze.fold_lines import FoldedLine
    from tracer.run import Run
    from tracer.run.info import RunInfo
    from tracer.run.trace import Trace
    from tracer.verbs.explained import Explanation


@dataclass(frozen=True)
class _Format:
    """A form in which the loop is shown: `render(explanation)` of its module makes one text of it."""

    suffix: str
    summary: str
    module: str
    page: bool = False
    """Whether it is a file to be opened, rather than a text to be read at once."""

    def render(self, explanation: "Explanation") -> str:
        render: Callable[[Explanation], str] = import_module(self.module).render
        return render(explanation)


FORMATS: dict[str, _Format] = {
    "text": _Format(".txt", "for a terminal: at most 100 columns", "tracer.verbs.explain_text"),
    "markdown": _Format(".md", "for an issue, a pull request or a wiki", "tracer.verbs.explain_markdown"),
    "json": _Format(".json", "for programs, with times in nanoseconds", "tracer.verbs.explain_json"),
    "html": _Format(".html", "one page that needs no network, to be folded", "tracer.verbs.explain_html", page=True),
}


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `explain`."""
    add_run(parser)
    parser.add_argument(
        "--expected",
        choices=FUNCTIONS,
        help="no run of yours: what the installed Lightning runs for a minimal model",
    )
    parser.add_argument("--depth", type=_levels, metavar="N", help="show N levels, every detail included")
    parser.add_argument("--stage", metavar="STAGE", help=f"only calls in a stage: {', '.join(STAGES)}")
    parser.add_argument(
        "--owner",
        action="append",
        default=[],
        metavar="NAME",
        help="only calls on a class (EarlyStopping, EarlyStopping#1) or kind (callback, module, ...); repeatable",
    )
    parser.add_argument(
        "--overridden-only", action="store_true", help="only calls that run a function of the owner's own"
    )
    parser.add_argument("--why", action="store_true", help="say below the hooks why they are where they are")
    parser.add_argument("--docs", action="store_true", help="mark where Lightning's documentation says otherwise")
    add_rank(parser, "the lowest")
    parser.add_argument("--format", choices=tuple(FORMATS), help="see below (default: what -o ends in, else text)")
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    add_output(parser, "stdout; for html a file in the run's directory")
    formats = "\n".join(f"  {name:<10}{entry.summary}" for name, entry in FORMATS.items())
    parser.epilog = (
        "`*` marks who brings a function of their own; `+4` stands for four more callbacks that do not.\n"
        "What is below several owners belongs to the last. mean and share are times without pauses; a\n"
        "loop's are those of the calls in one turn. Without --depth, what an owner calls on itself is left\n"
        "out, and a sanity check that only repeats the validation is one line. Below stands what deserves\n"
        "a look, if anything does.\n"
        f"\nformats (all but text always say why):\n{formats}\n"
        "\nexamples:\n  hooktrace explain --stage validate --depth 5\n  hooktrace explain --owner EarlyStopping --why\n"
        "  hooktrace explain --expected fit --docs\n  hooktrace explain -o loop.html"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Shows the pseudo-code, or writes it to a file and says where that is."""
    args = parser.parse_args(arguments)
    if args.expected and (args.run is not None or args.runs_dir is not None or args.rank is not None):
        parser.error("--expected shows no run: leave out RUN, --runs-dir and --rank")
    if args.json and args.format not in (None, "json"):
        parser.error(f"--json and --format {args.format} contradict each other")
    if args.expected:
        _explain_expected(args, _format(args))
    else:
        _explain_run(args, selected_run(args), _format(args))
    return 0


def _levels(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of levels from 1 to 100")
    return int(text)


def _format(args: argparse.Namespace) -> str:
    """The form that is asked for, by name."""
    if args.json:
        return "json"
    ending = Path(args.output or "").suffix.lower()
    written = next((name for name, form in FORMATS.items() if form.suffix == ending), "text")
    return str(args.format or written)


def _explain_run(args: argparse.Namespace, run: "Run", form: str) -> None:
    from tracer.analyze.findings import findings
    from tracer.verbs.warnings import lowest_rank, warn_about

    path = _path(args, form, run.path / "explain.html")
    trace = run.trace(lowest_rank(run) if args.rank is None else args.rank)
    warn_about(run, trace)
    info = run.info
    title = _title(run, info, trace)
    lines = _lines(args, info, trace, run.name)
    _show(args, form, path, _explanation(args, title, trace, info, lines, findings(trace, info), run.without_spans))


def _title(run: "Run", info: "RunInfo", trace: "Trace") -> str:
    """Which run it is, and what there is to know about it."""
    from tracer.analyze.stats import paused_ns
    from tracer.verbs.text import duration

    version, state, paused = info.versions.get("lightning"), run.state, paused_ns(trace)
    known = [
        f"rank {trace.rank}" if len(run.ranks) > 1 else "",
        f"recorded with Lightning {version}" if version else "",
        state if state != "finished" else "",
        f"{duration(paused)} of pauses left out" if paused else "",
    ]
    return ", ".join([run.name, *filter(None, known)])


def _explain_expected(args: argparse.Namespace, form: str) -> None:
    from tracer.verbs.explain_expected import expected_run, without_recorder

    path = _path(args, form, Path(f"expected-{args.expected}.html"))
    if sys.stderr.isatty() and not args.quiet:
        print("running a minimal model with the installed Lightning ...", file=sys.stderr)
    with expected_run(args.expected) as run:
        trace, info = run.trace(), run.info
    title = f"trainer.{args.expected} of a minimal model, as Lightning {info.versions.get('lightning')} runs it"
    lines = without_recorder(_lines(args, info, trace, "a minimal model"))
    _show(args, form, path, replace(_explanation(args, title, trace, info, lines), timed=False))


def _lines(args: argparse.Namespace, info: "RunInfo", trace: "Trace", name: str) -> "tuple[FoldedLine, ...]":
    """What is asked for of the loop of a trace.

    Raises:
        NotFoundError: it is not in there.
    """
    from tracer.analyze.fold_lines import explain_lines
    from tracer.analyze.fold_select import owner_labels, stages, unknown_owners

    stage = args.stage and args.stage.lower()
    if stage and stage not in stages(trace):
        raise NotFoundError(f"{name} has no stage {args.stage!r} ({_there(stages(trace))})")
    if unknown := unknown_owners(trace, args.owner):
        kinds = ", ".join(OWNER_KINDS)
        raise NotFoundError(f"{name} has no owner {unknown[0]!r} ({_there(owner_labels(trace))}; or a kind: {kinds})")
    return explain_lines(
        trace,
        info.trainer,
        args.depth,
        callbacks=info.callbacks,
        stage=stage,
        owners=args.owner,
        overridden_only=args.overridden_only,
    )


def _there(names: Sequence[str]) -> str:
    return f"there is: {', '.join(names)}" if names else "nothing was recorded"


def _explanation(
    args: argparse.Namespace,
    title: str,
    trace: "Trace",
    info: "RunInfo",
    lines: "tuple[FoldedLine, ...]",
    found: "tuple[Finding, ...]" = (),
    empty: str = "",
) -> "Explanation":
    from tracer.analyze.docs_check import differences
    from tracer.verbs.explained import Explanation, first_whys

    nothing = "no call is of the kind that was asked for" if len(trace) else empty
    said = differences(trace, info.callbacks) if args.docs else None
    explanation = Explanation(title, nothing, lines, first_whys(lines), found, said)
    thinned = args.stage or args.owner or args.overridden_only
    return explanation.with_shown_differences() if thinned else explanation


def _path(args: argparse.Namespace, form: str, page: Path) -> Path | None:
    """Where to write, which is free; None for stdout.

    Raises:
        HooktraceError: nothing can be written there, or something is there already.
    """
    if args.output == "-" or not (args.output or FORMATS[form].page):
        return None
    path = Path(args.output) if args.output else page
    check_free(path, args.force)  # before the work, not after it
    return path


def _show(args: argparse.Namespace, form: str, path: Path | None, explanation: "Explanation") -> None:
    if form == "text" and not args.why:
        explanation = replace(explanation, whys=(None,) * len(explanation.lines))
    if form == "text" and path is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        from tracer.verbs.explain_text import text_lines

        print("\n".join(text_lines(explanation, styled=True)))
        return
    text = FORMATS[form].render(explanation)
    if path is None:
        sys.stdout.write(text)
        return
    with new_file(path, args.force) as file:
        file.write(text.encode())
    if not args.quiet:
        print(f"wrote {path} ({len(explanation.lines)} lines of the loop)")
