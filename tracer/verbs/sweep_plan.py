"""What a sweep is to train: a program, the sets of options to train it under, and how often each.

A plan is plain data that is written down, so that the same command finds its sweep again.
"""

import hashlib
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo_model.named_configs import find_config
from tracer.errors import UsageError

DEMO = ("-m", "demo_model", "all")
"""What starts the demo, which trains if no other program is named."""

DIRECTORY = "{dir}"
"""Stands for the directory of the training at hand in the program's arguments, so that two never write to one place."""

_SLUG_LENGTH = 40


@dataclass(frozen=True)
class Variant:
    """A set of options to train under.

    Attributes:
        label: What it is called; no two of a plan have the same.
        config: A file, or a name that the program knows, for its option --config.
        options: Further options of the program.
    """

    label: str
    config: str | None = None
    options: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The label as a part of a directory's name."""
        return re.sub(r"[^A-Za-z0-9._]+", "-", self.label).strip("-._")[:_SLUG_LENGTH] or "plain"


@dataclass(frozen=True)
class Plan:
    """What to train.

    Attributes:
        start: What follows the interpreter to start the program.
        shared: The program's arguments in every training.
        variants: What differs from one training to another; the first is the baseline.
        repeat: How often to train under each.
    """

    start: tuple[str, ...]
    shared: tuple[str, ...]
    variants: tuple[Variant, ...]
    repeat: int

    @property
    def is_demo(self) -> bool:
        """Whether the demo trains."""
        return self.start == DEMO

    def turns(self) -> list[tuple[int, int]]:
        """The trainings in their order, as numbers of variant and turn.

        Every variant has its turn before the first has its second: a machine that gets slower over the hours slows all
        of them down, and fakes no difference.
        """
        return [(variant, turn) for turn in range(self.repeat) for variant in range(len(self.variants))]

    def arguments(self, variant: Variant, run_dir: Path) -> list[str]:
        """What follows the interpreter to train under a variant into a directory.

        A configuration comes before the shared options, so that these hold with each; but after the words that precede
        the first option, such as the subcommand of a LightningCLI. The variant's own options come last and win.
        """
        words = next((at for at, word in enumerate(self.shared) if word.startswith("-")), len(self.shared))
        config = () if variant.config is None else ("--config", variant.config)
        given = (*self.start, *self.shared[:words], *config, *self.shared[words:], *variant.options)
        ours = ("--trainer.default_root_dir", DIRECTORY) if self.is_demo else ()
        return [word.replace(DIRECTORY, str(run_dir.resolve())) for word in (*given, *ours)]

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        variants = [{"label": one.label, "config": one.config, "options": list(one.options)} for one in self.variants]
        return {
            "start": list(self.start),
            "shared": list(self.shared),
            "variants": variants,
            "repeat": self.repeat,
        }


def plan_from_json(value: Mapping[str, Any]) -> Plan:
    """The plan that `as_json` gave.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    variants = tuple(Variant(it["label"], it["config"], tuple(it["options"])) for it in value["variants"])
    return Plan(tuple(value["start"]), tuple(value["shared"]), variants, int(value["repeat"]))


def make_plan(
    start: Sequence[str],
    shared: Sequence[str],
    configs: Sequence[str],
    option_sets: Sequence[str],
    repeat: int,
    baseline: str | None = None,
) -> Plan:
    """The plan that a command line asks for.

    Args:
        start: What starts the program.
        shared: Its arguments in every training.
        configs: For its option --config, one a variant.
        option_sets: Options as a shell would split them, one set a variant.
        repeat: How often to train under each.
        baseline: The configuration or set of options to compare with; the first if left out.

    Raises:
        UsageError: there are not at least two trainings, two variants are the same, or a configuration is not there.
    """
    stems = Counter(Path(config).stem for config in configs)
    variants = [Variant(config if stems[Path(config).stem] > 1 else Path(config).stem, config) for config in configs]
    variants += [Variant(text.strip() or "(no options)", None, _split(text)) for text in option_sets]
    if baseline is not None:
        variants = _with_first(variants, baseline)
    plan = Plan(tuple(start), tuple(shared), tuple(variants), repeat)
    for config in configs:
        config_file(plan, config)
    labels = Counter(variant.label for variant in variants)
    if twice := next((label for label, count in labels.items() if count > 1), None):
        raise UsageError(f"{twice!r} is given twice (--repeat N trains under each configuration N times)")
    if len(plan.turns()) < 2:
        raise UsageError("a sweep needs two configurations, or two sets of options, to compare")
    return plan


def _with_first(variants: Sequence[Variant], name: str) -> list[Variant]:
    first = next((variant for variant in variants if name in (variant.label, variant.config)), None)
    if first is None:
        raise UsageError(f"--baseline {name!r} is none of {', '.join(variant.label for variant in variants) or 'them'}")
    return [first, *(variant for variant in variants if variant is not first)]


def config_file(plan: Plan, config: str) -> Path:
    """The file of a configuration.

    Raises:
        UsageError: there is none.
    """
    path = find_config(config) if plan.is_demo else Path(config)
    if path is None or not path.is_file():
        hint = " (`hooktrace train --help` lists those of the demo)" if plan.is_demo else ""
        raise UsageError(f"no configuration {config!r}{hint}")
    return path


def config_mark(plan: Plan, variant: Variant) -> str | None:
    """What tells the content of a variant's configuration from another; None if it has none.

    Raises:
        UsageError: the configuration is gone.
    """
    if variant.config is None:
        return None
    return hashlib.sha256(config_file(plan, variant.config).read_bytes()).hexdigest()


def _split(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--with {text!r}: {error}") from None
