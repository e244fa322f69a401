"""`hooktrace explain`: the pseudo-code of played runs."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.analyze.ranks import trained, write
from tests.builders import LiveRun, action_lines, make_run
from tests.export.test_page import Outline
from tracer import open_run
from tracer.cli import main
from tracer.run.layout import PAUSE_HOOK, PAUSE_OWNER

Captured = pytest.CaptureFixture[str]


def test_the_loop_is_written_once(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run", epochs=3, batches=40)
    assert main(["explain", "run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 60
    assert all(len(line) <= 100 for line in lines)
    text = "\n".join(lines)
    assert "  for epoch in range(3):  # max_epochs=3" in text
    assert "\n    for batch in range(40):" in text
    assert "on_train_batch_end: EarlyStopping*, ModelCheckpoint*, TinyModel" in text
    assert "if " not in text


def test_depth_cuts(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")
    assert main(["explain", "run", "--depth", "1"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["#", "trainer.fit:"]


@pytest.mark.parametrize("until", [0, 1, 30, 77, 140])
def test_a_run_that_died_folds_and_says_where(tmp_path: Path, capsys: Captured, until: int) -> None:
    make_run(tmp_path / "run", state="died", until=until)
    assert main(["explain", "run", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    unfinished = [line for line in lines if line["comment"] == "unfinished: the recording ends in here"]
    assert bool(unfinished) == bool(open_run(tmp_path / "run").trace().open_rows)


def test_an_unfinished_call_says_so_however_long_its_line_is(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run", state="died", until=120)
    assert main(["explain", "run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("# run, recorded with Lightning 2.6.6, died ")
    assert sum(line.count("# unfinished: the recording ends in here") for line in lines) > 3
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("depth", ["0", "-1", "x", "101"])
def test_no_number_of_levels(depth: str, capsys: Captured) -> None:
    assert main(["explain", f"--depth={depth}"]) == 2
    assert "no number of levels" in capsys.readouterr().err


MISSPELT: dict[str, Any] = {
    "owners": [{"kind": "module", "class": "TinyModel", "overrides": {}, "others": {"on_train_epch_end": "net.py:7"}}],
    "hooks": {"module": ["on_train_epoch_end"]},
}


def test_what_deserves_a_look_stands_below_the_loop(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "healthy")
    assert main(["explain", "healthy"]) == 0
    assert "\n! " not in capsys.readouterr().out

    make_run(tmp_path / "misspelt", **MISSPELT)
    assert main(["explain", "misspelt"]) == 0
    loop, _, found = capsys.readouterr().out.partition("\n! ")
    assert "trainer.fit" in loop
    assert "on_train_epch_end" in found and "on_train_epoch_end" in found

    assert main(["explain", "misspelt", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == 1
    assert [finding["id"] for finding in told["findings"]] == ["not-a-hook"]


GOLDENS = Path(__file__).parent / "goldens"
FORMATS = ("text", "markdown", "json", "html")


def test_golden(tmp_path: Path, capsys: Captured, request: pytest.FixtureRequest) -> None:
    make_run(tmp_path / "run", epochs=3, batches=12, val_batches=3)
    assert main(["explain", "run", "--docs", "--depth", "6"]) == 0
    found, path = capsys.readouterr().out, GOLDENS / "explain.txt"
    if request.config.getoption("--update-goldens"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == found


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_tells_the_same_hooks(tmp_path: Path, capsys: Captured, form: str) -> None:
    run = make_run(tmp_path / "run", **MISSPELT)
    assert main(["explain", "run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["explain", "run", "--format", form, "-o", "-"]) == 0
    shown = capsys.readouterr().out
    if form == "html":
        shown = "".join(text for _, _, text in Outline(shown).elements)

    for line in told["lines"]:
        assert line["text"] in shown
    assert "on_train_epch_end" in shown
    assert not (run / "explain.html").exists()


def test_json_has_a_short_form(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")
    assert main(["explain", "run", "--json"]) == 0
    short = capsys.readouterr().out
    assert main(["explain", "run", "--format", "json", "--json"]) == 0
    assert capsys.readouterr().out == short
    assert main(["explain", "run", "--format", "html", "--json"]) == 2
    assert "contradict" in capsys.readouterr().err


def test_the_loop_is_a_tree_of_parts_to_fold(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    assert main(["explain", "run", "--docs", "-o", "loop.html", "-q"]) == 0
    page = Path("loop.html").read_text(encoding="utf-8")
    outline = Outline(page)

    assert len(outline.texts("details")) == page.count("</details>") > 5
    links = {attributes["href"] for tag, attributes, _ in outline.elements if tag == "a"}
    places = {f"#{attributes['id']}" for tag, attributes, _ in outline.elements if tag == "li" and "id" in attributes}
    assert places and places == {link for link in links if link and link.startswith("#")}
    widths = [attributes["style"] for tag, attributes, _ in outline.elements if tag == "i"]
    assert all(0 <= float(re.findall(r"[\d.]+", style or "")[0]) <= 100 for style in widths)


HOSTILE = ("</code><script>alert(1)</script>", "```\n# out", "@someone", "a`b|c**d", "\x1b[31mred", "\u202eabc")


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_names_stay_names(tmp_path: Path, capsys: Captured, form: str) -> None:
    make_run(tmp_path / "harmless", callbacks="ABCDEF", **MISSPELT)
    make_run(tmp_path / "hostile", callbacks=HOSTILE, **MISSPELT)
    shown = {}
    for name in ("harmless", "hostile"):
        assert main(["explain", name, "--format", form, "-o", "-", "--why", "--docs"]) == 0
        shown[name] = capsys.readouterr().out

    assert not set("\x1b\u202e") & set(shown["hostile"])
    if form == "html":
        tags = {name: [tag for tag, _, _ in Outline(text).elements if tag != "span"] for name, text in shown.items()}
        assert tags["hostile"] == tags["harmless"]
    if form == "markdown":
        assert shown["hostile"].count("```") == shown["harmless"].count("```") == 2
        below = shown["hostile"].rpartition("```")[2]
        assert "@" not in below and "<script" not in below


@pytest.mark.parametrize(
    ("options", "hooks", "others"),
    [
        (["--stage", "validate"], {"on_validation_batch_start"}, {"on_train_batch_start", "on_fit_start"}),
        (["--owner", "EarlyStopping"], {"on_train_batch_start"}, {"transfer_batch_to_device"}),
        (["--owner", "strategy", "--owner", "loop"], {"batch_to_device"}, {"on_fit_start"}),
        (["--overridden-only"], {"on_fit_start"}, {"transfer_batch_to_device"}),
    ],
)
def test_less_of_it(tmp_path: Path, capsys: Captured, options: list[str], hooks: set[str], others: set[str]) -> None:
    make_run(tmp_path / "run")
    assert main(["explain", "run", "--json", *options]) == 0
    shown = {line["text"] for line in json.loads(capsys.readouterr().out)["lines"]}
    assert hooks <= shown
    assert not others & shown


@pytest.mark.parametrize(
    ("options", "there"),
    [
        (["--stage", "predict"], "(there is: sanity_check, train, validate)"),
        (["--stage", "x"], "(there is: sanity_check, train, validate)"),
        (["--owner", "Nobody"], "EarlyStopping, ModelCheckpoint, TinyModel"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    tmp_path: Path, capsys: Captured, options: list[str], there: str
) -> None:
    make_run(tmp_path / "run")
    assert main(["explain", "run", *options]) == 1
    told = capsys.readouterr().err
    assert options[1] in told and there in told and told.count("\n") == 1


def test_of_less_there_is_less_to_say(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")
    told = {}
    for options in ((), ("--stage", "validate"), ("--owner", "EarlyStopping", "--stage", "sanity_check")):
        assert main(["explain", "run", "--docs", "--json", *options]) == 0
        content = json.loads(capsys.readouterr().out)
        told[options] = [one["id"] for one in content["docs"]]
        assert {number for line in content["lines"] for number in line["docs"]} <= set(
            range(1, 1 + len(content["docs"]))
        )
    every, of_stage, of_owner = told.values()
    assert "optimizer-step" in every and "optimizer-step" not in of_stage
    assert "validation-batch-start" in of_stage
    assert of_owner == ["validation-batch-start", "sanity-check", "validation-strategy"]


def test_reasons_stand_below_the_hooks(tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run")
    shown = {}
    for option in ("--depth=100", "--why"):
        assert main(["explain", "run", option]) == 0
        shown[option] = capsys.readouterr().out.splitlines()
        assert all(len(line) <= 100 for line in shown[option])
    told = [line for line in shown["--why"] if line.strip().startswith("# ")]
    assert len(told) > 20
    assert not [line for line in shown["--depth=100"][1:] if line.strip().startswith("# ")]


def test_the_file_decides_the_format_and_is_not_replaced(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "run")
    for name, begins in (("a.md", "### "), ("a.json", "{"), ("a.html", "<!DOCTYPE"), ("a.log", "# run")):
        assert main(["explain", "run", "-o", name]) == 0
        assert capsys.readouterr().out.startswith(f"wrote {name} ")
        assert Path(name).read_text(encoding="utf-8").startswith(begins)
    assert main(["explain", "run", "-o", "a.md"]) == 1
    assert "a.md exists" in capsys.readouterr().err
    assert main(["explain", "run", "-o", "a.md", "-f", "-q", "--format", "text"]) == 0
    assert capsys.readouterr().out == ""
    assert Path("a.md").read_text(encoding="utf-8").startswith("# run")
    assert main(["explain", "run", "--format", "html", "-q"]) == 0
    assert (run / "explain.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_owners_that_do_not_fit_go_on_below(tmp_path: Path, capsys: Captured) -> None:
    names = [f"Callback{letter}" for letter in "ABCDEFGHIJ"]  # each with functions of its own
    make_run(tmp_path / "run", callbacks=names)
    assert main(["explain", "run"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 100 for line in out.splitlines())
    owners = re.search(r"^  on_fit_start: ((?:.*\n)*?)  \S", out, re.MULTILINE)
    assert owners is not None
    assert re.findall(r"Callback\w\*|TinyModel", owners[1]) == [*(f"{name}*" for name in names), "TinyModel"]


def test_pauses_are_left_out_and_told(tmp_path: Path, capsys: Captured) -> None:
    live = LiveRun(tmp_path / "run")
    live.play.span("loop", PAUSE_OWNER, PAUSE_HOOK)
    (tmp_path / "run" / "actions-0.jsonl").write_text("".join(action_lines(live.play)), encoding="utf-8")
    live.finish()
    assert main(["explain", "run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# run, recorded with Lightning 2.6.6, 1.00 ms of pauses left out")
    assert PAUSE_HOOK not in out.partition("\n")[2]


def test_of_several_ranks_one_is_named(tmp_path: Path, capsys: Captured) -> None:
    write(tmp_path / "run", trained(4))
    for options, rank in (([], 0), (["--rank", "1"], 1)):
        assert main(["explain", "run", *options]) == 0
        assert capsys.readouterr().out.startswith(f"# run, rank {rank}, recorded with Lightning 2.6.6 ")


def test_colours_are_for_a_terminal(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "run")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["explain", "run", "--why", "--docs"]) == 0
    plain = capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["explain", "run", "--why", "--docs"]) == 0
    styled = capsys.readouterr().out
    assert "\x1b[" in styled and "\x1b[" not in plain
    assert re.sub(r" +\n", "\n", re.sub(r"\x1b\[\d*m", "", styled)) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["explain", "run", "--why", "--docs"]) == 0
    assert capsys.readouterr().out == plain


@pytest.mark.parametrize(
    ("state", "said"),
    [("died", "run has no spans: nothing was recorded"), ("running", "run has no spans yet")],
)
@pytest.mark.parametrize("form", FORMATS)
def test_a_run_without_spans(form: str, state: str, said: str, tmp_path: Path, capsys: Captured) -> None:
    make_run(tmp_path / "run", state=state, until=0)
    assert main(["explain", "run", "--format", form, "-o", "-", "--docs"]) == 0
    shown = capsys.readouterr().out
    assert (said in shown) == (form != "json")
