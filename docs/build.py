"""Runs every command of the tutorial and the questions, and puts what it prints below it: `make docs`.

An output that differs from the one that stands there in nothing but times, shares and dates is left as it is, so that
a build changes a document only where it says something else. `--check` writes nothing and exits with 1 if it would.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import PROMPT, Block, blocks, replaced, says_the_same
from docs.scratch import ROOT, Scratch, scratch

DOCUMENTS: Final = ("tutorial", "questions", "explain")


class BuildError(Exception):
    """A command did not do what the document says of it."""


def main(arguments: Sequence[str]) -> int:
    """Builds, or checks, the documents that are named (all if none is); returns an exit code."""
    parser = argparse.ArgumentParser(description="Run the documents' commands and put their output into them.")
    parser.add_argument("documents", nargs="*", choices=[[], *DOCUMENTS], help="default: all")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a document is stale")
    options = parser.parse_args(arguments)
    stale = 0
    for name in options.documents or DOCUMENTS:
        path = ROOT / "docs" / f"{name}.md"
        started = time.monotonic()
        try:
            stale += build(path, options.check)
        except BuildError as error:
            print(f"{path.relative_to(ROOT)}:{error}", file=sys.stderr)
            return 1
        print(f"{path.relative_to(ROOT)}: {time.monotonic() - started:.0f} s", flush=True)
    return int(options.check and stale > 0)


def build(path: Path, check: bool) -> int:
    """Makes the blocks of one document anew; returns how many say something else than before.

    Raises:
        BuildError: a command failed that should not, or the other way round.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    bodies: list[tuple[Block, Sequence[str]]] = []
    stale = 0
    with scratch() as place:
        for block in blocks(lines):
            body = _body(block, place, draw=not check)
            if block.option("varies") is None and not says_the_same(body, block.body):
                stale += 1
                print(f"{path.relative_to(ROOT)}:{block.line + 1}: {(*block.commands, block.included)[0]}", flush=True)
            elif block.option("varies") is None:
                continue
            bodies.append((block, body))
    if not check:
        path.write_text("\n".join(replaced(lines, bodies)) + "\n", encoding="utf-8")
    return stale


def _body(block: Block, place: Scratch, draw: bool) -> Sequence[str]:
    if block.included is not None:
        return included_lines(block.included)
    if block.kind != "console":
        return block.body
    if block.option("picture") is not None:
        if draw:
            _draw(block, place)
        return block.body
    body: list[str] = []
    for number, command in enumerate(block.commands, 1):
        ended = place.run(command)
        wanted = int(block.option("exit") or 0) if number == len(block.commands) else 0
        if ended.code != wanted:
            raise BuildError(f"{block.line + 1}: exit code {ended.code}, not {wanted}: {command}\n{ended.errors}")
        body += [PROMPT + command, *ended.lines]
    return body


def included_lines(name: str) -> list[str]:
    """The lines of a file of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def _draw(block: Block, place: Scratch) -> None:
    """Makes the picture of what `hooktrace replay [RUN] [--start WHERE]` shows."""
    from tracer.cli import VERBS
    from tracer.run import find_run
    from tracer.verbs import replay
    from tracer.verbs.arguments import VerbParser

    parser = VerbParser("replay", VERBS["replay"].summary)
    replay.configure(parser)
    args = parser.parse_args(shlex.split(block.commands[0])[2:])
    run = find_run(args.run, place.path / "runs")
    words = ["python", "-m", "tui.picture", str(run), str(ROOT / "docs" / str(block.option("picture"))), "--force"]
    words += ["--at", args.start] if args.start else []
    keys = (block.option("keys") or "").split(",")
    words += ["--keys", *keys] if keys != [""] else []
    ended = place.run(shlex.join(words))
    if ended.code:
        raise BuildError(f"{block.line + 1}: no picture: {shlex.join(words)}\n{ended.errors}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
