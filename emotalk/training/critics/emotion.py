"""Define the emotion discriminator's part in the objective: classify the emotion or "generated"."""

from typing import Any

from torch import Tensor

from emotalk.losses.emotion import emotion_critic, emotion_cross_entropy
from emotalk.models import EmotionDiscriminator
from emotalk.training.critics.critic import Critic, Terms
from emotalk.training.input_preparation import ClipInputs


class EmotionCritic(Critic):
    """Classify whole videos as one of the emotions or as generated; cross-entropy.

    Source: report 4.1.8.
    """

    name = "emotion"
    network_class = EmotionDiscriminator
    needs_emotion = True

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the network."""
        return {"emotions": self.emotions, **super().arguments()}

    def generator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the cross-entropy of generated videos against the requested emotion."""
        return emotion_cross_entropy(output, x.emotion_B)

    def discriminator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the mean cross-entropy: true videos as their emotion, others as generated."""
        real_BK, fake_BK = output.chunk(2)
        return emotion_critic(real_BK, fake_BK, x.emotion_B)

    def real_terms_of(self, output: Tensor, x: ClipInputs) -> Terms:
        """Return the cross-entropy of the emotion of true videos, which come first in `output`."""
        real_BK = output[: len(x.emotion_B)]
        return {"emotion_real": emotion_cross_entropy(real_BK, x.emotion_B)}
