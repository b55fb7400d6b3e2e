"""Compute losses: pure functions from networks' outputs to one value a clip (B,).

They take features, logits and callables as plain arguments and draw no random numbers.
"""

from emotalk.losses.adversarial import (
    binary_cross_entropy,
    least_squares,
    least_squares_critic,
    least_squares_generator,
    pair_critic,
    pair_generator,
    wasserstein_critic,
    wasserstein_generator,
)
from emotalk.losses.combine import nan_unless_finite, not_finite, weighted_sum, with_zero_gradients
from emotalk.losses.emotion import emotion_critic, emotion_cross_entropy, emotion_generator
from emotalk.losses.gradient_penalty import gradient_norms, gradient_penalty
from emotalk.losses.mouth_region import (
    mouth_centres,
    mouth_masked,
    mouth_region_loss,
    mouth_region_weights,
)
from emotalk.losses.perceptual import draw_frames, perceptual_loss
from emotalk.losses.reconstruction import l1

__all__ = [
    "binary_cross_entropy",
    "draw_frames",
    "emotion_critic",
    "emotion_cross_entropy",
    "emotion_generator",
    "gradient_norms",
    "gradient_penalty",
    "l1",
    "least_squares",
    "least_squares_critic",
    "least_squares_generator",
    "mouth_centres",
    "mouth_masked",
    "mouth_region_loss",
    "mouth_region_weights",
    "nan_unless_finite",
    "not_finite",
    "pair_critic",
    "pair_generator",
    "perceptual_loss",
    "wasserstein_critic",
    "wasserstein_generator",
    "weighted_sum",
    "with_zero_gradients",
]
