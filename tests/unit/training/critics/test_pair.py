"""The pair discriminator's inputs."""

from pathlib import Path

import torch

from emotalk.training.critics import build_critics
from tests.helpers.drawn_inputs import drawn_inputs
from tests.helpers.tiny_training import tiny_config


def test_the_pair_discriminator_sees_the_mouth_alone(tmp_path: Path) -> None:
    x = drawn_inputs(4)
    critic = build_critics(tiny_config(tmp_path), emotions=6)["pair"]
    video = critic.generated_inputs(x, x.video_BTCHW)[0]
    assert isinstance(video, torch.Tensor)
    assert torch.equal(video, x.video_BTCHW * x.mouth_BTHW.unsqueeze(2))
    assert float(video[:, :, :, :5, :5].abs().max()) < 1e-6, "far from the mouth"
