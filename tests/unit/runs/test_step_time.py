"""What a run will take is told from the time of its own updates."""

from pathlib import Path
from unittest import mock

import pytest

from emotalk.config.run import TrainConfig
from emotalk.runs import step_time as module
from emotalk.runs.step_time import StepTimes, measure_steps
from tests.helpers.tiny_training import tiny_config


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    return tiny_config(tmp_path_factory.mktemp("times"), "stages.gan.updates.1.every=2")


def test_an_update_is_scaled_to_the_batch_and_to_how_often_it_is_made(config: TrainConfig) -> None:
    with mock.patch.object(module, "_seconds", lambda work, device: work() and 1.0):
        times = measure_steps(config)
    # 4 clips of 4 frames, of which one clip is timed; the discriminators' update is every second.
    assert times.stages == {"emotion": 4.0, "gan": 4.0 + 4.0 / 2}
    assert times.frame_s == 1 / 4
    assert times.training_s(config, 12) == 1 * 4 + 5 * 6


def test_every_update_of_every_stage_is_really_made(config: TrainConfig) -> None:
    times = measure_steps(config)
    assert all(seconds > 0 for seconds in (*times.stages.values(), times.frame_s))


def test_stages_in_epochs_depend_on_the_clips(tmp_path: Path) -> None:
    words = ("stages.gan.iterations=null", "stages.gan.epochs=2")
    config = tiny_config(tmp_path, *words)
    times = StepTimes({"emotion": 1.0, "gan": 2.0}, 0.1)
    assert times.training_s(config, 100) == 1 + 2 * 50
