"""Assertions about the order of hooks, for the tests of your own callbacks and modules.

Needs Lightning and the standard library, nothing else of hooktrace's extras. With pytest there is also a fixture,
`hook_trace`, in `tracer.pytest_plugin`. `docs/testing.md` has examples.
"""

from tracer.testing.calls import Call, CallTrace
from tracer.testing.golden import assert_golden, outline
from tracer.testing.order import Step, assert_count, assert_order, directly, never, times
from tracer.testing.recording import Recording, recording, trace_fit, trace_predict, trace_test, trace_validate

__all__ = [
    "Call",
    "CallTrace",
    "Recording",
    "Step",
    "assert_count",
    "assert_golden",
    "assert_order",
    "directly",
    "never",
    "outline",
    "recording",
    "times",
    "trace_fit",
    "trace_predict",
    "trace_test",
    "trace_validate",
]
