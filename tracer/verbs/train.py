"""`hooktrace train`: the demo trains in a process of its own, and the screen shows it."""

import importlib.util
import shutil
import textwrap
from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from demo_model.named_configs import find_config, lesson, named_configs
from tracer.errors import MissingExtraError, UsageError
from tracer.run.layout import OUTPUT_FILE
from tracer.verbs.arguments import RUNS_DIR, VerbParser, add_runs_dir
from tracer.verbs.launch import RUN_NAME, launch, new_run_directory, refuse_if_off

_NEEDED = ("lightning", "torch", "torchvision", "jsonargparse", "numpy", "textual", "textual_plot")
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
    check_demo(passed_on)
    if config is not None and find_config(config) is None:
        known = ", ".join(named_configs())
        raise UsageError(f"no configuration {config!r}: it is neither a file nor one of {known}")
    name = _name_after(config) if args.name is None else args.name
    run_dir = new_run_directory(args.runs_dir or RUNS_DIR, name, datetime.now())
    program = ["-m", "demo_model", "all", *passed_on, "--trainer.default_root_dir", str(run_dir.resolve())]
    return launch(program, run_dir, args.no_tui, _report)


def check_demo(options: Sequence[str]) -> None:
    """What would otherwise be noticed too late: after seconds of loading, in the output of another process.

    Args:
        options: What is passed on to the demo.

    Raises:
        HooktraceError: the training could not start, or there would be nothing to see.
    """
    for name in _NEEDED:
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError(
                f"training the demo needs {name}, which is not installed: pip install 'hooktrace[all]'"
            )
    refuse_if_off()
    if any(option.startswith("--trainer.default_root_dir") for option in options):
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
    return stem if RUN_NAME.fullmatch(stem) else _DEFAULT_NAME


def _report(run_dir: Path, recorded: Sequence[Path], code: int) -> None:
    from tracer.verbs.ending import report_end

    report_end(run_dir, recorded, code)
    _remove_unused(run_dir, code)


def _remove_unused(run_dir: Path, code: int) -> None:
    """Removes the directory of a training that did not begin, for wrong usage: there is nothing in it but that line."""
    if code == UsageError.exit_code and [path.name for path in run_dir.iterdir()] == [OUTPUT_FILE]:
        (run_dir / OUTPUT_FILE).unlink()
        run_dir.rmdir()
