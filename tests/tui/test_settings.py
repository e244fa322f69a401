"""What is remembered, and the user's own keys: through the real app, and with files that are damaged."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import make_run
from tests.tui.driving import live_app, notices, press, settle, visible
from tui.settings import Remembered, Settings, _keys, _remembered

SIZE = (120, 40)


def settings_in(home: Path) -> Settings:
    return Settings.of_user({}, home)


async def test_the_screen_is_found_as_it_was_left(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", until=500, state="running")
    app = live_app(run, settings=settings_in(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert app.theme == "hooktrace"
        await press(app, pilot, "t", "o", "v")
    again = live_app(run, settings=settings_in(tmp_path))
    async with again.run_test(size=SIZE) as pilot:
        await settle(again, pilot)
        assert again.theme == "hooktrace-light"
        assert visible(again, "output") and visible(again, "waterfall") and not visible(again, "loop")
        assert again.screen.focused is not None and again.screen.focused.id == "waterfall"


async def test_without_a_place_nothing_is_remembered(tmp_path: Path) -> None:
    app = live_app(make_run(tmp_path / "run", until=500, state="running"))
    async with app.run_test(size=SIZE) as pilot:
        await press(app, pilot, "t")
    assert not (tmp_path / ".local").exists()


async def test_keys_of_the_user(tmp_path: Path) -> None:
    config = tmp_path / ".config" / "hooktrace" / "keys.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"theme": "f5", "nonsense": "x", "view": 3}), encoding="utf-8")
    app = live_app(make_run(tmp_path / "run", until=500, state="running"), settings=settings_in(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        assert notices(app) == ["keys.json: no such action, or no key for it: nonsense, view"]
        await press(app, pilot, "t")
        assert app.theme == "hooktrace"
        await press(app, pilot, "f5")
        assert app.theme == "hooktrace-light"


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"theme": [1]}', "\x00", "[" * 9999])
def test_damaged_files_are_as_good_as_none(tmp_path: Path, text: str) -> None:
    for name in (".local/state", ".config"):
        place = tmp_path / name / "hooktrace"
        place.mkdir(parents=True)
        for file in ("screen.json", "keys.json"):
            (place / file).write_text(text, encoding="utf-8")
    found = settings_in(tmp_path)
    assert found.remembered == Remembered()
    assert found.keys == {}
    assert found.complaint is not None


def test_a_home_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("a file", encoding="utf-8")
    settings_in(tmp_path).remember(Remembered(theme="x"))
    assert (tmp_path / ".local").read_text(encoding="utf-8") == "a file"


def test_the_environment_says_where(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "s"), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    Settings.of_user(environ, Path("/nowhere")).remember(Remembered(view="waterfall"))
    assert Settings.of_user(environ, Path("/nowhere")).remembered.view == "waterfall"
    assert _keys(tmp_path / "c" / "hooktrace" / "keys.json") == ({}, None)


@given(st.dictionaries(st.sampled_from(["theme", "view", "inspector", "x"]), st.none() | st.text() | st.booleans()))
def test_only_values_of_the_right_type_count(content: dict[str, object]) -> None:
    found = _remembered(content)
    assert found.view == (content["view"] if isinstance(content.get("view"), str) else "")
    assert found.inspector is (content["inspector"] if isinstance(content.get("inspector"), bool) else True)
