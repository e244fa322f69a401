"""`hooktrace` without a verb, in a terminal: the list of the runs, from which they are opened."""

import importlib.util

from tracer.verbs.arguments import RUNS_DIR
from tracer.verbs.terminal import has_terminal


def hint() -> str | None:
    """What to do where there is a terminal, but no list to show; None where `browse` has one, or no terminal is."""
    if not has_terminal() or _has_runs():
        return None
    return f"no runs in {RUNS_DIR}/ yet: `hooktrace train` records one, and `hooktrace` alone then lists them"


def can_browse() -> bool:
    """Whether there is a list, and a screen to show it on."""
    return has_terminal() and importlib.util.find_spec("textual") is not None and _has_runs()


def browse() -> int:
    """Shows the list until it is left; returns the exit code."""
    from tui.browse import browse as show
    from tui.settings import user_settings

    return show(RUNS_DIR, user_settings)


def _has_runs() -> bool:
    if not RUNS_DIR.is_dir():
        return False
    from tracer.run import list_runs

    return bool(list_runs(RUNS_DIR))
