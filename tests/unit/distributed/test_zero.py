"""DeepSpeed's settings: ZeRO's knobs from files, the rest from nowhere else."""

import json
from pathlib import Path

import pytest

from emotalk.config.runtime import DeepSpeedConfig
from emotalk.distributed.zero import OURS, engine_settings, stage_of, zero_settings
from emotalk.errors import WrongUse

BOTH = ("generator", "discriminators")


def written(folder: Path, stage: int | None, **more: object) -> Path:
    path = folder / f"zero{stage}.json"
    zero = {} if stage is None else {"zero_optimization": {"stage": stage}}
    path.write_text(json.dumps({**zero, **more}), encoding="utf-8")
    return path


def config_of(folder: Path, generator: int | None, discriminators: int | None) -> DeepSpeedConfig:
    return DeepSpeedConfig(
        generator=written(folder, generator), discriminators=written(folder, discriminators)
    )


def test_each_engine_has_the_stage_of_its_file(tmp_path: Path) -> None:
    settings = engine_settings(config_of(tmp_path, 3, 1), BOTH)
    assert {name: stage_of(one) for name, one in settings.items()} == {
        "generator": 3,
        "discriminators": 1,
    }
    assert stage_of(zero_settings(written(tmp_path, None))) == 0


def test_discriminators_spread_by_stage_3_are_refused_where_they_are_built(tmp_path: Path) -> None:
    config = config_of(tmp_path, 2, 3)
    with pytest.raises(WrongUse, match=r"discriminators=.*zero3\.json is ZeRO stage 3.*stage 0, 1"):
        engine_settings(config, BOTH)
    assert set(engine_settings(config, ["generator"])) == {"generator"}


@pytest.mark.parametrize("name", OURS)
def test_what_the_training_configures_is_refused_in_a_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=f"{name} belong in the training configuration"):
        zero_settings(written(tmp_path, 2, **{name: 1}))


def test_losses_come_divided_and_gradients_bounded(tmp_path: Path) -> None:
    settings = zero_settings(written(tmp_path, 2))
    assert settings["train_micro_batch_size_per_gpu"] == 1
    assert settings["gradient_accumulation_steps"] == 1
    assert settings["gradient_clipping"] == 0.0


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"cannot read .*none\.json"):
        zero_settings(tmp_path / "none.json")
    (tmp_path / "half.json").write_text("{", encoding="utf-8")
    with pytest.raises(WrongUse, match=r"cannot read .*half\.json"):
        zero_settings(tmp_path / "half.json")
