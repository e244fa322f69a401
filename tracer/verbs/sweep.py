"""`hooktrace sweep`: trains under one configuration after another, then compares them all with the first."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracer.errors import HooktraceError, UsageError
from tracer.verbs.arguments import RUNS_DIR, VerbParser, add_json, add_runs_dir
from tracer.verbs.launch import RUN_NAME, refuse_if_off
from tracer.verbs.run import check_program
from tracer.verbs.sweep_plan import DEMO, Plan, make_plan
from tracer.verbs.train import check_demo

if TYPE_CHECKING:
    from tracer.verbs.sweep_file import Sweep

_SIGNALLED = 128
_DEFAULT_NAME = "sweep"


def configure(parser: VerbParser) -> None:
    """Adds the arguments of `sweep`; what follows `--` is the program's."""
    parser.usage = (
        "hooktrace sweep [options] CONFIG CONFIG ... [-- ARGS]\n"
        '       hooktrace sweep [options] --script SCRIPT --with "OPTIONS" --with "OPTIONS" ... [-- ARGS]\n'
        "       hooktrace sweep [options] --module MODULE CONFIG CONFIG ... [-- ARGS]"
    )
    parser.add_argument("configs", nargs="*", metavar="CONFIG", help="a file for the program's option --config")
    parser.add_argument(
        *("--with", "-w"),
        dest="option_sets",
        action="append",
        default=[],
        metavar="OPTIONS",
        help="a set of options of the program, in one word of the shell",
    )
    program = parser.add_mutually_exclusive_group()
    program.add_argument("--script", metavar="SCRIPT", help="the program to train with (default: the demo)")
    program.add_argument("-m", "--module", metavar="MODULE", help="the same as a module, `python -m MODULE`")
    parser.add_argument("--baseline", metavar="CONFIG", help="the one to compare with (default: the first)")
    parser.add_argument("--repeat", type=_count, default=1, metavar="N", help="train N times under each (default: 1)")
    parser.add_argument("--name", default=_DEFAULT_NAME, help=f"of the sweep's directory (default: {_DEFAULT_NAME})")
    add_runs_dir(parser)
    add_json(parser)
    parser.epilog = (
        "Of the demo, a CONFIG may also be the name of one that comes with it: `hooktrace train --help` lists them.\n"
        "ARGS are the program's in every training; they win over a CONFIG, and a set of options wins over them.\n"
        "{dir} in them stands for the directory of the training at hand, for programs that write to one place.\n"
        "\nEach training is a process of its own, one after another: every configuration once, then every one again.\n"
        "One that fails is reported, the others go on, and the exit code is 1. Ctrl-C ends the one under way and\n"
        "stops; the same command goes on where it was stopped, and tries again what failed.\n"
        "\nexamples:\n"
        "  hooktrace sweep baseline accumulate4 clip --repeat 3 -- --trainer.max_epochs 1\n"
        "  hooktrace sweep demo_model/configs/*.yaml --baseline baseline\n"
        '  hooktrace sweep --script train.py --with "--lr 0.1" --with "--lr 0.01" --name rates\n'
        "  hooktrace sweep -m my_package.train configs/*.yaml -- fit --trainer.default_root_dir {dir}"
    )


def run(parser: VerbParser, arguments: Sequence[str]) -> int:
    """Trains what is left to train, and compares; returns 1 if something failed, 128 + n if signal n stopped it."""
    own, shared = _split(arguments)
    args = parser.parse_intermixed_args(own)
    refuse_if_off()
    if not RUN_NAME.fullmatch(args.name):
        raise UsageError(f"{args.name!r} is no name: use letters, digits, '.', '_' and '-', at most 64 of them")
    return _sweep(_plan(args, shared), args, ["hooktrace", "sweep", *arguments])


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000")
    return int(text)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own arguments and the program's; a set of options may begin with a dash."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    own: list[str] = []
    for word in arguments[:end]:
        if own and own[-1] in ("--with", "-w"):
            own[-1] = f"--with={word}"
        else:
            own.append(word)
    return own, list(arguments[end + 1 :])


def _plan(args: argparse.Namespace, shared: Sequence[str]) -> Plan:
    start = ["-m", args.module] if args.module is not None else [args.script] if args.script is not None else [*DEMO]
    plan = make_plan(start, shared, args.configs, args.option_sets, args.repeat, args.baseline)
    if plan.is_demo:
        check_demo([*shared, *(option for variant in plan.variants for option in variant.options)])
    else:
        check_program(start)
    return plan


def _sweep(plan: Plan, args: argparse.Namespace, command: Sequence[str]) -> int:
    from tracer.verbs.sweep_file import DONE, FAILED, opened_sweep
    from tracer.verbs.sweep_jobs import train_all
    from tracer.verbs.sweep_report import report
    from tracer.verbs.sweep_stop import stopping

    out = sys.stderr if args.json else sys.stdout
    with opened_sweep((args.runs_dir or RUNS_DIR) / args.name, plan) as sweep:
        print(_headline(sweep), file=out, flush=True)
        with stopping() as stop:
            train_all(sweep, stop, out)
        if stop.number is not None:
            done = f"{sweep.count(DONE)} of {len(sweep.jobs)} trainings are done"
            print(f"hooktrace: stopped, {done}; to go on: {shlex.join(command)}", file=sys.stderr)
            return _SIGNALLED + stop.number
        report(sweep, args.json)
        return HooktraceError.exit_code if sweep.count(FAILED) else 0


def _headline(sweep: "Sweep") -> str:
    from tracer.verbs.sweep_file import DONE

    plan, total = sweep.plan, len(sweep.jobs)
    times = f", {plan.repeat} times each" if plan.repeat > 1 else ""
    done = sweep.count(DONE)
    left = f"; {done} of {total} are done" if done else ""
    return f"sweep in {sweep.path}: {len(plan.variants)} configurations{times}{left}"
