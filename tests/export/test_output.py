"""Outputs are whole or absent, and never replace what they were not told to."""

from pathlib import Path

import pytest

from tracer.errors import ExistsError, HooktraceError, NotFoundError
from tracer.export import check_free, new_file


def test_a_new_file_takes_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"

    with new_file(path) as file:
        file.write(b"content")
        assert not path.exists()

    assert path.read_bytes() == b"content"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_an_error_on_the_way_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")

    with pytest.raises(ValueError, match="half"), new_file(path, force=True) as file:
        file.write(b"new")
        raise ValueError("half way")

    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_an_existing_file_is_replaced_with_force_only(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")

    with pytest.raises(ExistsError, match="--force"), new_file(path):
        pass
    with new_file(path, force=True) as file:
        file.write(b"new")

    assert path.read_bytes() == b"new"


def test_a_file_that_appeared_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"

    with pytest.raises(ExistsError), new_file(path) as file:
        file.write(b"ours")
        path.write_bytes(b"theirs")

    assert path.read_bytes() == b"theirs"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_places_that_cannot_be_written_to_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no directory"):
        check_free(tmp_path / "missing" / "out.csv")
    with pytest.raises(ExistsError, match="is a directory"):
        check_free(tmp_path, force=True)


def test_a_full_disk_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(HooktraceError, match="No space left"), new_file(tmp_path / "out.csv"):
        raise OSError(28, "No space left on device")

    assert list(tmp_path.iterdir()) == []


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()

    with new_file(tmp_path / "ours"):
        pass

    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode
