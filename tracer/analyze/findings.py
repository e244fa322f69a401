"""What its author should know about a run: the table of searches, and the one call that does them all.

A search yields nothing unless the trace shows something: a healthy run has no findings. All are pure functions of a
trace and its run.json.
"""

from collections.abc import Callable, Iterable

from tracer.analyze.findings_base import Finding, Material
from tracer.analyze.findings_change import between_epochs, drift, warm_up
from tracer.analyze.findings_hooks import never_called
from tracer.analyze.findings_lookalikes import not_a_hook, removed_arguments
from tracer.analyze.findings_order import callback_order, default_left_out, unpaired
from tracer.analyze.findings_time import (
    callback_dominates,
    checkpointing,
    loader_wait,
    logging,
    long_validation,
    progress_bar,
)
from tracer.run.info import RunInfo
from tracer.run.trace import Trace

__all__ = ["FINDINGS", "Finding", "findings"]

FINDINGS: tuple[Callable[[Material], Iterable[Finding]], ...] = (
    default_left_out,
    not_a_hook,
    removed_arguments,
    never_called,
    callback_order,
    unpaired,
    drift,
    between_epochs,
    loader_wait,
    callback_dominates,
    checkpointing,
    logging,
    progress_bar,
    long_validation,
    warm_up,
)
"""The searches, in the order in which their findings are told: what can spoil a training first."""


def findings(trace: Trace, info: RunInfo) -> tuple[Finding, ...]:
    """Everything that is worth telling about a run; empty for a healthy one.

    Args:
        trace: A rank's spans; also those of a run that goes on or was cut off, of which less can be said.
        info: Its run.json.
    """
    material = Material(trace, info)
    return tuple(finding for search in FINDINGS for finding in search(material))
