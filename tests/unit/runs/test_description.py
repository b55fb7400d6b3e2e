"""The memory of a process is described as ZeRO shards it."""

from pathlib import Path

import pytest

from emotalk.runs.description import memory_rows
from emotalk.runs.memory_estimate import RunSizes
from tests.helpers.tiny_training import tiny_config

MIB = 2.0**20


@pytest.mark.parametrize(
    ("generator", "discriminators", "expected"),
    [
        # MiB of 4-byte weights, gradients, moments, own copy: 64 + 32 Mi parameters, 4 processes
        (None, None, {"weights": 384, "gradients": 384, "Adam's moments": 768}),
        (1, 1, {"weights": 384, "gradients": 384, "Adam's moments": 192, "own": 96}),
        (2, 2, {"weights": 384, "gradients": 96, "Adam's moments": 192, "own": 96}),
        (3, 2, {"weights": 192, "gradients": 96, "Adam's moments": 192, "own": 96}),
    ],
)
def test_zero_spreads_moments_then_gradients_then_weights(
    tmp_path: Path, generator: int, discriminators: int, expected: dict[str, float]
) -> None:
    config = tiny_config(tmp_path)
    four = config.model_copy(update={"runtime": config.runtime.model_copy(update={"processes": 4})})
    sizes = {"generator": 64 * 2**20, "frame": 24 * 2**20, "emotion": 8 * 2**20}
    stages = {"generator": generator, "discriminators": discriminators}
    rows = dict(memory_rows(four, RunSizes(sizes, 0, {"generator": 1}), stages))
    found = {name: rows.get(name, 0.0) / MIB for name in ("weights", "gradients", "Adam's moments")}
    found["own"] = rows.get("ZeRO's own copy of its part", 0.0) / MIB
    assert found == {"own": 0.0, **expected}
