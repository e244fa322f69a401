"""Whether there is a terminal that a screen can be drawn on."""

import os
import sys


def has_terminal() -> bool:
    """Whether input and output are a terminal, and one that can place text."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
