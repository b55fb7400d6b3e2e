from pathlib import Path

import pytest

from emotalk.config.ready import ready_config

NAME = Path("configs/evaluate/default.yaml")


def made(folder: Path) -> Path:
    (folder / NAME).parent.mkdir(parents=True)
    (folder / NAME).write_text("{}")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_an_installation_has_it_in_the_package(here: Path, tmp_path: Path) -> None:
    package = made(tmp_path / "site/emotalk")
    assert ready_config(NAME, package) == package / NAME


def test_a_checkout_has_it_beside_the_package(here: Path, tmp_path: Path) -> None:
    root = made(tmp_path / "clone")
    assert ready_config(NAME, root / "emotalk") == NAME  # not of a folder that is no checkout
    (root / "pyproject.toml").touch()
    assert ready_config(NAME, root / "emotalk") == root / NAME


def test_the_users_own_file_goes_first(here: Path, tmp_path: Path) -> None:
    made(here)
    assert ready_config(NAME, made(tmp_path / "emotalk")) == NAME


@pytest.mark.parametrize("path", ["mine.yaml", "configs/none.yaml", "configs/../secret.yaml"])
def test_other_paths_stay(here: Path, tmp_path: Path, path: str) -> None:
    package = made(tmp_path / "emotalk")
    (package / "secret.yaml").touch()
    assert ready_config(Path(path), package) == Path(path)
    assert ready_config((package / NAME).absolute(), package) == package / NAME
