"""A configuration file that was handed over runs no command."""

from pathlib import Path

import pytest

from emotalk.config.commands import ALLOWED
from emotalk.config.load import dump_config, load_config, load_written
from emotalk.config.run import TrainConfig
from emotalk.config.shards import shards_text
from emotalk.errors import WrongUse

ROOT = Path(__file__).parents[3]
COMMAND = "pipe:touch ran; cat {}"


def written(folder: Path, shards: str) -> Path:
    demo = ROOT / "configs" / "train" / "demo.yaml"
    file = folder / "handed.yaml"
    file.write_text(f"extends: {demo}\nrun_dir: r\nshards: '{shards}'\n")
    return file


def test_a_command_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"shards: .* would run a command.*EMOTALK_ALLOW_COMMANDS=1"):
        load_config(TrainConfig, written(tmp_path, COMMAND))


def test_a_command_of_a_parent_is_refused_too(tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text(f"extends: {written(tmp_path, COMMAND).name}\nseed: 1\n")
    with pytest.raises(WrongUse, match="would run a command"):
        load_config(TrainConfig, child)


def test_the_command_line_and_the_environment_may_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, COMMAND)
    assert load_config(TrainConfig, file, [f"shards={COMMAND}"]).shards == COMMAND
    assert load_config(TrainConfig, file, ["shards=/data/set"]).shards == "/data/set"
    monkeypatch.setenv(ALLOWED, "1")
    shards = load_config(TrainConfig, file).shards
    assert (shards, type(shards)) == (COMMAND, str)


def test_a_written_configuration_is_compared_without_running_anything(tmp_path: Path) -> None:
    file = written(tmp_path, "pipe:curl -u a:secret https://h/{}")
    config = load_written(TrainConfig, file)
    (tmp_path / "config.yaml").write_text(dump_config(config))
    assert "secret" not in (tmp_path / "config.yaml").read_text()
    masked = load_written(TrainConfig, tmp_path / "config.yaml").shards
    assert shards_text(masked).startswith("pipe:curl -u ***")
