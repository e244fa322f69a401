"""How the command line reads its arguments: mistakes in one line, and configurations by name."""

import re
import sys
from typing import Any, NoReturn

from jsonargparse import ActionConfigFile  # type: ignore[attr-defined]  # it names no public names
from lightning.pytorch.cli import LightningArgumentParser

from demo_model.named_configs import find_config, named_configs

_WORDY = (
    (r"Does not validate against any of the Union subtypes\s+Subtypes: \[.*?\]\s+Errors:", ""),
    (r"-\s+Expected a <class 'NoneType'>", ""),
    (r"Given value type: .*", ""),
    (r"Given value: (?=Namespace|NestedArg).*", ""),
    (r"\n\s*(?:-\s+)+", "\n"),
    (r"<class '([\w.]+)'>", r"\1"),
)
"""What jsonargparse writes for programmers, and what of it a person at a prompt needs."""


class OneLineParser(LightningArgumentParser):
    """Says what is wrong in one line: the usage of some eighty options would push it off the screen."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:
            super().error(message, ex)
        for wordy, short in _WORDY:
            message = re.sub(wordy, short, message)
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        sys.exit(2)


class NamedConfigFile(ActionConfigFile):
    """A configuration file, or the bare name of one that comes with the package."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        path = find_config(str(values))
        if path is None:
            names = ", ".join(named_configs())
            parser.error(f"no configuration {values!r}: it is neither a file nor one of {names}")
        super().__call__(parser, cfg, str(path), option_string)  # type: ignore[no-untyped-call]  # nor does it type them
