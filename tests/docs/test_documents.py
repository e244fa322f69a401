"""The tutorial and the questions say what the tool says."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.blocks import Block, blocks, masked, replaced, says_the_same
from docs.build import DOCUMENTS, included_lines
from docs.scratch import EXAMPLES, ROOT, scratch
from tests.docs.inside import Inside
from tracer.cli import VERBS
from tracer.verbs.arguments import VerbParser

_OF_THE_PROGRAM = {"run": "docs/", "train": "--data"}
"""Where a verb's own options end and those of the program that it starts begin."""


def lines_of(document: str) -> list[str]:
    return (ROOT / "docs" / f"{document}.md").read_text(encoding="utf-8").splitlines()


ALL = [(document, block) for document in DOCUMENTS for block in blocks(lines_of(document))]
COMMANDS = [command for _, block in ALL for command in block.commands]


def test_every_example_is_shown_as_it_is() -> None:
    shown = {block.included: list(block.body) for _, block in ALL if block.included}
    assert shown == {name: included_lines(name) for name in shown}
    assert {Path(name).name for name in shown} == {path.name for path in (ROOT / EXAMPLES).glob("*.py")}


def test_every_command_has_its_output_and_no_output_has_no_command() -> None:
    for document, block in ALL:
        if block.kind == "console":
            assert block.body[0].startswith("$ "), f"docs/{document}.md:{block.line + 1}"


@pytest.mark.parametrize("command", dict.fromkeys(part for line in COMMANDS for part in line.split(" | ")))
def test_every_verb_takes_the_options_that_are_shown(command: str) -> None:
    words = shlex.split(command)
    if words[0] != "hooktrace":
        return
    verb = words[1]
    end = _OF_THE_PROGRAM.get(verb, " ")
    own = words[2 : next((index for index, word in enumerate(words) if word.startswith(end)), None)]
    parser = VerbParser(verb, VERBS[verb].summary)
    VERBS[verb].load(verb).configure(parser)
    parser.parse_args(own)  # raises for what it does not know
    assert all((ROOT / word).exists() for word in words if word.startswith("docs/"))


@pytest.mark.parametrize("name", [path.name for path in (ROOT / "docs").glob("*.md")])
def test_every_link_leads_somewhere(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    assert [target for target in targets if not (ROOT / "docs" / target.partition("#")[0]).exists()] == []


STEPS = ["smallest", "validation", "callbacks", "misspelt", "testing", "base", "accumulate", "steps"]


def test_the_steps_of_the_tutorial_come_out_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = Inside(tmp_path, monkeypatch)
    current, checked = "", 0
    for block in blocks(lines_of("tutorial")):
        for number, command in enumerate(block.commands):
            words = command.split()
            if words[1] == "run":
                current = words[words.index("--name") + 1]
            if current not in STEPS or block.option("picture") is not None or block.option("varies") is not None:
                continue
            made = inside.lines(command)
            if words[1] != "run":
                start = block.body.index(f"$ {command}") + 1
                shown = block.body[start:] if number + 1 == len(block.commands) else ()
                assert says_the_same(made, shown), f"docs/tutorial.md:{block.line + 1}: run `make docs`"
                checked += 1
    assert checked >= len(STEPS)


def test_a_command_shows_what_it_prints_and_what_we_say() -> None:
    with scratch() as place:
        ended = place.run("echo one; echo of Lightning >&2; echo hooktrace: two >&2; pwd; exit 3")
        assert ended.lines == ("one", str(place.path), "hooktrace: two")
        assert ended.code == 3
        assert place.run("hooktrace --version").lines[0].startswith("hooktrace ")
        assert place.run(f"ls {EXAMPLES}/smallest.py").code == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("  setup: Line       1  3.10 ms    7.0 %", "  setup: Line    1  900 µs   12.0 %", True),
        ("runs/20260102-030405-base (finished)", "runs/20261124-135356-base (finished)", True),
        ("Epoch 1/1  ━━━━ 8/8 0:00:00 1307.18it/s", "Epoch 1/1  ━━━━━━╸ 8/8 0:00:07 9.1it/s", True),
        ("  setup: Line       1  3.10 ms    7.0 %", "  setup: Line    2  3.10 ms    7.0 %", False),
        ("val_loss 0.25", "val_loss 0.26", False),
        ("for batch in range(8):", "for batch in range(9):", False),
    ],
)
def test_times_make_no_difference_and_counts_do(one: str, other: str, same: bool) -> None:
    assert says_the_same([one], [other]) is same


@given(st.lists(st.sampled_from(["text", "```console varies exit=1", "```", "$ hooktrace list", "12 ms", ""])))
def test_blocks_put_back_leave_the_document_as_it_was(lines: list[str]) -> None:
    try:
        found = blocks(lines)
    except ValueError:
        assert sum(line.startswith("```") for line in lines) % 2
        return
    assert replaced(lines, [(block, block.body) for block in found]) == lines
    assert blocks(replaced(lines, [(block, ()) for block in found])) == [
        Block(line, block.kind, block.options, ()) for block, line in zip(found, _starts(found), strict=True)
    ]


def _starts(found: list[Block]) -> list[int]:
    """The first lines of blocks after all their bodies are gone."""
    gone = [sum(len(earlier.body) for earlier in found[:index]) for index in range(len(found))]
    return [block.line - lines for block, lines in zip(found, gone, strict=True)]


@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@pytest.mark.soak
def test_make_docs_would_change_nothing() -> None:
    build = [sys.executable, str(ROOT / "docs" / "build.py"), "--check"]
    ended = subprocess.run(build, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
