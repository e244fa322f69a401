"""The explained loop as one page that needs no network: a tree to be folded, with who is called and what it takes."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tracer.analyze.docs_check import Difference
from tracer.analyze.findings_base import Finding
from tracer.analyze.fold_lines import FoldedLine
from tracer.export.page import asset, escape, page
from tracer.run.layout import OWNER_KINDS
from tracer.verbs.explained import Explanation, is_unfinished
from tracer.verbs.text import duration

_LONG: Final = 2000
_CODE: Final = re.compile("`([^`]+)`")
_LEVELS: Final = (2, 4, 6)
"""Depths to which the page's buttons fold."""


def render(explanation: Explanation) -> str:
    """All of it as a page."""
    body = [f"<h1>{escape(explanation.title)}</h1>", *loop_html(explanation)]
    body += _differences(explanation.differences)
    body += findings_html(explanation.findings)
    look, script = asset("explain.css"), asset("explain.js")
    return page(explanation.title, "\n".join(body), style=look, scripts=[script])


def loop_html(explanation: Explanation) -> Iterator[str]:
    """The loop as elements that explain.css and explain.js know."""
    if not explanation.lines:
        yield f"<p>{escape(explanation.nothing)}</p>"
        return
    there = {kind for line in explanation.lines for kind in line.owner_kinds}
    legend = " ".join(f'<span class="chip {kind}">{kind}</span>' for kind in OWNER_KINDS if kind in there)
    folds = " ".join(f'<button data-depth="{depth}">{depth} levels</button>' for depth in _LEVELS)
    yield '<div class="tools">'
    yield f'<span>fold to {folds} <button data-depth="100">all</button></span>'
    if any(explanation.whys):
        yield '<label><input type="checkbox" id="whys"> why it is there</label>'
    yield f'<span class="soft">{legend} <span class="chip own">brings a function of its own</span></span>'
    yield "</div>"
    times = "<span>mean</span><span>share of the run</span>" if explanation.timed else ""
    yield f'<div class="loop-tree{"" if explanation.timed else " untimed"}" role="tree">'
    yield f'<div class="row head soft"><span></span><span>calls</span>{times}</div>'
    yield from _tree(explanation)
    yield "</div>"


def _tree(explanation: Explanation) -> Iterator[str]:
    """The lines, each with those below it inside."""
    lines, marks = explanation.lines, explanation.marks()
    depths = [line.depth for line in lines[1:]]
    around: list[int] = []
    for line, deeper, why, marked in zip(lines, [*depths, 0], explanation.whys, marks, strict=True):
        while around and around[-1] >= line.depth:
            around.pop()
            yield "</div></details>"
        row = f'<div class="row {line.kind}">{_row(line, explanation.timed)}</div>{_notes(explanation, why, marked)}'
        if deeper > line.depth:
            around.append(line.depth)
            yield f'<details open data-depth="{line.depth + 1}"><summary>{row}</summary><div class="inside">'
        else:
            yield f'<div class="leaf">{row}</div>'
    yield "</div></details>" * len(around)


def _row(line: FoldedLine, timed: bool) -> str:
    chips = " ".join(map(_chip, line.owners, line.owner_kinds))
    look = "comment bad" if is_unfinished(line) else "comment"
    comment = f'<span class="{look}"># {escape(line.comment)}</span>' if line.comment else ""
    head = f"<span><code>{escape(line.text, _LONG)}</code> {chips} {comment}</span>"
    if line.count is None:
        return head
    count = f'<span class="number">{line.count:,}</span>'
    return head + count + (_times(line) if timed else "")


def _times(line: FoldedLine) -> str:
    mean = "" if line.mean_ns is None else escape(duration(line.mean_ns))
    share = line.share or 0.0
    bar = f'<span class="bar"><i style="width:{share * 100:.2f}%"></i></span><span>{share * 100:.1f} %</span>'
    return f'<span class="number">{mean}</span><span class="share">{bar}</span>'


def _chip(owner: str, kind: str) -> str:
    name = owner.removesuffix("*")
    own = " own" if owner != name else ""
    return f'<span class="chip {escape(kind)}{own}">{escape(name)}</span>'


def _notes(explanation: Explanation, why: str | None, marked: Sequence[int]) -> str:
    notes = [f'<div class="why soft">{_said(why)}</div>'] if why else []
    for number in marked:
        said = (explanation.differences or ())[number - 1].claim.mark
        notes.append(f'<div class="mark warn">docs: {_said(said)} <a href="#docs-{number}">[{number}]</a></div>')
    return "".join(notes)


def _differences(differences: Sequence[Difference] | None) -> Iterator[str]:
    if differences is None:
        return
    yield "<h2>Where Lightning's documentation differs</h2>"
    if not differences:
        yield "<p>Nothing here differs from what it says, as far as that is known.</p>"
        return
    yield "<ol>"
    for number, one in enumerate(differences, 1):
        sources = "; ".join(_source(source) for source in one.claim.sources)
        yield f'<li id="docs-{number}">{_said(one.claim.documented)}'
        yield f"<br><strong>seen:</strong> {_said(one.observed)}"
        yield f'<br><span class="soft">{sources}</span></li>'
    yield "</ol>"


def _source(source: str) -> str:
    text = escape(source)
    return f'<a href="{text}">{text}</a>' if source.startswith("https://") else text


def findings_html(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings with their heading; nothing where there are none."""
    if findings:
        yield "<h2>Findings</h2>"
    for one in findings:
        evidence = "".join(f"<li>{_said(entry)}</li>" for entry in one.evidence)
        yield f'<h3>{_said(one.title)} <span class="soft">{escape(one.sure)}</span></h3>'
        yield f"<p>{_said(one.what)}</p><ul>{evidence}</ul><p>&rarr; {_said(one.next_step)}</p>"


def _said(text: str) -> str:
    """A sentence as HTML, what stands in it between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text, _LONG))
