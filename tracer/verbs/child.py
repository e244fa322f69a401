"""The training process beside the viewer: started so that nothing that happens to the viewer can happen to it.

It has a session of its own, so Ctrl-C and a closed terminal reach the viewer alone, and it writes to a file, so it
never waits for anybody to read. It ends when it is done, when it is told to, or never.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tracer.run.layout import OUTPUT_FILE
from tracer.verbs.recordings import Recordings


class ChildProcess:
    """A process of ours that trains and records into a run directory."""

    def __init__(
        self,
        arguments: Sequence[str],
        run_dir: Path,
        environment: Mapping[str, str],
        recordings: Recordings | None = None,
    ) -> None:
        """Starts Python with these arguments.

        Args:
            arguments: What follows the interpreter.
            run_dir: An existing directory: it records there, and its output goes to a file there.
            environment: Of this process; the child's has what the recording needs besides.
            recordings: What it is to tell where it records.

        Raises:
            OSError: the process cannot be started, or the file cannot be made.
        """
        self._recordings = recordings
        with (run_dir / OUTPUT_FILE).open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={
                    **environment,
                    **(recordings.environment if recordings else {}),
                    "HOOKTRACE_DIR": str(run_dir.resolve()),
                    "PYTHONUNBUFFERED": "1",
                    "COLUMNS": "100",
                },
            )

    @property
    def pid(self) -> int:
        """Its process number, which is also that of its process group."""
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._process.poll()

    def recordings(self) -> Sequence[Path]:
        """The directories of the runs that it has begun, one a Trainer, in order."""
        return self._recordings.paths() if self._recordings else ()

    def interrupt(self) -> None:
        """Sends its process group what Ctrl-C sends."""
        self._send(signal.SIGINT)

    def terminate(self) -> None:
        """Sends its process group SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Ends its process group at once."""
        self._send(signal.SIGKILL)

    def wait(self) -> int:
        """Waits for its end; returns the code that a shell would report: 128 + n for one killed by signal n."""
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def _send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
