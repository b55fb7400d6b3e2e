"""A stage of the speech path alone, windows after other speech: several processes as one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.runs.networks import build_modules
from tests.distributed.equality import SET_UPS, SetUp
from tests.helpers.tiny_training import read_metrics, tiny_shards, tiny_yaml, train

pytestmark = pytest.mark.distributed
# The error does not see a constant, so its exact gradient is zero, and what is left is rounding.
NO_GRADIENT = "speech_mouth.fc.bias"
STAGES = (
    "model.generator.auxiliary_mouth=true",
    "optim.speech_init=filterbank",
    "stages=[{name: speech, iterations: 4, updates: [{network: generator, lr: 1.0e-3, "
    "losses: {speech_mouth: 1}}]}, {name: video, iterations: 2, updates: [{network: generator, "
    "lr: 1.0e-4, losses: {l1: 1, speech_mouth: 1}}]}]",
    "checkpoint.every=4",
    "data.frames=8",
    "data.preceding_speech=0.5",
    "optim.ema=0",  # which a generator in parts cannot have
)


def trained(config: Path, run_dir: Path, set_up: SetUp) -> dict[str, torch.Tensor]:
    done = train(config, run_dir, *STAGES, *set_up.overrides, processes=set_up.processes)
    assert done.returncode == 0, done.stderr
    return load_file(run_dir / "checkpoints/step-000004/generator.safetensors")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "DDP" else pytest.mark.slow)
        for name in ("DDP", "ZeRO-2", "ZeRO-3+2")
    ],
)
def test_several_processes_train_the_speech_path_as_one_and_then_the_video(
    name: str, tmp_path: Path
) -> None:
    config = tiny_yaml(tmp_path, tiny_shards(tmp_path / "shards"))
    alone = trained(config, tmp_path / "alone", SetUp(processes=1))
    several = trained(config, tmp_path / "several", SET_UPS[name])
    del alone[NO_GRADIENT]
    for weight, value in alone.items():
        assert torch.allclose(value, several[weight], rtol=1e-3, atol=1e-5), weight
    begun = load_config(TrainConfig, config, ["run_dir=x", *STAGES])
    first = build_modules(begun)[0].state_dict()
    moved = {weight.partition(".")[0] for weight in alone if not alone[weight].equal(first[weight])}
    assert moved == {"speech_encoder", "speech_lstm", "speech_mouth"}
    lines = read_metrics(tmp_path / "several")
    assert "train/generator/l1" not in lines[3]
    assert lines[5]["train/generator/l1"] > 0
