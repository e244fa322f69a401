"""Findings as lines of text and as plain values, for whoever shows them."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from tracer.analyze.findings_base import Finding
from tracer.run.text import plain_text

SCHEMA: Final = 1
_INDENT = "    "
_LINES = 6


def finding_lines(findings: Sequence[Finding], width: int = 100) -> list[str]:
    """Findings as lines of at most `width` characters, safe to print; empty if there are none.

    Each begins with a line `! title [how sure]`; what it means, its evidence and what to do follow, indented.
    """
    lines: list[str] = []
    for finding in findings:
        lines += _wrapped(f"{finding.title} [{finding.sure}]", width, "! ", "  ")
        lines += _wrapped(finding.what, width, _INDENT)
        for entry in finding.evidence[:_LINES]:
            lines += _wrapped(entry, width, f"{_INDENT}- ", f"{_INDENT}  ")
        if len(finding.evidence) > _LINES:
            lines.append(f"{_INDENT}- and {len(finding.evidence) - _LINES} more")
        lines += _wrapped(finding.next_step, width, f"{_INDENT}> ", f"{_INDENT}  ")
    return lines


def findings_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Findings as JSON can hold them: the schema's version, and the fields of `Finding` for each."""
    return {"schema": SCHEMA, "findings": [asdict(finding) for finding in findings]}


def _wrapped(text: str, width: int, first: str, rest: str | None = None) -> list[str]:
    return textwrap.wrap(
        plain_text(text, 2000),
        max(width, 40),
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_on_hyphens=False,
    )
