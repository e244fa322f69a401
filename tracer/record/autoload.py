"""Attaches the recorder to a program that knows nothing of it.

Every Trainer asks the entry points of the installed packages for callbacks (callback_connector.py:84), in the processes
that a distributed training starts as well. Ours has one to give when `HOOKTRACE_DIR` says where to record, which is all
that `hooktrace run` sets. Nothing around this call catches an exception, so none may leave it.
"""

import logging
import os
from functools import cache
from typing import Any

from tracer.record.environment import DIRECTORY_VARIABLE, is_disabled, warn

ENTRY_POINT = "hooktrace"
_ANNOUNCERS = ("lightning.fabric.utilities.registry", "lightning_fabric.utilities.registry")


def callbacks() -> list[Any]:
    """A `HookTracer` if the environment asks for a recording, else nothing. Never raises.

    It goes behind the program's own callbacks: a HookTracer among these attaches first, and records.
    """
    if not os.environ.get(DIRECTORY_VARIABLE) or is_disabled():
        return []
    try:
        from tracer.record.callback import HookTracer

        for name in _ANNOUNCERS:
            logging.getLogger(name).addFilter(_is_not_about_us)
        return [HookTracer()]
    except Exception as error:
        _complain(f"hooktrace: cannot record: {type(error).__name__}: {error}. Training goes on, unrecorded.")
        return []


def _is_not_about_us(record: logging.LogRecord) -> bool:
    """Lightning announces external callbacks on stderr, where the program would not have said anything."""
    return f"from entry point '{ENTRY_POINT}'" not in record.getMessage()


@cache
def _complain(message: str) -> None:
    """Once, however many Trainers there are."""
    warn(message)
