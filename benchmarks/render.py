"""Makes docs/performance.md of what benchmarks/results holds: `python -m benchmarks.render`. `make bench` does both."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.report import Figure
from benchmarks.suite import RESULTS, SUITE

PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
_BEGINNING: Final = """\
# What hooktrace costs

`make bench` measures this and writes this page; nothing on it was written by hand. Speeds are ratios from within one
process or from interleaved runs, because machines are noisy; medians, with the smallest and the largest beside them.
"""
_QUIET: Final = 0.15
"""So many processors are always busy with something."""


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page. Results by name of the benchmark, as `benchmarks.suite` has kept them."""
    measured = {name: results[name] for name in SUITE if name in results}
    parts = [_BEGINNING, *_machines(measured), *_goals(measured)]
    for name, result in measured.items():
        parts.append(f"## {name}\n\n{result['title']}\n\n```\n" + "\n".join(result["lines"]) + "\n```\n")
    return "\n".join(parts)


def _machines(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The machine, or each with what was measured on it."""
    by_machine: dict[str, list[str]] = {}
    busy = []
    for name, result in measured.items():
        said = dict(result["machine"])
        if said.pop("others") > _QUIET:
            busy.append(name)
        versions = ", ".join(f"{tool} {said[tool]}" for tool in ("python", "lightning", "torch", "numpy", "textual"))
        text = f"{said['processor']}, {said['cores']} cores, {said['memory_gib']} GiB, {said['system']}; {versions}"
        by_machine.setdefault(text, []).append(name)
    lines = [
        f"- {text}" + (f": {', '.join(names)}" if len(by_machine) > 1 else "") for text, names in by_machine.items()
    ]
    if busy:
        lines.append(f"- others used the machine while these were measured: {', '.join(busy)}")
    return ["## The machine\n", "\n".join(lines) + "\n"]


def _goals(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    figures = [Figure(**figure) for result in measured.values() for figure in result["figures"]]
    rows = [
        f"| {figure.name} | {figure.median:.{figure.digits}f} | {figure.low:.{figure.digits}f} to "
        f"{figure.high:.{figure.digits}f} | {figure.goal:g} | {'yes' if figure.met else '**no**'} |"
        for figure in figures
    ]
    heading = "| what | median | range | at most | reached |\n| --- | ---: | ---: | ---: | --- |"
    return ["## The goals\n", "\n".join([heading, *rows]) + "\n"] if rows else []


def read_results() -> dict[str, Any]:
    """What was kept, by name of the benchmark."""
    return {path.stem: json.loads(path.read_bytes()) for path in sorted(RESULTS.glob("*.json"))}


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(read_results()), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}")


if __name__ == "__main__":
    main()
