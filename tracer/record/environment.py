"""The recorder's settings in the environment, and its way to complain. The standard library alone.

Apart from the rest because `autoload` is loaded by every program with a Trainer wherever hooktrace is installed: one
that is not to be recorded must not pay for more than a look at the environment.
"""

import os
import sys
import warnings

DIRECTORY_VARIABLE = "HOOKTRACE_DIR"
DISABLED_VARIABLE = "HOOKTRACE_DISABLED"


def is_disabled() -> bool:
    """Whether the user has switched recording off."""
    return os.environ.get(DISABLED_VARIABLE, "") not in ("", "0")


def warn(message: str) -> None:
    """Warns, and never raises, not even under `-W error`."""
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    except RuntimeWarning:
        sys.stderr.write(message + "\n")
