"""hooktrace: record what PyTorch Lightning calls while a model trains, and read it back.

The public names are resolved when they are first used. That keeps `import tracer` instant, and it keeps the two sides
apart: asking for `HookTracer` loads Lightning but nothing that draws or analyses, asking for `open_run` loads numpy but
neither torch nor Lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.record.callback import HookTracer
    from tracer.record.mixin import HookTracerMixin
    from tracer.run import Run, open_run
    from tracer.run.trace import Trace

__version__ = "0.1.0"
__all__ = ["HookTracer", "HookTracerMixin", "Run", "Trace", "__version__", "open_run"]

_HOMES = {
    "HookTracer": "tracer.record.callback",
    "HookTracerMixin": "tracer.record.mixin",
    "Run": "tracer.run",
    "Trace": "tracer.run.trace",
    "open_run": "tracer.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
