"""What the screen's modules load, in clean processes: static import graphs miss what is imported late."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tui

WITH_TEXTUAL = ("app", "base", "browse", "picture", "themes")
"""The modules beside `screens` and `widgets` that may load textual."""
PLAIN = sorted(path.stem for path in Path(tui.__file__).parent.glob("*.py") if path.stem not in WITH_TEXTUAL)


def loaded_by(code: str) -> set[str]:
    """Top-level names in sys.modules after some code."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_plain_modules_load_no_textual() -> None:
    loaded = loaded_by("\n".join(f"import tui.{name}" for name in PLAIN if name != "__init__"))
    assert not loaded & {"textual", "textual_plot", "torch", "lightning", "pandas", "pyarrow"}


def test_the_app_loads_no_torch() -> None:
    loaded = loaded_by("import tui.app, tui.picture")
    assert not loaded & {"torch", "lightning", "lightning_fabric", "demo_model", "pandas", "pyarrow"}


@pytest.mark.parametrize("path", sorted(Path(tui.__file__).parent.rglob("*.py")), ids=lambda path: path.name)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400
