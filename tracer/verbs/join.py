"""`hooktrace join`: one run out of the directories that the hosts of a training have written."""

from collections.abc import Sequence
from pathlib import Path

from tracer.verbs.arguments import VerbParser


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `join`."""
    parser.add_argument("parts", nargs="+", type=Path, metavar="DIR", help="what a host has written; one is rank 0's")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="the new run directory")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing unless something goes wrong")
    parser.epilog = (
        "For a training on several hosts that share no disk. Nothing is changed in the directories that are joined.\n"
        "\nexample:\n  hooktrace join node0/hooktrace node1/hooktrace -o runs/both"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Writes the run and says which ranks are in it."""
    args = parser.parse_args(arguments)
    from tracer.run import open_run
    from tracer.run.join import join

    ranks = join(args.parts, args.output)
    if not args.quiet:
        missing = sorted(set(range(open_run(args.output).info.world_size)) - set(ranks))
        lacks = f"; missing: {', '.join(map(str, missing))}" if missing else ""
        print(f"wrote {args.output} (ranks {', '.join(map(str, ranks))}{lacks})")
        print(f"next  hooktrace ranks {args.output}")
    return 0
