"""The viewer that `benchmarks.viewer` measures: the real app, which notes what it does when."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np

from tui.app import SessionApp
from tui.widgets.rows import RowsPane

_WARM_UP_S: Final = 3.0


class MeasuredApp(SessionApp):
    """Counts its frames, and how old what they show is when it has been painted."""

    def __init__(self, run_dir: Path, report: Path, began_ns: int, seconds: float) -> None:
        super().__init__(run_dir)
        self._report = report
        self._began_ns = began_ns
        self._seconds = seconds
        self._delays_ms: list[float] = []
        self._keys_ns: list[int] = []
        self._seen_ns = 0

    def on_mount(self) -> None:
        """Begins to count when the screen has settled."""
        super().on_mount()
        self.set_timer(_WARM_UP_S, self._start_counting)
        self.set_timer(_WARM_UP_S + self._seconds, self._stop)

    def _start_counting(self) -> None:
        self._frames = 0
        self._delays_ms.clear()
        self._cpu_s, self._wall_s = _cpu_s(), time.monotonic()

    def _show(self, frame: object) -> None:
        super()._show(self.frame)
        trace = self.frame.trace
        newest = 0 if trace is None else trace.now_ns
        if newest > self._seen_ns:
            oldest, self._seen_ns = self._seen_ns, newest
            self.screen.call_after_refresh(self._painted, oldest, newest)

    def _painted(self, oldest_ns: int, newest_ns: int) -> None:
        now_ns = time.monotonic_ns() - self._began_ns
        self._frames = getattr(self, "_frames", 0) + 1
        self._delays_ms += ((now_ns - np.linspace(oldest_ns, newest_ns, 20)) / 1e6).tolist()

    def on_rows_pane_selected(self, message: RowsPane.Selected) -> None:
        """A key was pressed: when was its effect on the screen?"""
        self.screen.call_after_refresh(lambda: self._keys_ns.append(time.monotonic_ns()))

    def _stop(self) -> None:
        wall_s = time.monotonic() - self._wall_s
        found = {
            "cpu": (_cpu_s() - self._cpu_s) / wall_s,
            "frames_per_s": self._frames / wall_s,
            "delay_p50_ms": float(np.percentile(self._delays_ms, 50)),
            "delay_p95_ms": float(np.percentile(self._delays_ms, 95)),
            "key_painted_ns": self._keys_ns,
            "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        self._report.write_text(json.dumps(found), encoding="utf-8")
        self.exit("closed")


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    run_dir, report, began_ns, seconds = sys.argv[1:]
    MeasuredApp(Path(run_dir), Path(report), int(began_ns), float(seconds)).run()
