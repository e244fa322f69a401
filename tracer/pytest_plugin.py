"""The pytest plugin: the fixture `hook_trace` and the option `--hooktrace-update`.

pytest loads it in every run of everyone who has hooktrace installed. So it imports nothing but pytest until a test asks
for the fixture, and Lightning not before something is recorded.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tracer.testing import CallTrace, Recording

_UPDATE = "--hooktrace-update"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that renews golden files."""
    group = parser.getgroup("hooktrace")
    group.addoption(_UPDATE, action="store_true", help="write the golden files of hook orders anew")


class HookTrace:
    """What the fixture gives: records Trainers, and keeps golden files beside the test."""

    def __init__(self, golden_file: Path, update: bool) -> None:
        self._golden_file = golden_file
        self._update = update

    def recording(self, trainer: Any) -> "AbstractContextManager[Recording]":
        """Records what a trainer does in a `with` block; see `tracer.testing.recording`."""
        from tracer.testing import recording

        return recording(trainer)

    def fit(self, trainer: Any, *args: Any, **kwargs: Any) -> "CallTrace":
        """Runs `trainer.fit` and returns its calls."""
        from tracer.testing import trace_fit

        return trace_fit(trainer, *args, **kwargs)

    def validate(self, trainer: Any, *args: Any, **kwargs: Any) -> "CallTrace":
        """Runs `trainer.validate` and returns its calls."""
        from tracer.testing import trace_validate

        return trace_validate(trainer, *args, **kwargs)

    def test(self, trainer: Any, *args: Any, **kwargs: Any) -> "CallTrace":
        """Runs `trainer.test` and returns its calls."""
        from tracer.testing import trace_test

        return trace_test(trainer, *args, **kwargs)

    def predict(self, trainer: Any, *args: Any, **kwargs: Any) -> "CallTrace":
        """Runs `trainer.predict` and returns its calls."""
        from tracer.testing import trace_predict

        return trace_predict(trainer, *args, **kwargs)

    def assert_golden(self, trace: "CallTrace", path: Path | None = None) -> None:
        """Compares the order of calls with a golden file: by default `golden/MODULE-TEST.txt` beside the test."""
        __tracebackhide__ = True
        from tracer.testing import assert_golden

        assert_golden(trace, path or self._golden_file, self._update or None)


@pytest.fixture
def hook_trace(request: pytest.FixtureRequest) -> Iterator[HookTrace]:
    """Records a Trainer in memory and compares the order of its hooks; see `docs/testing.md` of hooktrace."""
    name = re.sub(r"[^\w.-]+", "-", f"{request.path.stem}-{request.node.name}").strip("-")
    update = bool(request.config.getoption(_UPDATE, default=False))
    yield HookTrace(request.path.parent / "golden" / f"{name}.txt", update)
