"""The frame discriminator's gradient penalty."""

from unittest import mock

import torch

from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks
from emotalk.training.objective import discriminate, discriminator_terms
from tests.helpers.objective import called, critics_of


def test_the_penalty_is_added_times_its_weight(networks: Networks, x: ClipInputs) -> None:
    outputs = discriminate(x, networks, ["frame"])
    critic = critics_of(networks).critics["frame"]
    found = []
    for weight in (0.0, 3.0):
        losses = critic.config.losses.model_copy(update={"gradient_penalty": weight})
        config = critic.config.model_copy(update={"losses": losses})
        with mock.patch.object(critic, "config", config):
            found.append(discriminator_terms(x, outputs, critics_of(networks), ["frame"]))
    penalty = found[0]["gradient_penalty"]
    assert float(penalty.detach().min()) > 0
    assert torch.allclose(found[1]["frame"] - found[0]["frame"], 3.0 * penalty)


def test_the_penalty_is_taken_between_the_true_and_the_generated_video(
    networks: Networks, x: ClipInputs
) -> None:
    outputs = discriminate(x, networks, ["frame"])
    assert outputs.fake_BTCHW is not None
    with called(critics_of(networks).get_submodule("frame")) as calls:
        discriminator_terms(x, outputs, critics_of(networks), ["frame"])
    ((between, image),) = calls
    for clip, alpha in enumerate(x.alpha_B.tolist()):
        expected = alpha * x.video_BTCHW[clip] + (1 - alpha) * outputs.fake_BTCHW[clip]
        assert torch.allclose(between[clip].detach(), expected)
    assert image is x.image_BCHW
