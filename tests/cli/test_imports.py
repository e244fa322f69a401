"""Who may load what. Clean processes, because an import inside a function shows in no import graph."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import ENVIRONMENT, ROOT

TRAINING = {"torch", "lightning", "pytorch_lightning", "torchvision", "jsonargparse"}
VIEWING = {"textual", "textual_plot", "rich", "plotly", "pandas", "pyarrow"}
NUMPY = {"numpy"}
RECORDER = {"tracer.record"}


def modules_of(package: str) -> list[str]:
    """All modules below a package, by their files."""
    files = sorted((ROOT / package.replace(".", "/")).rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def loaded_by(code: str) -> set[str]:
    """The names of all modules that a clean process has loaded after `code`, their packages included."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=ENVIRONMENT, timeout=120, check=True
    )
    return set(json.loads(ended.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        pytest.param("import tracer", TRAINING | VIEWING | NUMPY, id="tracer"),
        pytest.param("from tracer import open_run", TRAINING | VIEWING | RECORDER, id="open_run"),
        pytest.param("import tracer.cli\ntracer.cli.main(['--help'])", TRAINING | VIEWING | NUMPY | {"tui"}, id="help"),
        pytest.param(
            "import tracer.cli\nfor name in tracer.cli.VERBS:\n"
            " try: tracer.cli.main([name, '--help'])\n except SystemExit: pass",
            TRAINING | VIEWING | NUMPY | {"tui"},
            id="help of every verb",
        ),
        pytest.param("import tracer.cli\ntracer.cli.main(['list'])", TRAINING | VIEWING | RECORDER, id="list"),
        pytest.param("import " + ", ".join(modules_of("tracer.run")), TRAINING | {"textual", "rich"}, id="run"),
        pytest.param("import " + ", ".join(modules_of("tracer.analyze")), TRAINING | VIEWING | RECORDER, id="analyze"),
        pytest.param(
            "import " + ", ".join(modules_of("tracer.export")), TRAINING | {"textual"} | RECORDER, id="export"
        ),
        pytest.param("import " + ", ".join(modules_of("tracer.verbs")), TRAINING | RECORDER, id="verbs"),
        pytest.param("import " + ", ".join(modules_of("tui")), TRAINING | RECORDER | {"demo_model"}, id="tui"),
        pytest.param("import demo_model.named_configs", TRAINING | VIEWING | NUMPY, id="named configurations"),
    ],
)
def test_a_clean_process_does_not_load(code: str, forbidden: set[str]) -> None:
    assert loaded_by(code) & forbidden == set()


def test_what_does_not_paint_loads_no_textual() -> None:
    names = ("feed", "progress", "clock", "seek", "rows", "view", "waterfall", "output")

    assert "textual" not in loaded_by("import " + ", ".join(f"tui.{name}" for name in names))


def imported_by(path: Path) -> set[str]:
    """Top-level names, and our own modules in full, that a file imports anywhere, except for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name if name.startswith("tracer") else name.partition(".")[0] for name in names}


def test_the_recorder_imports_the_standard_library_and_lightning_alone() -> None:
    allowed = {"lightning", "pytorch_lightning", "torch", "tracer"}
    light = {"tracer.errors", *(f"tracer.run.{name}" for name in ("breakpoints", "control", "layout", "page"))}
    for path in sorted((ROOT / "tracer" / "record").glob("*.py")):
        for name in imported_by(path):
            ours = name.startswith("tracer.record") or name in light
            assert ours or name in allowed or name in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_what_the_recorder_takes_from_the_reader_is_standard_library() -> None:
    loaded = loaded_by(
        "import tracer.errors, tracer.run.layout, tracer.run.control, tracer.run.breakpoints, tracer.run.page"
    )

    assert {name.partition(".")[0] for name in loaded} & (TRAINING | VIEWING | NUMPY) == set()


def test_the_demo_knows_public_names_alone() -> None:
    for path in sorted((ROOT / "demo_model").rglob("*.py")):
        ours = {name for name in imported_by(path) if name.partition(".")[0] in ("tracer", "tui")}
        assert ours <= {"tracer"}, f"{path.name} imports {ours}"


def test_the_screen_knows_the_reader_and_no_training() -> None:
    for path in sorted((ROOT / "tui").rglob("*.py")):
        ours = {name for name in imported_by(path) if name.startswith("tracer")}
        rooms = {".".join(name.split(".")[:2]) for name in ours}
        assert rooms <= {"tracer.run", "tracer.analyze", "tracer.export", "tracer.errors"}, f"{path.name}: {rooms}"
