"""`hooktrace train`: the demo trains in a process of its own, and the screen shows it.

What happens to this process does not happen to the training. A closed terminal (SIGHUP) leaves it running, to be found
again with `hooktrace watch`. Ctrl-C asks first on the screen and is passed on without one. SIGTERM is passed on, so
that stopping this command from outside stops what it started.
"""

import argparse
import importlib.util
import os
import re
import shutil
import signal
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count, zip_longest
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from demo_model.named_configs import find_config, lesson, named_configs
from tracer.errors import HooktraceError, MissingExtraError, UsageError
from tracer.run.layout import OUTPUT_FILE
from tracer.verbs.arguments import RUNS_DIR, VerbParser, add_runs_dir
from tracer.verbs.terminal import has_terminal

if TYPE_CHECKING:
    from tracer.verbs.child import ChildProcess

_NEEDED = ("lightning", "torch", "torchvision", "jsonargparse", "numpy", "textual", "textual_plot")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DEFAULT_NAME = "convnet"


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `train`; all others are the training program's."""
    parser.usage = "hooktrace train [--name NAME] [--runs-dir DIR] [--no-tui] [--config FILE] [options of the demo]"
    parser.add_argument("--name", help="what to call the run (default: the configuration's name, or convnet)")
    add_runs_dir(parser)
    parser.add_argument("--no-tui", action="store_true", help="print lines of progress in place of the screen")
    configs = "\n".join(_described(name, lesson(path)) for name, path in named_configs().items())
    parser.epilog = (
        "Everything else goes to the demo, a LightningCLI program:\n"
        "  --config FILE               a configuration, or the name of one of these\n"
        "  --data auto|mnist|synthetic, --data_dir DIR\n"
        "  --trainer.max_epochs 2, --trainer.limit_train_batches 100, any other Trainer argument\n"
        "  --model.lr 0.01, any other option of the network\n"
        "`python -m demo_model all --help` lists them all.\n"
        f"\nconfigurations:\n{configs}\n"
        "\nThe training is a process of its own: a closed terminal does not end it, `hooktrace watch` finds it again.\n"
        "The exit code is the training's.\n"
        "\nexample:\n  hooktrace train --config accumulate4 --data synthetic --trainer.max_epochs 1"
    )


def _described(name: str, lesson: str) -> str:
    width = max(60, min(shutil.get_terminal_size().columns, 110))
    return textwrap.fill(lesson, width, initial_indent=f"  {name:<14}", subsequent_indent=" " * 16)


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Trains; returns the training's exit code, or 0 if it was left running."""
    args, passed_on = parser.parse_known_args(arguments)
    config = _config_of(passed_on)
    _check(passed_on, config)
    name = _name_after(config) if args.name is None else args.name
    run_dir = new_run_directory(args.runs_dir or RUNS_DIR, name, datetime.now())
    return _train(args, run_dir, passed_on)


def _check(passed_on: Sequence[str], config: str | None) -> None:
    """What would otherwise be noticed too late: after seconds of loading, in the output of another process.

    Raises:
        HooktraceError: the training could not start, or there would be nothing to see.
    """
    for name in _NEEDED:
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError(
                f"training the demo needs {name}, which is not installed: pip install 'hooktrace[all]'"
            )
    if os.environ.get("HOOKTRACE_DISABLED", "0") not in ("", "0"):
        raise UsageError("HOOKTRACE_DISABLED switches recording off, so there would be nothing to see: unset it")
    if config is not None and find_config(config) is None:
        known = ", ".join(named_configs())
        raise UsageError(f"no configuration {config!r}: it is neither a file nor one of {known}")
    if any(option.startswith("--trainer.default_root_dir") for option in passed_on):
        raise UsageError("--trainer.default_root_dir is the run's directory: choose it with --runs-dir and --name")


def _config_of(passed_on: Sequence[str]) -> str | None:
    """The configuration in the demo's arguments, whose name says best what the run is about."""
    for option, value in zip_longest(passed_on, passed_on[1:], fillvalue=""):
        key, _, inline = option.partition("=")
        if key in ("--config", "-c"):
            return inline or value
    return None


def _name_after(config: str | None) -> str:
    stem = Path(config or "").stem
    return stem if _NAME.fullmatch(stem) else _DEFAULT_NAME


def new_run_directory(runs_dir: Path, name: str, now: datetime) -> Path:
    """Makes a directory `<time>-<name>`, with a number behind it if runs were started in the same second.

    Raises:
        UsageError: the name is no plain name.
        HooktraceError: the directory cannot be made.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a run: use letters, digits, '.', '_' and '-', at most 64 of them")
    for number in count(1):
        path = runs_dir / f"{now:%Y%m%d-%H%M%S}-{name}{f'-{number}' if number > 1 else ''}"
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            if not path.is_dir():
                raise HooktraceError(f"cannot make {path}: {error.strerror}") from error
        except OSError as error:
            raise HooktraceError(f"cannot make {path}: {error.strerror}") from error
        else:
            return path
    raise AssertionError("count() ends")


def _train(args: argparse.Namespace, run_dir: Path, passed_on: Sequence[str]) -> int:
    from tracer.verbs.child import ChildProcess
    from tracer.verbs.report import report_end, report_left

    program = ["-m", "demo_model", "all", *passed_on, "--trainer.default_root_dir", str(run_dir.resolve())]
    show = _lines if args.no_tui or not has_terminal() else _screen
    try:
        child = ChildProcess(program, run_dir, os.environ)
    except OSError as error:
        raise HooktraceError(f"cannot start the training in {run_dir}: {error.strerror}") from error
    result = show(run_dir, child)
    if result == "terminated" or child.poll() is not None:
        code = child.wait()
        report_end(run_dir, code)
        _remove_unused(run_dir, code)
        return code
    report_left(run_dir, child.pid)
    return 0 if result == "detached" else 1


def _lines(run_dir: Path, child: "ChildProcess") -> str:
    from tracer.verbs.follow import follow

    print(f"training in {run_dir}", flush=True)
    with _passing_on_terminate(child, lambda: print("SIGTERM is passed on to the training", flush=True)):
        follow(run_dir, child)
    return "ended"


def _screen(run_dir: Path, child: "ChildProcess") -> str | None:
    from tui.app import SessionApp

    app = SessionApp(run_dir, child=child)
    with _passing_on_terminate(child, lambda: app.exit("terminated")):
        return app.run()


@contextmanager
def _passing_on_terminate(child: "ChildProcess", then: Callable[[], None]) -> Iterator[None]:
    def terminate(number: int, frame: FrameType | None) -> None:
        child.terminate()
        then()

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _remove_unused(run_dir: Path, code: int) -> None:
    """Removes the directory of a training that did not begin, for wrong usage: there is nothing in it but that line."""
    if code == UsageError.exit_code and [path.name for path in run_dir.iterdir()] == [OUTPUT_FILE]:
        (run_dir / OUTPUT_FILE).unlink()
        run_dir.rmdir()
