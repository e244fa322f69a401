"""The table of export formats: what the command line offers, the screen lists and the documentation names.

The table itself loads no format's library, so that a list of the formats costs nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from tracer.run.trace import Trace


@dataclass(frozen=True)
class Format:
    """A kind of file that a recording can be turned into.

    Attributes:
        suffix: Of the files, with the dot.
        summary: What it is and what opens it, in one line.
        module: Where its `write(traces, out)` lies.
    """

    suffix: str
    summary: str
    module: str

    def write(self, traces: "Sequence[Trace]", out: BinaryIO) -> None:
        """Writes the spans of these ranks, one rank after another.

        Raises:
            OSError: `out` cannot be written to.
        """
        write: Callable[[Sequence[Trace], BinaryIO], None] = import_module(self.module).write
        write(traces, out)


FORMATS: dict[str, Format] = {
    "csv": Format(".csv", "one row a span, for spreadsheets and pandas", "tracer.export.csv"),
}
