"""`shards` takes a place, or a list of places with weights, in a file and on the command line."""

from pathlib import Path

import pytest
import yaml

from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.load import dump_config, flatten, load_config
from emotalk.config.run import TrainConfig
from emotalk.config.shards import ShardSource, shards_text, sources_of
from emotalk.errors import WrongUse
from tests.helpers.tiny_training import TINY, tiny_config

BOTH = "shards=[{path: A, weight: 0.7}, {path: B}]"
SOURCES = (ShardSource(path="A", weight=0.7), ShardSource(path="B"))


def test_a_list_means_the_same_in_a_file_and_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "several.yaml"
    listed = [{"path": "A", "weight": 0.7}, {"path": "B"}]
    path.write_text(yaml.safe_dump({**TINY, "shards": listed}))
    for config in (
        tiny_config(tmp_path, BOTH),
        load_config(TrainConfig, path, ["run_dir=x"]),
        load_config(
            TrainConfig, path, ["run_dir=x", "shards=[A, B]", "shards.0={path: A, weight: 0.7}"]
        ),
    ):
        assert config.shards == SOURCES
        assert flatten(config)["shards"] == listed


def test_a_part_of_a_list_is_overridden_by_its_number(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, BOTH, "shards.0.weight=0.2", "shards.1.path=C")
    assert config.shards == (ShardSource(path="A", weight=0.2), ShardSource(path="C"))


def test_what_is_written_down_is_read_back(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, BOTH)
    (tmp_path / "again.yaml").write_text(dump_config(config))
    assert load_config(TrainConfig, tmp_path / "again.yaml").shards == config.shards


def test_one_set_is_its_path() -> None:
    given = {"checkpoint": "run", "output": "out"}
    for shards in ("A", ["A"], [{"path": "A", "weight": 3}]):
        config = EvaluateConfig.model_validate({**given, "shards": shards})
        assert config.shards == "A"
        assert sources_of(config.shards) == (ShardSource(path="A"),)


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ("5", r"shards: expected a folder, a URL, or a list of sets: .*got 5"),
        ("[]", r"shards: expected .*got \[\]"),
        ("[A, 7]", r"shards\.1: .*got 7"),
        ("[{path: A, weigh: 1}, B]", r"shards\.0\.weigh: unknown key; did you mean 'weight'"),
        ("[{path: A, weight: 0}, B]", r"shards\.0\.weight: .*greater than 0, got 0"),
        ("[{path: A, weight: .inf}, B]", r"shards\.0\.weight: .*got inf"),
        ("[{weight: 1}, B]", r"shards\.0\.path: required"),
        ("[{path: A, weight: 0.6}, {path: B, weight: 0.4}, C]", r"sum to 1, which leaves nothing"),
        ("[{path: A, weight: 2}, {path: B}]", r"sum to 2, .*every set a weight"),
    ],
)
def test_what_is_no_list_of_sets_is_refused_by_its_place(
    tmp_path: Path, shards: str, said: str
) -> None:
    with pytest.raises(WrongUse, match=said) as caught:
        tiny_config(tmp_path, f"shards={shards}")
    assert "1 fault in the configuration" in str(caught.value)


def test_weights_of_all_sets_need_not_sum_to_one(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "shards=[{path: A, weight: 3}, {path: B, weight: 1}]")
    assert shards_text(config.shards) == "A (weight 3) + B (weight 1)"


def test_commands_and_secrets_in_a_list_are_treated_as_those_of_one(tmp_path: Path) -> None:
    path = tmp_path / "command.yaml"
    path.write_text(yaml.safe_dump({**TINY, "shards": ["A", "pipe:cat {}"]}))
    with pytest.raises(WrongUse, match=r"shards\.1: 'pipe:cat \{\}' would run a command"):
        load_config(TrainConfig, path, ["run_dir=x"])
    config = tiny_config(tmp_path, "shards=[A, 'https://me:word@host/set']")
    assert sources_of(config.shards)[1].path == "https://me:word@host/set"
    for text in (dump_config(config), shards_text(config.shards), str(flatten(config))):
        assert "word" not in text
        assert "https://***@host/set" in text
