"""The formats of an explanation: laws that hold whatever a recording says."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.test_page import HOSTILE, Outline
from tracer.analyze.docs_check import Difference
from tracer.analyze.docs_claims import CLAIMS
from tracer.analyze.findings_base import Finding
from tracer.analyze.fold_lines import FoldedLine
from tracer.run.layout import OWNER_KINDS
from tracer.run.text import plain_text
from tracer.verbs import explain_html, explain_json, explain_markdown, explain_text
from tracer.verbs.explained import Explanation

TEXTS = st.text(max_size=12) | st.sampled_from(
    (*HOSTILE, "```", "\n# no", "@someone", "on_train_start", "- [ ] x", "x" * 150)
)
TIMES = st.none() | st.floats(0, 1e12)


@st.composite
def lines(draw: st.DrawFn) -> tuple[FoldedLine, ...]:
    """Lines that are nested as those of a fold are: none is deeper than the one before by more than a level."""
    made: list[FoldedLine] = []
    for kind in draw(st.lists(st.sampled_from(("call", "loop", "condition")), max_size=12)):
        owners = draw(st.lists(TEXTS, max_size=5)) if kind == "call" else []
        deepest = made[-1].depth + 1 if made else 0
        made.append(
            FoldedLine(
                draw(st.integers(0, deepest)),
                kind,
                draw(TEXTS),
                tuple(owners),
                comment=draw(st.none() | TEXTS),
                count=None if kind == "condition" else draw(st.integers(0, 10**12)),
                mean_ns=draw(TIMES),
                share=draw(st.none() | st.floats(0, 1)),
                owner_kinds=tuple(draw(st.sampled_from(OWNER_KINDS)) for _ in owners),
            )
        )
    return tuple(made)


@st.composite
def explanations(draw: st.DrawFn) -> Explanation:
    """Whatever can be explained, with all that there is to say."""
    loop = draw(lines())
    finding = Finding("x", draw(TEXTS), draw(TEXTS), (draw(TEXTS),), draw(TEXTS), "likely")
    said = Difference(CLAIMS[0], CLAIMS[0].hooks)
    whys = tuple(draw(st.none() | TEXTS) for _ in loop)
    return Explanation(draw(TEXTS), "there is nothing", loop, whys, (finding,), (said,), draw(st.booleans()))


@settings(max_examples=25)
@given(explanations())
def test_text_fits_a_terminal_and_cannot_command_it(explanation: Explanation) -> None:
    text = explain_text.render(explanation)

    assert all(len(line) <= explain_text.WIDTH for line in text.split("\n"))
    assert all(plain_text(line) == line for line in text.split("\n"))
    assert len(explain_text.loop_lines(explanation)) >= len(explanation.lines)


@settings(max_examples=25)
@given(explanations())
def test_markdown_is_one_block_and_mentions_nobody(explanation: Explanation) -> None:
    before, block, below = explain_markdown.render(explanation).split("```")

    assert "\n" not in before.rstrip("\n")
    assert block.startswith("python\n")
    prose = "".join(below.split("`")[::2])
    assert "@" not in prose
    assert "<script" not in prose
    assert all(plain_text(line, 10_000) == line for line in below.split("\n"))


@settings(max_examples=25)
@given(explanations())
def test_a_page_has_the_elements_of_one_with_harmless_names(explanation: Explanation) -> None:
    harmless = replace(
        explanation,
        title="x",
        lines=tuple(
            replace(
                line,
                text=line.text if line.text in explanation.differences[0].marked else "x",  # type: ignore[index]
                owners=("x",) * len(line.owners),
                comment=line.comment and "x",
            )
            for line in explanation.lines
        ),
    )
    tags = [
        [tag for tag, _, _ in Outline(explain_html.render(one)).elements if tag != "code"]
        for one in (explanation, harmless)
    ]

    assert tags[0] == tags[1]
    assert tags[0].count("details") == sum(
        after.depth > line.depth for line, after in zip(explanation.lines, explanation.lines[1:], strict=False)
    )


@settings(max_examples=25)
@given(explanations())
def test_json_is_what_was_told(explanation: Explanation) -> None:
    told = json.loads(explain_json.render(explanation))

    assert [line["text"] for line in told["lines"]] == [line.text for line in explanation.lines]
    assert [line["why"] for line in told["lines"]] == list(explanation.whys)
    assert [one["title"] for one in told["findings"]] == [one.title for one in explanation.findings]
