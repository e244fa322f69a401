"""The command line as such: verbs, help, mistakes, exit codes, pipes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tracer
from tests.builders import make_run
from tests.cli.commands import AS_IN_A_TERMINAL, ENVIRONMENT, hooktrace
from tracer.cli import VERBS, main

Captured = pytest.CaptureFixture[str]


def test_help_names_every_verb(capsys: Captured) -> None:
    assert main(["--help"]) == 0

    out = capsys.readouterr().out
    assert all(f"\n  {name:<9}{verb.summary}" in out for name, verb in VERBS.items())
    assert max(len(line) for line in out.splitlines()) <= 100


def test_without_a_verb_there_is_help_on_stderr_and_a_usage_error(capsys: Captured) -> None:
    assert main([]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage" in captured.err


def test_version(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hooktrace {tracer.__version__}\n"


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_with_an_example(name: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])

    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"usage: hooktrace {name}" in out
    assert f"\n  hooktrace {name}" in out[out.index("example") :]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["trian"], 2, "no verb 'trian' (did you mean 'train'?)"),
        (["zzzzzz"], 2, "`hooktrace --help` lists them"),
        (["--frobnicate"], 2, "unknown option --frobnicate"),
        (["some_run"], 2, "`hooktrace replay some_run`"),
        (["list", "--jsno"], 2, "unrecognized arguments: --jsno (`hooktrace list --help` shows what there is)"),
        (["list", "--runs-dir", "nowhere"], 1, "no such directory: nowhere"),
        (["stats"], 1, "no runs in runs/"),
        (["stats", "nope"], 1, "no such run: nope"),
        (["stats", "some_run"], 1, "not a run: some_run has no run.json"),
        (["stats", "--top", "-1"], 2, "--top"),
        (["stats", "--rank", "one"], 2, "'one' is no rank"),
        (["stats", "--by", "colour"], 2, "invalid choice: 'colour'"),
        (["export", "--format", "xls"], 2, "invalid choice: 'xls'"),
        (["compare", "a"], 2, "the following arguments are required: B"),
        (["replay", "--speed", "0"], 2, "'0' is no speed from 0.1 to 1000"),
        (["replay", "--speed", "fast"], 2, "'fast' is no speed"),
        (["train", "--name", "a/b"], 2, "'a/b' is no name for a run"),
        (["train", "--name", ""], 2, "'' is no name for a run"),
        (["train", "--config", "nope"], 2, "no configuration 'nope'"),
        (["train", "--trainer.default_root_dir=x"], 2, "choose it with --runs-dir and --name"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "some_run").mkdir()

    assert main(arguments) == code

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("hooktrace: error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["some_run"]


def test_a_newer_schema_is_refused(tmp_path: Path, capsys: Captured) -> None:
    run = make_run(tmp_path / "run", schema=99)

    assert main(["stats", str(run)]) == 1
    assert "has schema 99" in capsys.readouterr().err


def test_error_lines_cannot_command_the_terminal(capsys: Captured) -> None:
    assert main(["stats", "a\x1b[2Jb\nc"]) == 1

    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("\n") == 1


def test_a_missing_extra_says_what_to_install(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tracer.verbs.list", None)
    with pytest.raises(ModuleNotFoundError):  # one of ours is no extra: that would hide a broken installation
        main(["list"])

    monkeypatch.delitem(sys.modules, "tracer.verbs.list")
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "tracer.run.reader", raising=False)
    monkeypatch.delitem(sys.modules, "tracer.run.build", raising=False)
    assert main(["list"]) == 1
    assert "needs numpy, which is not installed: pip install 'hooktrace[view]'" in capsys.readouterr().err


def test_python_m_tracer_is_the_command(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "one")

    ended = hooktrace("list")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[1].startswith("one  finished")


def test_an_output_that_knows_no_special_signs_gets_others(tmp_path: Path) -> None:
    make_run(tmp_path / "run", hook_ns=1500)

    ended = subprocess.run(
        [sys.executable, "-m", "tracer", "stats", "run", "--top", "3"],
        capture_output=True,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"1.50 \\xb5s" in ended.stdout


def test_a_reader_that_has_enough_ends_the_command_quietly(tmp_path: Path) -> None:
    make_run(tmp_path / "run", epochs=20, batches=20)
    with subprocess.Popen(
        [sys.executable, "-m", "tracer", "export", "run", "-o", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"seq,parent")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_ctrl_c_ends_the_command_quietly(tmp_path: Path) -> None:
    make_run(tmp_path / "run", state="running", until=100)
    with subprocess.Popen(
        [sys.executable, "-c", AS_IN_A_TERMINAL, "watch", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        os.kill(process.pid, signal.SIGINT)
        assert process.stderr.read() == b"hooktrace: interrupted\n"
        assert process.wait() == 130
