"""Define the temporal discriminator's part in the objective: least squares on whole videos."""

from torch import Tensor

from emotalk.losses.adversarial import least_squares_critic, least_squares_generator
from emotalk.models import TemporalDiscriminator
from emotalk.training.critics.critic import Critic
from emotalk.training.input_preparation import ClipInputs


class TemporalCritic(Critic):
    """Score the motion of whole videos; least-squares loss.

    Source: report 4.1.
    """

    name = "temporal"
    network_class = TemporalDiscriminator

    def generator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the squared distance of generated videos' scores from 1, halved."""
        return least_squares_generator(output)

    def discriminator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the squared distances from 1 of true and from 0 of generated scores, halved."""
        return least_squares_critic(*output.chunk(2))
