"""Define the pair discriminator's part in the objective: lip sync of mouth and speech."""

import torch
from torch import Tensor

from emotalk.losses.adversarial import pair_critic, pair_generator
from emotalk.losses.mouth_region import mouth_masked
from emotalk.models import PairDiscriminator
from emotalk.training.critics.critic import Critic, Inputs
from emotalk.training.input_preparation import ClipInputs


class PairCritic(Critic):
    """Classify pairs of a mouth and a speech as belonging together or not; cross-entropy.

    Source: report 4.1.7.
    """

    name = "pair"
    network_class = PairDiscriminator
    needs_other_speech = True

    def generated_inputs(self, x: ClipInputs, fake_BTCHW: Tensor) -> Inputs:
        """Return generated mouths with their own speech."""
        return mouth_masked(fake_BTCHW, x.mouth_BTHW), x.image_BCHW, x.speech_BS, x.margin_frames

    def generator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the cross-entropy of generated pairs against "together"."""
        return pair_generator(output)

    def joint_inputs(self, x: ClipInputs, fake_BTCHW: Tensor) -> Inputs:
        """Return true pairs, generated pairs, then true mouths with another clip's speech."""
        assert x.other_speech_BS is not None, "the loader gives it to runs that train this network"
        real_BTCHW = mouth_masked(x.video_BTCHW, x.mouth_BTHW)
        fake_BTCHW = mouth_masked(fake_BTCHW, x.mouth_BTHW)
        videos = torch.cat([real_BTCHW, fake_BTCHW, real_BTCHW])
        images = torch.cat([x.image_BCHW] * 3)
        speech = torch.cat([x.speech_BS, x.speech_BS, x.other_speech_BS])
        return videos, images, speech, x.margin_frames

    def discriminator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the mean cross-entropy of true and untrue pairs; both kinds weigh the same."""
        true_B, generated_B, mismatched_B = output.chunk(3)
        return pair_critic(true_B, generated_B, mismatched_B)
