"""The report: everything that it says it shows is there, drawn, harmless, and from no other file."""

import re
import shutil
import subprocess
from collections import Counter
from itertools import accumulate
from pathlib import Path

import pytest

from tests.builders import make_run
from tests.export.recorded import HOSTILE, written
from tests.export.test_page import Outline
from tracer.export import Selection, write
from tracer.run import Run, open_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECTIONS = ["Run", "Findings", "The loop", "Timeline", "Time per hook", "Over the run", "Losses", "Configuration"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A fit with a validation and metrics."""
    return open_run(make_run(tmp_path_factory.mktemp("html") / "run"))


def outline_of(run: Run, **options: object) -> Outline:
    return Outline(written(run, "html", **options).decode())


def test_every_section_is_there(run: Run) -> None:
    outline = outline_of(run)

    assert outline.texts("h2") == SECTIONS
    assert {a["data-figure"] for _, a, _ in outline.elements if "data-figure" in a} == {
        *("owners", "over-the-run", "losses"),
    }


def test_the_timeline_has_the_calls(run: Run) -> None:
    trace, data = run.trace(), outline_of(run).data("timeline-data")

    assert list(accumulate(data["start"])) == trace.start_ns.tolist()
    assert data["length"] == trace.duration_ns.tolist()
    assert data["depth"] == trace.depth.tolist()
    assert [data["actions"][number][0] for number in data["action"]] == [
        trace.actions[number].label for number in trace.action
    ]


def test_the_timeline_draws_the_batches_that_are_asked_for(run: Run) -> None:
    selection = Selection(stages=("train",), epochs=(1, 2), batches=(2, 3))

    rows, data = selection.rows(run.trace()), outline_of(run, selection=selection).data("timeline-data")

    assert rows is not None
    assert len(data["start"]) == len(rows)
    assert {place.rpartition(", ")[0] for place in data["places"]} == {"train, epoch 1, batch 2"}


def test_a_long_timeline_is_reduced_and_says_how(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer.export.html_timeline.MOST", 60)
    monkeypatch.setattr("tracer.export.html_timeline._WHOLE_BATCHES", 30)

    page = written(run, "html").decode()

    assert len(Outline(page).data("timeline-data")["start"]) <= 60
    assert f"Of {len(run.trace())} calls " in page
    assert "the longest ones" in page


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_text(name: str, run: Run, tmp_path: Path) -> None:
    hostile = open_run(make_run(tmp_path / "run", callbacks=(name, "ModelCheckpoint"), model={"class": name}))

    plain, outline = outline_of(run), outline_of(hostile)

    tags, expected = (Counter(tag for tag, _, _ in page.elements) for page in (outline, plain))
    assert tags["script"] == expected["script"]
    assert set(tags) <= set(expected) | {"b"}
    assert outline.texts("h2") == SECTIONS


@pytest.mark.parametrize("until", [1, 3, 40])
def test_a_run_that_has_hardly_begun_has_a_page(until: int, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", state="died", until=until, metrics=False))

    assert outline_of(run).texts("h2") == SECTIONS


def test_nothing_is_fetched(run: Run) -> None:
    for _, attributes, _ in outline_of(run).elements:
        assert "src" not in attributes
        assert re.fullmatch(r"#.*", attributes.get("href") or "#")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_draws_it_without_a_word(run: Run, tmp_path: Path) -> None:
    path = write(run, "html", tmp_path / "report.html")
    picture = tmp_path / "report.png"

    ended = subprocess.run(
        [
            *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--enable-logging=stderr", "--virtual-time-budget=5000", "--window-size=1200,3000", "--dump-dom"),
            *(f"--screenshot={picture}", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert "CONSOLE" not in ended.stderr
    assert f'data-drawn="{len(run.trace())}"' in ended.stdout
    assert ended.stdout.count('class="main-svg"') >= 3
    assert picture.stat().st_size > 10_000
