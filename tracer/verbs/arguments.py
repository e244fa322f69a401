"""What the verbs' command lines have in common, so that an option means the same wherever it appears."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from tracer.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from tracer.run import Run

RUNS_DIR = Path("runs")


class VerbParser(argparse.ArgumentParser):
    """A parser that reports a mistake as an error of ours, in one line, where argparse prints its usage and exits."""

    def __init__(self, verb: str, summary: str) -> None:
        super().__init__(
            prog=f"hooktrace {verb}",
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raises the message as a UsageError."""
        raise UsageError(f"{message} (`{self.prog} --help` shows what there is)")


def add_runs_dir(parser: argparse.ArgumentParser) -> None:
    """Adds --runs-dir."""
    parser.add_argument(
        "--runs-dir", type=Path, default=None, metavar="DIR", help="where runs lie (default: runs/ in this directory)"
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds RUN, which may be left out, and --runs-dir."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="directory or name of a run (default: the newest)")
    add_runs_dir(parser)


def add_output(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds -o, -f and -q for a verb that writes a file."""
    parser.add_argument("-o", "--output", metavar="PATH", help=f"where to write; - is stdout (default: {default})")
    parser.add_argument("-f", "--force", action="store_true", help="replace the output if it exists")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing unless something goes wrong")


def add_rank(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds --rank."""
    parser.add_argument("--rank", type=rank, metavar="N", help=f"global rank to look at (default: {default})")


def add_ranks(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds --rank for a verb that can look at all ranks at once."""
    parser.add_argument(
        "--rank", type=rank_or_all, metavar="N|all", help=f"global rank to look at (default: {default})"
    )


def rank_or_all(text: str) -> int | Literal["all"]:
    """A rank from its text, or all of them.

    Raises:
        ArgumentTypeError: it is neither.
    """
    return "all" if text == "all" else rank(text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help="print JSON, with times in nanoseconds")


def rank(text: str) -> int:
    """A rank from its text.

    Raises:
        ArgumentTypeError: it is no number from 0 on.
    """
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no rank: ranks count 0, 1, 2, ...")
    return int(text)


def runs_dir(args: argparse.Namespace) -> Path:
    """The directory in which runs lie.

    Raises:
        NotFoundError: one was named that is not there.
    """
    named: Path | None = args.runs_dir
    if named is not None and not named.is_dir():
        raise NotFoundError(f"no such directory: {named} (given as --runs-dir)")
    return named or RUNS_DIR


def selected_run(args: argparse.Namespace) -> "Run":
    """The run that the arguments of `add_run` name.

    Raises:
        HooktraceError: there is none, or it cannot be read.
    """
    from tracer.run import find_run, open_run

    return open_run(find_run(args.run, runs_dir(args)))


def selected_rank(args: argparse.Namespace, run: "Run") -> int:
    """The rank that `--rank` names; the lowest that was recorded if it names none.

    Raises:
        NotFoundError: it was not recorded.
    """
    return selected_ranks(args, run)[0]


def selected_ranks(args: argparse.Namespace, run: "Run") -> tuple[int, ...]:
    """The ranks that `--rank` names: one, or all; the lowest that was recorded if it names none.

    Raises:
        NotFoundError: it was not recorded.
    """
    ranks = run.ranks
    if args.rank == "all" and ranks:
        return ranks
    if args.rank is None:
        return ranks[:1] or (0,)
    if args.rank not in ranks:
        known = ", ".join(map(str, ranks)) or "none"
        raise NotFoundError(f"{run.name} has no recording of rank {args.rank} (there is: {known})")
    return (args.rank,)
