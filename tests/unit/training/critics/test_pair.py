"""The pair discriminator's inputs."""

from pathlib import Path

import torch

from emotalk.models import GeneratorOutput
from emotalk.training.critics import build_critics
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks
from emotalk.training.objective import discriminate, generator_terms
from tests.helpers.drawn_inputs import drawn_inputs
from tests.helpers.objective import called, critics_of
from tests.helpers.tiny_training import tiny_config


def test_the_pair_discriminator_sees_the_mouth_alone(tmp_path: Path) -> None:
    x = drawn_inputs(4)
    critic = build_critics(tiny_config(tmp_path), emotions=6)["pair"]
    video = critic.generated_inputs(x, x.video_BTCHW)[0]
    assert isinstance(video, torch.Tensor)
    assert torch.equal(video, x.video_BTCHW * x.mouth_BTHW.unsqueeze(2))
    assert float(video[:, :, :, :5, :5].abs().max()) < 1e-6, "far from the mouth"


def test_the_pair_discriminator_is_shown_mouths_and_told_the_margins(
    networks: Networks, x: ClipInputs, made: GeneratorOutput
) -> None:
    with called(critics_of(networks).get_submodule("pair")) as calls:
        generator_terms(x, made, networks, critics_of(networks), ["pair"])
        discriminate(x, networks, ["pair"])
    (video, image, speech, margin), (videos, images, speeches, margins) = calls
    mouth = x.mouth_BTHW.unsqueeze(2)
    assert torch.equal(video, made.video_BTCHW * mouth)
    assert image is x.image_BCHW
    assert speech is x.speech_BS
    assert margin == margins == x.margin_frames
    assert x.other_speech_BS is not None
    true, fake, swapped = videos.chunk(3)
    assert torch.equal(true, x.video_BTCHW * mouth)
    assert torch.allclose(fake, made.video_BTCHW * mouth)
    assert torch.equal(swapped, true)
    assert torch.equal(images, torch.cat([x.image_BCHW] * 3))
    assert torch.equal(speeches, torch.cat([x.speech_BS, x.speech_BS, x.other_speech_BS]))
