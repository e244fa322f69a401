"""Golden files: the order of a whole recording as folded pseudo-code that a test compares with the one before.

The text holds no times and no versions, so it changes when the order does.
"""

import difflib
import os
from pathlib import Path
from typing import Final

from tracer.testing.calls import CallTrace
from tracer.testing.folded import pseudo_code

UPDATE_VARIABLE: Final = "HOOKTRACE_UPDATE_GOLDEN"


def outline(trace: CallTrace) -> str:
    """The order of the calls as the pseudo-code of `hooktrace explain`. The same calls give the same text."""
    return "".join(f"{line}\n" for line in pseudo_code(trace))


def assert_golden(trace: CallTrace, path: str | os.PathLike[str], update: bool | None = None) -> None:
    """Asserts that the outline of a recording is what the golden file holds.

    Args:
        trace: The recording.
        path: The golden file.
        update: Whether to write the file instead; else HOOKTRACE_UPDATE_GOLDEN=1 in the environment decides.

    Raises:
        AssertionError: it is not, or there is no such file; the message shows the difference.
    """
    __tracebackhide__ = True
    file, text = Path(path), outline(trace)
    if update is None:
        update = os.environ.get(UPDATE_VARIABLE, "") not in ("", "0")
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        return
    how = f"write it with {UPDATE_VARIABLE}=1 or pytest --hooktrace-update"
    if not file.exists():
        raise AssertionError(f"there is no golden file {file}; {how}")
    expected = file.read_text(encoding="utf-8")
    if expected != text:
        names = (str(file), "this run")
        difference = difflib.unified_diff(expected.splitlines(), text.splitlines(), *names, lineterm="", n=4)
        raise AssertionError("\n".join([f"the hook order changed; if that is right, {how}", "", *difference]))
