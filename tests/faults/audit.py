"""Sees what the interpreter is asked to do while a run is opened: nothing from a run may be executed or unpickled.

A search for `pickle` in the source would not see what a library does. An audit hook sees every unpickled name, every
piece of code that is run, every process that is started and every file that is opened. It cannot be taken
away again, so it belongs into a process of its own.
"""

import importlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_NEVER: Final = (
    *("pickle.find_class", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "pty.spawn"),
    *("socket.connect", "socket.bind", "webbrowser.open", "ctypes.dlopen", "shutil.rmtree"),
)
_CODE: Final = ("exec", "marshal.loads", "code.__new__")
_IMPORTING: Final = importlib._bootstrap.__name__


class Watch:
    """What was asked for that nobody may ask for while a run is opened."""

    def __init__(self, allowed: Sequence[Path]) -> None:
        """Begins to watch; files may be opened only below the paths given, and where Python and the system lie."""
        places = (*allowed, Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])
        self._allowed = tuple(f"{place.resolve()}/" for place in places)
        self._allowed += ("/proc/", "/sys/", "/usr/share/", "/etc/localtime", "/dev/null")
        self._watching = False
        self._found: list[str] = []
        sys.addaudithook(self._hear)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watches, until the context ends.

        Raises:
            PermissionError: something was asked for.
        """
        self._found.clear()
        self._watching = True
        try:
            yield
        finally:
            self._watching = False
        if self._found:
            raise PermissionError("; ".join(self._found[:3]))

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event in _NEVER or (event in _CODE and not _is_import()):
            self._found.append(f"{event} {str(arguments)[:80]}")
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100  # a Path made here would be heard, too
            if not path.startswith(self._allowed):
                self._found.append(f"open {path[:80]}")


def _is_import() -> bool:
    """Whether code runs because a module of ours or of a library is imported, by a name that stands in the source."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_globals.get("__name__") == _IMPORTING:
            return True
        frame = frame.f_back
    return False


def sleeps_through(watch: Watch) -> list[str]:
    """What the watch does not see of what it is there for."""
    acts: dict[str, Callable[[], object]] = {
        "unpickling": lambda: pickle.loads(b"cposixpath\njoin\n."),
        "code": lambda: exec("1"),
        "a file": lambda: Path("/etc/passwd").open().close(),
    }
    unseen = []
    for name, act in acts.items():
        try:
            with watch.on():
                act()
        except PermissionError:
            continue
        unseen.append(name)
    return unseen
