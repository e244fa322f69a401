"""The command line: which verbs there are, and the one place where errors become a line and an exit code.

Only the standard library is loaded here, and only the module of the verb that was asked for: help must be instant, and
a mistyped verb must not cost the seconds that the libraries behind the verbs take to load.
"""

import difflib
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from tracer import __version__
from tracer.errors import HooktraceError, MissingExtraError, UsageError
from tracer.run.text import plain_text
from tracer.verbs.arguments import VerbParser


class VerbModule(Protocol):
    """What a module in `tracer.verbs` brings."""

    def configure(self, parser: VerbParser) -> None:
        """Adds the verb's arguments, description and example."""
        ...

    def run(self, parser: VerbParser, arguments: Sequence[str]) -> int:
        """Does it; returns the exit code.

        Raises:
            HooktraceError: what the user can do something about.
        """
        ...


@dataclass(frozen=True)
class Verb:
    """An entry of the table of verbs."""

    group: str
    summary: str

    def load(self, name: str) -> VerbModule:
        """The verb's module, which is named after it."""
        return cast(VerbModule, import_module(f"tracer.verbs.{name}"))


VERBS: dict[str, Verb] = {
    "train": Verb("record", "train the demo ConvNet and watch its hooks live"),
    "run": Verb("record", "record a Lightning program of your own, unchanged"),
    "sweep": Verb("record", "train under several configurations in turn, and compare them with the first"),
    "watch": Verb("look", "attach the live screen to a run that is being written"),
    "replay": Verb("look", "the same screen under a clock: play, pause, seek by time, batch or hook"),
    "plot": Verb("look", "the loss curves as one HTML page"),
    "report": Verb("look", "the run as one HTML page: loop, timeline, time, losses, findings"),
    "list": Verb("ask", "the runs there are: state, duration, model, spans"),
    "explain": Verb("ask", "the loop as it really ran, as pseudo-code"),
    "stats": Verb("ask", "where the time went: per hook, owner, instance or stage"),
    "ranks": Verb("ask", "a distributed training as one: where ranks stand, who is late, where they parted"),
    "compare": Verb("ask", "what changed from one run to others: settings, order, calls, time beyond noise"),
    "join": Verb("take away", "one run out of what several hosts have recorded"),
    "export": Verb("take away", "the hook timeline as a file for other tools"),
}

_EXTRAS = {
    "view": ("numpy", "pandas", "plotly", "pyarrow", "rich", "tensorboard", "textual", "textual_plot"),
    "all": ("jsonargparse", "lightning", "torch", "torchvision"),
}
_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb.

    Args:
        argv: The arguments; those of the process if left out.

    Returns:
        The exit code: 0 done, 1 an error that was named in one line, 2 wrong usage; `train` and `run`
        return their program's.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without a sign for µs is no reason to fail
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except HooktraceError as error:
        return _fail(error)
    except ModuleNotFoundError as error:
        return _fail(_missing_extra(error))
    except BrokenPipeError:
        # Whoever read our output has enough. What is still buffered must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        print("hooktrace: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return code


def _fail(error: HooktraceError) -> int:
    print(f"hooktrace: error: {plain_text(' '.join(str(error).split()), 1000)}", file=sys.stderr)
    return error.exit_code


def _missing_extra(error: ModuleNotFoundError) -> MissingExtraError:
    name = (error.name or "").partition(".")[0]
    for extra, packages in _EXTRAS.items():
        if name in packages:
            return MissingExtraError(f"this needs {name}, which is not installed: pip install 'hooktrace[{extra}]'")
    raise error


def _dispatch(argv: list[str]) -> int:
    if not argv:
        from tracer.verbs import browse

        if browse.can_browse():
            return browse.browse()
        print("\n\n".join(filter(None, (_help(sys.stderr.isatty()), browse.hint()))), file=sys.stderr)
        return UsageError.exit_code
    name = argv[0]
    if name in ("-h", "--help", "help"):
        print(_help(sys.stdout.isatty()))
        return 0
    if name in ("-V", "--version"):
        print(f"hooktrace {__version__}")
        return 0
    if name not in VERBS:
        raise UsageError(_unknown(name))
    verb = VERBS[name]
    module = verb.load(name)
    parser = VerbParser(name, verb.summary)
    module.configure(parser)
    return module.run(parser, argv[1:])


def _unknown(name: str) -> str:
    if name.startswith("-"):
        return f"unknown option {name} before the verb (`hooktrace --help` shows the verbs and their options)"
    if Path(name).is_dir():
        return f"{name!r} is no verb; to look at that run: `hooktrace replay {name}`"
    close = difflib.get_close_matches(name, VERBS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "`hooktrace --help` lists them"
    return f"no verb {name!r} ({hint})"


def _help(styled: bool) -> str:
    bold, dim, off = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if styled and not os.environ.get("NO_COLOR") else ("", "", "")
    lines = [
        f"{bold}hooktrace {__version__}{off}: what PyTorch Lightning really does while a model trains",
        "",
        f"{bold}usage{off}  hooktrace VERB [RUN] [options]",
    ]
    for group in dict.fromkeys(verb.group for verb in VERBS.values()):
        lines += ["", f"{bold}{group}{off}"]
        lines += [f"  {name:<9}{verb.summary}" for name, verb in VERBS.items() if verb.group == group]
    lines += [
        "",
        f"{dim}RUN is a directory, a name under --runs-dir (default: runs/), or left out: the newest run.{off}",
        "",
        f"{bold}examples{off}",
        "  hooktrace train --trainer.max_epochs 1    train, and watch the loop while it runs",
        "  hooktrace                                 the list of the runs, to open one",
        "  hooktrace explain --expected fit          the loop that your Lightning runs, from no run of yours",
        "  hooktrace replay                          look at the newest run again, at your pace",
        "  hooktrace export --format csv             its timeline, one row a hook call",
        "  hooktrace compare RUN_A RUN_B             what another setting changed",
        "",
        "`hooktrace VERB --help` tells the rest.  `hooktrace --version` tells the version.",
    ]
    return "\n".join(lines)
