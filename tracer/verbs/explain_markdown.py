"""The explained loop as Markdown that GitHub shows well: the pseudo-code as a block, the rest as lists below."""

import re
from collections.abc import Iterator
from dataclasses import replace

from tracer.analyze.docs_check import Difference
from tracer.analyze.findings_base import Finding
from tracer.run.text import plain_text
from tracer.verbs.explain_text import loop_lines
from tracer.verbs.explained import Explanation

_CODE = re.compile(r"[\\`*_{}\[\]<>#|!~&$@]")
"""What a word must not have in it to be no more than a word, on GitHub in particular: `@name`, `name#1`."""
_BLOCK = re.compile(r"[-+=]+|\d+[.)]")
"""What begins a list or a heading if it is the first word."""
_WORD = re.compile(r"(\(?)(.+?)([.,;:)]*)", re.DOTALL)
_LONGEST = 2000
_NOTES_FROM = 8
"""So many sentences or more are folded away: the loop is what people came for."""


def render(explanation: Explanation) -> str:
    """All of it. Nothing that comes from a recording can be anything but text, a mention of a person included."""
    untold = replace(explanation, title="", whys=(None,) * len(explanation.lines))
    code = [line.replace("`", "'") for line in loop_lines(untold)]
    parts = [f"### {_text(explanation.title)}", "\n".join(["```python", *code, "```"])]
    parts += _differences(explanation)
    parts += _findings(explanation)
    parts += _whys(explanation)
    return "\n\n".join(parts) + "\n"


def _differences(explanation: Explanation) -> Iterator[str]:
    if explanation.differences:
        yield "#### Where Lightning's documentation differs"
        yield "\n".join(f"{number}. {_difference(one)}" for number, one in enumerate(explanation.differences, 1))
    elif explanation.differences is not None:
        yield "Nothing here differs from what Lightning's documentation says, as far as that is known."


def _difference(one: Difference) -> str:
    sources = ", ".join(f"<{source}>" if "://" in source else _text(source) for source in one.claim.sources)
    return f"*Documented:* {_text(one.claim.documented)}. *Observed:* {_text(one.observed)}. ({sources})"


def _findings(explanation: Explanation) -> Iterator[str]:
    if explanation.findings:
        yield "#### Findings"
        yield "\n".join(_finding(one) for one in explanation.findings)


def _finding(one: Finding) -> str:
    evidence = [f"  - {_text(entry)}" for entry in one.evidence]
    head = f"- **{_text(one.title)}** ({one.sure}): {_text(one.what)}"
    return "\n".join([head, *evidence, f"  - → {_text(one.next_step)}"])


def _whys(explanation: Explanation) -> Iterator[str]:
    said = [
        f"- {_code(plain_text(line.text))}: {_text(why)}"
        for line, why in zip(explanation.lines, explanation.whys, strict=True)
        if why
    ]
    if not said:
        return
    if len(said) < _NOTES_FROM:
        yield "\n".join(["#### Why", "", *said])
    else:
        yield "\n".join(["<details><summary>Why each hook is where it is</summary>", "", *said, "", "</details>"])


def _text(text: str) -> str:
    """Untrusted text as Markdown that shows it as it is; names with an underscore and the like become code."""
    words = [_word(word) for word in plain_text(text, _LONGEST).split(" ")]
    return " ".join([f"\\{words[0]}" if _BLOCK.fullmatch(words[0]) else words[0], *words[1:]])


def _word(word: str) -> str:
    match = _WORD.fullmatch(word)
    if match is None or not _CODE.search(word):
        return word
    before, name, behind = match.groups()
    is_code = len(name) > 2 and name[0] == name[-1] == "`"
    return f"{before}{_code(name[1:-1] if is_code else name)}{behind}"


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`"
