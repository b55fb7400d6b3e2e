"""A file or folder is whole under its name, or it is not there."""

import os
from pathlib import Path

import pytest

from emotalk.files.atomic_write import (
    atomic_folder,
    atomic_path,
    atomic_write,
    atomic_write_text,
    claim_name,
)


class BrokenError(Exception):
    """Ends the writing half way."""


@pytest.mark.parametrize("aside", [False, True])
def test_a_file_has_its_name_when_it_is_complete(tmp_path: Path, *, aside: bool) -> None:
    path, folder = tmp_path / "file", tmp_path / "aside"
    folder.mkdir()
    path.write_bytes(b"before")
    with atomic_write(path, aside=folder if aside else None) as file:
        file.write(b"whole")
        file.flush()
        assert path.read_bytes() == b"before"
        assert any(folder.iterdir()) == aside
    assert path.read_bytes() == b"whole"
    assert sorted(part.name for part in tmp_path.rglob("*")) == ["aside", "file"]


def test_what_breaks_off_leaves_the_file_before_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_write_text(path, "before")

    def break_off() -> None:
        with atomic_path(path) as partial:
            partial.write_bytes(b"half")
            raise BrokenError

    with pytest.raises(BrokenError):
        break_off()
    assert path.read_text() == "before"
    assert [part.name for part in tmp_path.iterdir()] == ["file"]


def test_the_longest_name_that_a_file_can_have_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    atomic_write_text(path, "whole")
    assert path.read_text() == "whole"


def test_a_folder_takes_the_place_of_nothing_or_of_an_empty_one(tmp_path: Path) -> None:
    for name in ("new/folder", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with atomic_folder(tmp_path / name) as part:
            (part / "file").touch()
            assert not (tmp_path / name / "file").exists()
        assert [file.name for file in (tmp_path / name).iterdir()] == ["file"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "new"]


def test_a_folder_that_breaks_off_is_not_there(tmp_path: Path) -> None:
    def break_off() -> None:
        with atomic_folder(tmp_path / "folder") as part:
            (part / "file").touch()
            raise BrokenError

    with pytest.raises(BrokenError):
        break_off()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_of_a_folder_is_not_in_the_new_one(tmp_path: Path) -> None:
    (tmp_path / ".folder.part").mkdir()
    (tmp_path / ".folder.part" / "half").touch()
    with atomic_folder(tmp_path / "folder") as part:
        (part / "file").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "file"]


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_disk_is_waited_for_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, on_disk: bool
) -> None:
    synced: list[int] = []
    path = tmp_path / "file"

    def fsync(descriptor: int) -> None:
        assert not path.exists(), "the name comes after the bytes"
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_write(path, on_disk=on_disk) as file:
        file.write(b"whole")
    assert synced == ([len(b"whole")] if on_disk else [])


def test_a_full_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis").touch()

    def replace() -> None:
        with atomic_folder(tmp_path / "folder") as part:
            (part / "file").touch()

    with pytest.raises(OSError, match="not empty"):
        replace()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "thesis"]


def test_a_name_is_claimed_once(tmp_path: Path) -> None:
    part, path = tmp_path / "part", tmp_path / "file"
    part.write_text("first")
    claim_name(part, path)
    assert not part.exists()
    part.write_text("second")
    with pytest.raises(FileExistsError):
        claim_name(part, path)
    assert (path.read_text(), part.read_text()) == ("first", "second")


def test_a_file_that_breaks_off_has_no_name_and_leaves_nothing(tmp_path: Path) -> None:
    target, aside = tmp_path / "file", tmp_path / "aside"
    aside.mkdir()

    def break_off() -> None:
        with atomic_write(target, aside=aside) as file:
            file.write(b"half")
            file.flush()
            assert not target.exists()
            assert list(aside.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert not target.exists()
    assert not list(aside.iterdir())
