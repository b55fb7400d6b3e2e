"""Compute the adversarial losses of the discriminators and of the generator.

Three kinds: Wasserstein (frames), least squares (temporal), binary cross-entropy (pair). Every
function returns one value a clip (B,); the caller sums or averages them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from emotalk.losses.checks import check_floats


def wasserstein_generator(fake_scores_BT: Tensor) -> Tensor:
    """Return -mean over frames of the critic's scores of generated frames (B,), unbounded.

    Source: Arjovsky et al. 2017, eq. 2, as Eskimez et al. 2021 use it.
    """
    check_floats(fake_scores_BT, "B T", "fake_scores_BT")
    return -fake_scores_BT.mean(dim=1)


def wasserstein_critic(real_scores_BT: Tensor, fake_scores_BT: Tensor) -> Tensor:
    """Return mean fake score - mean real score (B,): minus the estimated Wasserstein distance.

    Source: Arjovsky et al. 2017, eq. 2. Add 10 x `gradient_penalty` to it.
    """
    check_floats(real_scores_BT, "B T", "real_scores_BT")
    check_floats(fake_scores_BT, "B T", "fake_scores_BT")
    return fake_scores_BT.mean(dim=1) - real_scores_BT.mean(dim=1)


def least_squares(scores_B: Tensor, target: float) -> Tensor:
    """Return (score - target)^2 / 2 of whole clips (B,), at least 0.

    Source: Mao et al. 2017, eq. 2.
    """
    check_floats(scores_B, "B", "scores_B")
    return (scores_B - target).square() / 2


def least_squares_generator(fake_scores_B: Tensor) -> Tensor:
    """Return (score - 1)^2 / 2 of generated clips (B,), at least 0."""
    return least_squares(fake_scores_B, 1.0)


def least_squares_critic(real_scores_B: Tensor, fake_scores_B: Tensor) -> Tensor:
    """Return (real - 1)^2 / 2 + fake^2 / 2 of true and of generated clips (B,), at least 0.

    Source: Mao et al. 2017, eq. 2; Eskimez et al. 2021, `DISCVIDEO.optStep`. Unlike there, it has
    no emotion term, and the targets are 1 and 0 instead of draws from U(0.7, 1) and U(0, 0.3).
    """
    return least_squares(real_scores_B, 1.0) + least_squares(fake_scores_B, 0.0)


def binary_cross_entropy(logits_B: Tensor, target: float) -> Tensor:
    """Return -log of the probability given to `target` (B,), at least 0, in nats.

    Args:
        logits_B: logits of the class "video and speech belong together".
        target: probability in [0, 1].
    """
    check_floats(logits_B, "B", "logits_B")
    if not 0 <= target <= 1:
        raise ValueError(f"target: got {target}, allowed is 0 <= target <= 1")
    targets_B = torch.full_like(logits_B, target)
    return F.binary_cross_entropy_with_logits(logits_B, targets_B, reduction="none")


def pair_generator(fake_logits_B: Tensor) -> Tensor:
    """Return the cross-entropy of generated video with its own speech against 1 (B,), in nats."""
    return binary_cross_entropy(fake_logits_B, 1.0)


def pair_critic(
    true_logits_B: Tensor, generated_logits_B: Tensor, mismatched_logits_B: Tensor
) -> Tensor:
    """Return (cross-entropy of true pairs against 1 + mean of the untrue ones' against 0) / 2 (B,).

    Args:
        true_logits_B: true video with its own speech.
        generated_logits_B: generated video with its speech.
        mismatched_logits_B: true video with another clip's speech.

    Source: report 4.1.7; the mismatched pair and the equal weight of true and untrue as in Reed et
    al. 2016 (matching-aware discriminator).
    """
    generated_B = binary_cross_entropy(generated_logits_B, 0.0)
    untrue_B = (generated_B + binary_cross_entropy(mismatched_logits_B, 0.0)) / 2
    return (binary_cross_entropy(true_logits_B, 1.0) + untrue_B) / 2
