"""How far a run is, for one look at a whole trace: what the meter says that has taken it in at once."""

from tracer.run.info import RunInfo
from tracer.run.trace import Trace
from tui.progress import Progress, ProgressMeter


def progress_of(trace: Trace | None, info: RunInfo | None, now_ns: int) -> Progress:
    """How far the run is whose spans so far are `trace`; as `ProgressMeter`, for one look at a whole trace."""
    meter = ProgressMeter()
    if trace is not None:
        meter.advance(trace)
    return meter.progress(info, now_ns)
