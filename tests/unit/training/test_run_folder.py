"""Nothing a user made is overwritten; a run goes on only under its own configuration."""

from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.training.run_folder import open_run_folder
from tests.helpers.tiny_training import tiny_config


def test_a_new_folder_is_made_and_the_same_run_may_go_on(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    assert not open_run_folder(config)
    assert (config.run_dir / "config.yaml").exists()
    assert not open_run_folder(tiny_config(tmp_path, "tracking.log_every=5"))


def test_another_configuration_is_refused_with_the_keys_that_differ(tmp_path: Path) -> None:
    open_run_folder(tiny_config(tmp_path))
    with pytest.raises(WrongUse, match=r"data.frames: 4 there, 5 now") as caught:
        open_run_folder(tiny_config(tmp_path, "data.frames=5", "seed=4"))
    assert "seed: 3 there, 4 now" in str(caught.value)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    config.run_dir.mkdir()
    (config.run_dir / "thesis.txt").write_text("years of work")
    with pytest.raises(WrongUse, match="not a run folder"):
        open_run_folder(config)
    assert [path.name for path in config.run_dir.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    config.run_dir.write_text("a file")
    with pytest.raises(WrongUse, match=r"cannot be written|not a run folder"):
        open_run_folder(config)
