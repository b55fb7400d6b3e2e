"""A step on a GPU waits for it once, unless a log line is due."""

import warnings
from pathlib import Path

import pytest
import torch

from tests.helpers.tiny_training import EVERY_TRANSFORM, tiny_config, tiny_shards
from tests.helpers.train_here import trainer_here


@pytest.mark.parametrize("augment", [[], EVERY_TRANSFORM], ids=["plain", "augmented"])
def test_a_step_waits_for_the_gpu_once(tmp_path: Path, augment: list[str]) -> None:
    tiny_shards(tmp_path / "shards")
    config = tiny_config(
        tmp_path,
        "runtime.device=cuda",
        "stages.emotion.iterations=0",
        "tracking.log_every=1000",
        "checkpoint.every=0",
        *augment,
    )
    with trainer_here(config) as trainer:
        for _ in range(2):  # kernels and libraries are loaded
            trainer._train_one()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as waits:
                warnings.simplefilter("always")
                trainer._train_one()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    told = [str(wait.message) for wait in waits if "synchronizing" in str(wait.message)]
    assert len(config.stages[1].updates) == 2
    assert len(told) == 1, "the norms of both updates' gradients"
