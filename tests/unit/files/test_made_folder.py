"""A command that fails leaves no empty folder, and removes nothing that it did not make."""

from pathlib import Path

import pytest

from emotalk.files.made_folder import made_folder


def fail_in(folder: Path, *, write: str = "") -> None:
    with made_folder(folder):
        if write:
            (folder / write).write_text("a result", "utf-8")
        raise KeyboardInterrupt


def test_a_folder_stays_when_the_block_succeeds(tmp_path: Path) -> None:
    with made_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "a" / "b").is_dir()


def test_empty_folders_that_were_made_go_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fail_in(tmp_path / "there" / "a" / "b")
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]


def test_a_folder_with_results_or_of_somebody_else_stays(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail_in(tmp_path / "new" / "a", write="result.txt")
    assert (tmp_path / "new" / "a" / "result.txt").is_file()
    (tmp_path / "old").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fail_in(tmp_path / "old")
    assert (tmp_path / "old").is_dir()


def test_parents_of_a_folder_that_cannot_be_made_go_too(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"), made_folder(tmp_path / "a" / ("n" * 300)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "new"):
        with pytest.raises(NotADirectoryError), made_folder(folder):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
