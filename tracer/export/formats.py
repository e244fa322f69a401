"""The table of export formats: what the command line offers, the screen lists and the documentation names.

The table itself loads no format's library, so that a list of the formats costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

if TYPE_CHECKING:
    from tracer.export.selection import Request


@dataclass(frozen=True)
class Format:
    """A kind of file that a recording can be turned into.

    Attributes:
        suffix: Of the files, with the dot; empty for a format that is a directory always.
        summary: What it is and what opens it, in one line.
        module: Where its `write(request, out)` lies, or its `write_folder(request, folder)`.
        folder: Whether it is a directory: for "ranks", where several ranks are asked for.
        contents: Patterns of the files that such a directory holds, relative to it.
        text: Whether it may be compressed as a whole, and go to a terminal.
        one_rank: Whether it shows one rank unless it is told to show all.
    """

    suffix: str
    summary: str
    module: str
    folder: Literal["never", "ranks", "always"] = "never"
    contents: tuple[str, ...] = ()
    text: bool = True
    one_rank: bool = False

    def write(self, request: "Request", out: BinaryIO) -> None:
        """Writes what is asked for as one file, one rank after another.

        Raises:
            OSError: `out` cannot be written to.
        """
        write: Callable[[Request, BinaryIO], None] = import_module(self.module).write
        write(request, out)

    def write_folder(self, request: "Request", folder: Path) -> None:
        """Writes what is asked for as files in an empty directory.

        Raises:
            OSError: they cannot be written.
        """
        write: Callable[[Request, Path], None] = import_module(self.module).write_folder
        write(request, folder)


FORMATS: dict[str, Format] = {
    "csv": Format(".csv", "one row a call, for spreadsheets and pandas", "tracer.export.csv"),
    "jsonl": Format(".jsonl", "one JSON object a call and line, for scripts and log tools", "tracer.export.jsonl"),
    "parquet": Format(
        ".parquet",
        "the same table, typed and small, for pandas, Polars, DuckDB, Spark",
        "tracer.export.parquet",
        folder="ranks",
        contents=("rank=*/spans.parquet",),
        text=False,
    ),
    "chrome": Format(".json", "a timeline for Perfetto (ui.perfetto.dev) and chrome://tracing", "tracer.export.chrome"),
    "html": Format(".html", "a report of the run that opens anywhere, offline", "tracer.export.html", one_rank=True),
    "tensorboard": Format(
        "",
        "a directory with time per hook over the steps, for TensorBoard",
        "tracer.export.tensorboard",
        folder="always",
        contents=("rank-*/events.out.tfevents.*",),
        text=False,
    ),
}
