"""Writing an export, whole or not at all: what the command line, the screen and Python programs call."""

import gzip
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from tracer.errors import UsageError
from tracer.export.formats import FORMATS, Format
from tracer.export.output import new_file, new_folder
from tracer.export.selection import Request, Selection, Watcher
from tracer.run import Run

Ranks = int | Literal["all"] | None
EVERYTHING: Final = Selection()
STEM: Final = "hooks"
"""Of the files that are named by us."""


def write(
    run: Run,
    format: str = "csv",
    path: str | Path | None = None,
    *,
    rank: Ranks = None,
    selection: Selection = EVERYTHING,
    force: bool = False,
    watcher: Watcher | None = None,
) -> Path:
    """Exports the spans of a run.

    Args:
        run: From `tracer.open_run`.
        format: A name of `FORMATS`.
        path: Of the file, or of the directory where the format is one; by default `hooks` and the format's suffix in
            the run's directory. A text format is compressed where the name ends in `.gz`.
        rank: Whose spans: a global rank, or "all". By default all, or the lowest where the format shows one only.
        selection: Which of them.
        force: Replace what is there.
        watcher: Is told of the progress.

    Returns:
        Where it was written.

    Raises:
        UsageError: there is no such format.
        NotFoundError: nothing was recorded of the rank, or there is no directory for the file.
        ExistsError: there is something already.
        HooktraceError: it cannot be written.
    """
    form = format_named(format)
    target = run.path / f"{STEM}{form.suffix}" if path is None else Path(path)
    request = request_for(run, form, rank, selection, watcher)
    if form.folder == "always" or (form.folder == "ranks" and (rank == "all" or len(request.ranks) > 1)):
        with new_folder(target, form.contents, force) as directory:
            form.write_folder(request, directory)
    else:
        with new_file(target, force) as file:
            _write_file(request, form, file, compressed=form.text and target.name.endswith(".gz"))
    return target


def format_named(name: str) -> Format:
    """The entry of `FORMATS`.

    Raises:
        UsageError: there is none of that name; the message lists them.
    """
    if name not in FORMATS:
        raise UsageError(f"no format {name!r} (there is: {', '.join(FORMATS)})")
    return FORMATS[name]


def request_for(
    run: Run, form: Format, rank: Ranks = None, selection: Selection = EVERYTHING, watcher: Watcher | None = None
) -> Request:
    """What a format is asked to write; the arguments are those of `write`."""
    recorded = run.ranks or (0,)  # reading that rank says that there is none
    if isinstance(rank, int):
        ranks: tuple[int, ...] = (rank,)
    else:
        ranks = recorded if rank == "all" or not form.one_rank else recorded[:1]
    return Request(run, ranks, selection, watcher or Watcher())


def _write_file(request: Request, form: Format, out: BinaryIO, compressed: bool) -> None:
    if not compressed:
        form.write(request, out)
        return
    # Without name and time: the same spans make the same file.
    with gzip.GzipFile(filename="", mode="wb", fileobj=out, compresslevel=4, mtime=0) as packed:
        form.write(request, cast(BinaryIO, packed))
