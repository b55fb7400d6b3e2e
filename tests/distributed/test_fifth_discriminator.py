"""Another discriminator is one new file and one section of the configuration, and nothing else."""

import json
import os
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.helpers.run_to_end import run_to_end
from tests.helpers.tiny_training import (
    ROOT,
    read_metrics,
    tiny_shards,
    tiny_yaml,
    train_command,
)

pytestmark = pytest.mark.distributed

FILE = '''
"""Define a discriminator of the mean brightness of whole videos."""

from torch import Tensor, nn

from emotalk.losses.adversarial import least_squares_critic, least_squares_generator
from emotalk.training.critics.critic import Critic
from emotalk.training.input_preparation import ClipInputs


class BrightnessDiscriminator(nn.Module):
    """Score a video by its mean brightness."""

    def __init__(self, *, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, video_BTCHW: Tensor) -> Tensor:
        """Return scores (B,)."""
        mean_B = video_BTCHW.mean(dim=(1, 2, 3, 4))
        return self.layers(mean_B.unsqueeze(1)).squeeze(1)


class BrightnessCritic(Critic):
    """Score the mean brightness of whole videos; least-squares loss."""

    name = "brightness"
    network_class = BrightnessDiscriminator

    def generator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the squared distance of generated videos' scores from 1, halved."""
        return least_squares_generator(output)

    def discriminator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the squared distances from 1 of true and from 0 of generated scores, halved."""
        return least_squares_critic(*output.chunk(2))
'''
SECTION = '''
class BrightnessDiscriminatorConfig(DiscriminatorConfig):
    """Score the mean brightness of a video."""

    hidden: Width = 64


class ModelConfig(Section):
'''
FIELD = "    brightness: BrightnessDiscriminatorConfig = BrightnessDiscriminatorConfig()\n"
LAST_FIELD = "    temporal: TemporalDiscriminatorConfig = TemporalDiscriminatorConfig()\n"
LOSSES = (
    "stages.emotion.iterations=0",
    "stages.gan.updates.0.losses={mouth_region: 1, frame: 0.1, brightness: 0.5}",
    "stages.gan.updates.1.losses={frame: 1, brightness: 1}",
    "checkpoint.every=1",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the program, add the file and the section."""
    tree = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "emotalk", tree / "emotalk", ignore=ignored)
    shutil.copy(ROOT / "train.py", tree)
    (tree / "emotalk/training/critics/brightness.py").write_text(FILE, encoding="utf-8")
    model = tree / "emotalk/config/model.py"
    text = model.read_text(encoding="utf-8")
    assert text.count("\nclass ModelConfig(Section):\n") == text.count(LAST_FIELD) == 1
    text = text.replace("\nclass ModelConfig(Section):\n", SECTION)
    model.write_text(text.replace(LAST_FIELD, LAST_FIELD + FIELD), encoding="utf-8")
    return tree


def train_there(tree: Path, run_dir: Path, *words: str) -> str:
    config = tree / "tiny.yaml"
    command, environment = train_command(config, run_dir, *LOSSES, *words, processes=2)
    command = [
        str(tree / "train.py") if word == str(ROOT / "train.py") else word for word in command
    ]
    environment["PYTHONPATH"] = os.pathsep.join([str(tree), environment.get("PYTHONPATH", "")])
    done = run_to_end(command, environment)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_new_discriminator_trains_in_two_processes_is_saved_and_resumed(
    tree: Path, tmp_path: Path
) -> None:
    tiny_yaml(tree, tiny_shards(tree / "shards"))
    run_dir = tmp_path / "run"
    assert "discriminators: DDP x 2" in train_there(tree, run_dir, "stages.gan.iterations=1")
    first = run_dir / "checkpoints/step-000001"
    weights = load_file(first / "discriminators.safetensors")
    assert {name.partition(".")[0] for name in weights} == {"frame", "emotion", "brightness"}
    assert weights["brightness.layers.0.weight"].shape == (8, 1), "64 times the width, at least 8"
    steps = json.loads((first / "state.json").read_text(encoding="utf-8"))["optimizer_steps"]
    assert steps["discriminators"]["brightness.layers.0.weight"] == 1
    said = train_there(tree, run_dir, "stages.gan.iterations=2")
    assert "continuing at step 1" in said
    for line in read_metrics(run_dir):
        assert line["train/generator/brightness"] > 0
        assert line["train/discriminators/brightness"] > 0
    after = load_file(run_dir / "checkpoints/step-000002/discriminators.safetensors")
    name = "brightness.layers.2.weight"
    assert not after[name].equal(weights[name]), "it learns"
