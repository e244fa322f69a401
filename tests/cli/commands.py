"""The command as a process of its own, and the environment that it needs."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}

# What starts the tests in the background makes all they start ignore Ctrl-C or hangups; a terminal does not.
AS_IN_A_TERMINAL = (
    "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from tracer.cli import main; sys.exit(main())"
)


def hooktrace(*arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs `python -m tracer` in the working directory of the test, until it ends."""
    return subprocess.run(
        [sys.executable, "-m", "tracer", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=ENVIRONMENT,
        timeout=timeout_s,
        check=False,
    )
