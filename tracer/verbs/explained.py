"""What `hooktrace explain` has to tell, without how it looks: every format shows the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tracer.analyze.docs_check import Difference
from tracer.analyze.docs_claims import Claim
from tracer.analyze.findings_base import Finding
from tracer.analyze.fold_cut import UNFINISHED
from tracer.analyze.fold_lines import FoldedLine


@dataclass(frozen=True)
class Explanation:
    """A folded loop with what there is to say about it. Texts come from a recording: untrusted.

    Attributes:
        title: Whose loop it is, in a line.
        nothing: What to say if there are no lines.
        lines: The loop.
        whys: By line, why the hook is where it is; None where there is nothing to say, or where it was said already.
        findings: What deserves a look.
        differences: What Lightning's documentation says otherwise; None if nobody asked.
        timed: Whether the times mean something.
    """

    title: str
    nothing: str
    lines: tuple[FoldedLine, ...]
    whys: tuple[str | None, ...]
    findings: tuple[Finding, ...] = ()
    differences: tuple[Difference, ...] | None = None
    timed: bool = True

    def marks(self) -> tuple[tuple[int, ...], ...]:
        """By line, the numbers (from 1) of the differences that it shows."""
        return tuple(_marks(self.lines, self.differences or ()))

    def with_shown_differences(self) -> "Explanation":
        """The same with those differences alone that a line shows."""
        shown = {number for marks in self.marks() for number in marks}
        said = self.differences and tuple(one for number, one in enumerate(self.differences, 1) if number in shown)
        return replace(self, differences=said)


def _marks(lines: Sequence[FoldedLine], differences: Sequence[Difference]) -> Iterator[tuple[int, ...]]:
    function = None
    for line in lines:
        if line.depth == 0:
            function = line.text.removeprefix("trainer.").rstrip(":")
        yield tuple(
            number for number, one in enumerate(differences, 1) if _shows(line, function, one.claim, one.marked)
        )


def _shows(line: FoldedLine, function: str | None, claim: Claim, marked: Sequence[str]) -> bool:
    name = line.text.partition(":")[0]  # a loop's ends in a colon
    return name in marked and claim.function in (None, function) and claim.kind in ("", line.owner_kind)


def first_whys(lines: Sequence[FoldedLine]) -> tuple[str | None, ...]:
    """By line, why the hook is where it is; each sentence once, where it applies first."""
    from tracer.analyze.why import why

    said: set[str] = set()
    found: list[str | None] = []
    for line in lines:
        sentence = why(line.text, line.owner_kind) if line.kind == "call" else None
        found.append(None if sentence in said else sentence)
        said.add(sentence or "")
    return tuple(found)


def is_unfinished(line: FoldedLine) -> bool:
    """Whether the recording ends in it."""
    return UNFINISHED in (line.comment or "")
