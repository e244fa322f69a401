"""Commands of the documents, run within this process: torch is loaded once for all of them."""

import os
import runpy
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest

from docs.scratch import EXAMPLES, ROOT
from tracer.cli import main
from tracer.verbs.launch import new_run_directory


class Inside:
    """A directory like that in which `make docs` runs the commands."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Copies the examples to `path` and makes them importable."""
        self._path = path
        self._monkeypatch = monkeypatch
        shutil.copytree(ROOT / EXAMPLES, path / EXAMPLES, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.syspath_prepend(path / EXAMPLES)
        for file in (path / EXAMPLES).glob("*.py"):
            monkeypatch.setitem(sys.modules, file.stem, None)
            monkeypatch.delitem(sys.modules, file.stem)

    def lines(self, command: str) -> list[str]:
        """What a `hooktrace` command prints to stdout; what stands behind a `|` is left to the shell."""
        ours, _, rest = command.partition(" | ")
        words = shlex.split(ours)[1:]
        printed = StringIO()
        with chdir(self._path), redirect_stdout(printed):
            if words[0] == "run":
                self._run(words[1:])
            else:
                assert main(words) == 0
        text = printed.getvalue()
        if rest:
            text = subprocess.run(["bash", "-c", rest], input=text, capture_output=True, text=True, check=True).stdout
        return text.replace(f"{self._path}/", "").splitlines()

    def _run(self, words: list[str]) -> None:
        """What `hooktrace run [-q] --name NAME SCRIPT [ARGS]` does, in this process."""
        name = words[words.index("--name") + 1]
        script = next(index for index, word in enumerate(words) if word.endswith(".py"))
        run = new_run_directory(Path("runs"), name, datetime.now())
        self._monkeypatch.setattr(sys, "argv", words[script:])
        self._monkeypatch.setitem(os.environ, "HOOKTRACE_DIR", str(run.resolve()))
        runpy.run_path(words[script], run_name="__main__")
