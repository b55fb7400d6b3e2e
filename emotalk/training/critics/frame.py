"""Define the frame discriminator's part in the objective: WGAN-GP on single frames."""

import torch
from torch import Tensor, nn

from emotalk.losses.adversarial import wasserstein_critic, wasserstein_generator
from emotalk.losses.gradient_penalty import gradient_penalty
from emotalk.models import FrameDiscriminator
from emotalk.training.critics.critic import Critic, Inputs, Terms
from emotalk.training.input_preparation import ClipInputs


class FrameCritic(Critic):
    """Compare each frame with the condition image; Wasserstein loss with gradient penalty.

    Source: report 4.1.6; Gulrajani et al. 2017 for the penalty.
    """

    name = "frame"
    network_class = FrameDiscriminator

    def generated_inputs(self, x: ClipInputs, fake_BTCHW: Tensor) -> Inputs:
        """Return generated frames and condition images."""
        return fake_BTCHW, x.image_BCHW

    def generator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return minus the mean score of generated frames."""
        return wasserstein_generator(output)

    def joint_inputs(self, x: ClipInputs, fake_BTCHW: Tensor) -> Inputs:
        """Return true and generated frames joined along time, and condition images."""
        # Along time, so that the condition image's share of the convolutions is computed once.
        return torch.cat([x.video_BTCHW, fake_BTCHW], dim=1), x.image_BCHW

    def discriminator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the Wasserstein loss without the penalty."""
        return wasserstein_critic(*output.chunk(2, dim=1))

    def discriminator_terms(
        self, output: Tensor, x: ClipInputs, fake_BTCHW: Tensor, network: nn.Module
    ) -> Terms:
        """Return the loss with the weighted penalty, and the penalty beside it."""
        penalty_B = gradient_penalty(network, x.video_BTCHW, fake_BTCHW, x.image_BCHW, x.alpha_B)
        weighted_B = self.config.losses.gradient_penalty * penalty_B
        term_B = self.discriminator_term(output, x) + weighted_B
        return {"gradient_penalty": penalty_B, self.name: term_B}
