"""Stages are data: which step belongs to which stage, which updates it makes, how fast."""

from pathlib import Path

import pytest

from emotalk.training.schedule import Schedule
from tests.helpers.tiny_training import tiny_config


def test_stages_follow_each_other_and_end(tmp_path: Path) -> None:
    schedule = Schedule(tiny_config(tmp_path).stages)
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
    schedule = Schedule(config.stages)
    networks = [[due.update.network for due in schedule.plan(s).updates] for s in range(1, 5)]
    assert networks == [["generator"], ["discriminators"]] * 2


def test_a_cosine_stage_ends_near_a_tenth_of_its_rate(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "stages.gan.lr_decay=cosine", "stages.gan.iterations=100")
    rates = [Schedule(config.stages).plan(1 + step).updates[0].lr for step in range(100)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[50] == pytest.approx(0.55e-3)
    assert rates[-1] == pytest.approx(1e-4, rel=0.01)
    assert rates == sorted(rates, reverse=True)
