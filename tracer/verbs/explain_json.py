"""The explained loop as JSON, with times in nanoseconds."""

import json
from dataclasses import asdict
from typing import Any, Final

from tracer.analyze.docs_check import Difference
from tracer.analyze.findings_text import findings_json
from tracer.verbs.explained import Explanation

SCHEMA: Final = 1
"""It grows when fields change their meaning or go."""


def render(explanation: Explanation) -> str:
    """All of it. What is not ASCII is escaped, so that no terminal can be made to obey it.

    An object with schema (1), title, lines (the fields of `FoldedLine`, and why), docs (null if nobody asked) and
    findings (the fields of `Finding`).
    """
    lines = [
        {**asdict(line), "why": why, "docs": list(marks)}
        for line, why, marks in zip(explanation.lines, explanation.whys, explanation.marks(), strict=True)
    ]
    differences = explanation.differences
    content = {
        **findings_json(explanation.findings),
        "schema": SCHEMA,
        "title": explanation.title,
        "lines": lines,
        "docs": None if differences is None else [_difference(one) for one in differences],
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "id": one.claim.id,
        "hooks": list(one.hooks),
        "documented": one.claim.documented,
        "observed": one.observed,
        "sources": list(one.claim.sources),
    }
