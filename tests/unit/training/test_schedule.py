"""Stages are data: which step belongs to which stage, which updates it makes, how fast."""

from pathlib import Path

import pytest

from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from emotalk.training.schedule import Schedule
from tests.helpers.tiny_training import tiny_config


def schedule_of(config: TrainConfig, clips_per_epoch: int = 10) -> Schedule:
    batch_size = config.data.batch_size
    return Schedule(config.stages, clips_per_epoch=clips_per_epoch, batch_size=batch_size)


def rates_of(config: TrainConfig) -> list[float]:
    schedule = schedule_of(config)
    return [schedule.plan(step).updates[0].lr for step in range(1, schedule.steps)]


def test_stages_follow_each_other_and_end(tmp_path: Path) -> None:
    schedule = schedule_of(tiny_config(tmp_path))
    assert [schedule.plan(step).stage for step in range(6)] == ["emotion"] + ["gan"] * 5
    with pytest.raises(ValueError, match="step 6 is outside"):
        schedule.plan(6)


def test_alternation_counts_from_the_stages_own_start(tmp_path: Path) -> None:
    config = tiny_config(
        tmp_path,
        "stages.gan.updates.0.every=2",
        "stages.gan.updates.1.every=2",
        "stages.gan.updates.1.offset=1",
    )
    schedule = schedule_of(config)
    networks = [[due.update.network for due in schedule.plan(s).updates] for s in range(1, 5)]
    assert networks == [["generator"], ["discriminators"]] * 2


def test_a_cosine_stage_ends_near_a_tenth_of_its_rate(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "stages.gan.lr_decay=cosine", "stages.gan.iterations=100")
    rates = rates_of(config)
    assert rates[0] == pytest.approx(1e-3)
    assert rates[50] == pytest.approx(0.55e-3)
    assert rates[-1] == pytest.approx(1e-4, rel=0.01)
    assert rates == sorted(rates, reverse=True)


def test_a_linear_stage_falls_evenly_to_a_tenth_after_its_warm_up(tmp_path: Path) -> None:
    words = ["lr_decay=linear", "lr_warmup=4", "iterations=104"]
    rates = rates_of(tiny_config(tmp_path, *(f"stages.gan.{word}" for word in words)))
    assert rates[:4] == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3])
    assert rates[4:] == pytest.approx([1e-3 - 0.9e-5 * step for step in range(100)])


def test_a_stage_in_epochs_reads_the_split_that_often(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "stages.gan.iterations=null", "stages.gan.epochs=2.5")
    assert schedule_of(config, clips_per_epoch=10).steps == 1 + 7  # 25 clips, 4 a step
    assert schedule_of(config, clips_per_epoch=16).steps == 1 + 10


def test_a_stage_has_one_length(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="either iterations or epochs, got both"):
        tiny_config(tmp_path, "stages.gan.epochs=2")
    with pytest.raises(WrongUse, match="either iterations or epochs, got neither"):
        tiny_config(tmp_path, "stages.gan.iterations=null")
